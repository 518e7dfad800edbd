//! Release work over HTTP, on code hosts with a real repository behind them: git is the oracle.

mod audit;
mod bad_input;
mod contract;
mod deliveries;
mod fault_table;
mod lost;
mod making;
mod names;
mod roles;
mod states;
mod webhook;

use actix_web::{http::Method, test::TestRequest};
use scm_service::ProviderHost;
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use scm_types::{HostKind, WebHost};
use serde_json::{Value, json};

use crate::app::{Answer, MARK, Mode, TestApp, transport};

/// The API with one repository connected, as `t1`'s.
pub(crate) struct Bench {
    pub(crate) app: TestApp,
    pub(crate) git: GitHost,
    pub(crate) id: String,
    mode: Mode,
    _db: Option<TestDb>,
}

fn kind(dialect: Dialect) -> HostKind {
    match dialect {
        Dialect::Github => HostKind::Github,
        Dialect::Gitlab => HostKind::Gitlab,
        Dialect::Bitbucket => HostKind::Bitbucket,
        Dialect::DataCenter => HostKind::BitbucketDataCenter,
    }
}

/// A credential of the right shape, with the mark in it.
fn token(dialect: Dialect) -> String {
    match dialect {
        Dialect::Github => format!("ghp_{MARK}"),
        Dialect::Gitlab => format!("glpat-{MARK}"),
        Dialect::Bitbucket => format!("dev@example.com:ATATT3x{MARK}"),
        Dialect::DataCenter => format!("BBDC-{MARK}"),
    }
}

fn provider_host(git: &GitHost) -> ProviderHost {
    let web = WebHost::parse(kind(git.dialect()), &git.base_url()).unwrap();
    ProviderHost {
        api_url: git.api_url().parse().unwrap(),
        allow_private_addresses: true,
        ..ProviderHost::default_for(web)
    }
}

/// The body that connects the repository of a host.
fn connection(git: &GitHost) -> Value {
    json!({
        "tenantId": "t1",
        "scmType": kind(git.dialect()).scm_type(),
        "repositoryUrl": git.repository_url(),
        "accessToken": token(git.dialect()),
    })
}

impl Bench {
    /// Without authentication, on SQLite; the repository has one commit.
    pub(crate) async fn new(dialect: Dialect) -> Self {
        Self::with(GitHost::start(dialect).await).await
    }

    /// The same with a repository that the test has made.
    pub(crate) async fn with(git: GitHost) -> Self {
        let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
        let bench = Self::on(&db, Mode::Open, git).await;
        Self {
            _db: Some(db),
            ..bench
        }
    }

    /// On a database of the test.
    pub(crate) async fn on(db: &TestDb, mode: Mode, git: GitHost) -> Self {
        let app = TestApp::with_hosts(&db.url, mode, vec![provider_host(&git)], transport()).await;
        Self::connected(app, mode, git).await
    }

    /// Where code hosts have no address to deliver to.
    pub(crate) async fn unreachable(db: &TestDb, git: GitHost) -> Self {
        let hosts = vec![provider_host(&git)];
        let app = TestApp::with_receiver(&db.url, Mode::Open, hosts, transport(), None).await;
        Self::connected(app, Mode::Open, git).await
    }

    async fn connected(app: TestApp, mode: Mode, git: GitHost) -> Self {
        let mut bench = Self {
            app,
            git,
            id: String::new(),
            mode,
            _db: None,
        };
        let body = connection(&bench.git);
        let create = bench.app.request(Method::POST, "", bench.owner());
        bench.id = bench.app.send(create.set_json(body)).await.expect(201).id();
        bench
    }

    fn owner(&self) -> Option<&'static str> {
        (self.mode == Mode::Keys).then_some("t1-owner")
    }

    /// The path of the connection, and what follows.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/{}{rest}", self.id)
    }

    pub(crate) async fn get(&self, rest: &str) -> Answer {
        let request = self
            .app
            .request(Method::GET, &self.path(rest), self.owner());
        self.app.send(request).await
    }

    pub(crate) async fn post(&self, rest: &str, body: &Value) -> Answer {
        let request = self
            .app
            .request(Method::POST, &self.path(rest), self.owner());
        self.app.send(request.set_json(body)).await
    }
}

/// An operation on a repository whose tag `v1.0.0` and branch `main` are there.
pub(crate) struct Op {
    pub(crate) name: &'static str,
    path: &'static str,
    body: Option<Value>,
    /// True if a viewer may do it.
    pub(crate) reads: bool,
    /// True if it makes something at the code host.
    pub(crate) makes: bool,
}

impl Op {
    pub(crate) fn request(&self, bench: &Bench, id: &str, caller: Option<&str>) -> TestRequest {
        let path = format!("/{id}{}", self.path);
        match &self.body {
            None => bench.app.request(Method::GET, &path, caller),
            Some(body) => bench
                .app
                .request(Method::POST, &path, caller)
                .set_json(body),
        }
    }

    pub(crate) async fn run(&self, bench: &Bench) -> Answer {
        bench
            .app
            .send(self.request(bench, &bench.id, bench.owner()))
            .await
    }
}

/// Every operation that asks the code host; a new one belongs here.
pub(crate) fn operations() -> Vec<Op> {
    let read = |name, path| Op {
        name,
        path,
        body: None,
        reads: true,
        makes: false,
    };
    let make = |name, path, body| Op {
        name,
        path,
        body: Some(body),
        reads: false,
        makes: true,
    };
    vec![
        read("branches", "/branches"),
        read("branch", "/branches/main"),
        make(
            "create branch",
            "/branches",
            json!({"name": "made", "from": "main"}),
        ),
        read("latest", "/tags/latest"),
        read("tags", "/tags"),
        read("tag", "/tags/v1.0.0"),
        make(
            "create tag",
            "/tags",
            json!({"name": "v1.1.0", "branch": "main"}),
        ),
        read("compare", "/compare?base=v1.0.0&head=main"),
        read("cherry-picks", "/cherry-picks?branch=main&tag=v1.0.0"),
        Op {
            makes: false,
            ..make(
                "release notes",
                "/release-notes",
                json!({"currentTag": "v1.0.0"}),
            )
        },
        make(
            "release",
            "/releases",
            json!({"tag": "v1.0.0", "notes": "All of it"}),
        ),
    ]
}
