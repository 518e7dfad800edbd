//! The table "What a failing code host comes to" in `docs/api.md`, taken at its word: every
//! operation on every product with every fault.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use actix_web::{http::Method, test::TestRequest};
use futures::future::join_all;
use scm_service::TransportSettings;
use scm_testkit::{
    code_host::Reply,
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use serde_json::{Value, json};

use super::{connection, provider_host, token};
use crate::app::{Mode, TestApp, transport};

/// Which of an operation's requests to the host fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Calls {
    /// All of them.
    Every,
    /// Those that make something.
    Write,
}

impl Calls {
    const ALL: [Self; 2] = [Self::Every, Self::Write];

    /// The word in the table.
    fn word(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Write => "the write",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Every => "",
            Self::Write => "POST",
        }
    }
}

/// A fault, as each product has it.
type Fault = (&'static str, fn(Dialect) -> Option<Reply>);

fn dc(status: u16, exception: &str) -> Reply {
    let name = format!("com.atlassian.bitbucket.{exception}");
    let error = json!({"context": null, "message": "It cannot be done", "exceptionName": name});
    Reply::json(status, &json!({"errors": [error]}))
}

/// An error as the product tells one of no special meaning.
fn plain(dialect: Dialect, status: u16) -> Reply {
    let body = match dialect {
        Dialect::Github => json!({"message": "It cannot be done", "documentation_url": "x"}),
        Dialect::Gitlab => json!({"message": "It cannot be done"}),
        Dialect::Bitbucket => json!({"type": "error", "error": {"message": "It cannot be done"}}),
        Dialect::DataCenter => return dc(status, "SomeException"),
    };
    Reply::json(status, &body)
}

fn only(dialect: Dialect, wanted: Dialect, fixture: &str) -> Option<Reply> {
    (dialect == wanted).then(|| Reply::fixture(fixture))
}

/// Every fault of the table, in its order.
const FAULTS: &[Fault] = &[
    ("401", |dialect| {
        Some(match dialect {
            Dialect::Github => Reply::fixture("github/user_401_bad_credentials"),
            Dialect::Gitlab => Reply::fixture("gitlab/user_401_bad_token"),
            Dialect::Bitbucket => Reply::fixture("bitbucket/user_401"),
            Dialect::DataCenter => dc(401, "auth.TokenAuthenticationException"),
        })
    }),
    ("403, scope missing", |dialect| {
        Some(match dialect {
            Dialect::Github => Reply::fixture("github/hooks_403_fine_grained_missing_permission"),
            Dialect::Gitlab => Reply::fixture("gitlab/project_403_insufficient_scope"),
            Dialect::Bitbucket => Reply::fixture("bitbucket/user_403_scope"),
            Dialect::DataCenter => dc(403, "AuthorisationException"),
        })
    }),
    ("401, right missing", |dialect| {
        only(
            dialect,
            Dialect::DataCenter,
            "bitbucket/datacenter_repo_401_no_permission",
        )
    }),
    ("403, single sign-on", |dialect| {
        only(dialect, Dialect::Github, "github/repo_403_saml_sso")
    }),
    ("403, rate limit", |dialect| {
        only(
            dialect,
            Dialect::Github,
            "github/repo_403_secondary_rate_limit",
        )
    }),
    ("404, repository", |dialect| {
        Some(Reply::fixture(match dialect {
            Dialect::Github => "github/repo_404",
            Dialect::Gitlab => "gitlab/project_404",
            Dialect::Bitbucket => "bitbucket/repo_404",
            Dialect::DataCenter => "bitbucket/datacenter_repo_404",
        }))
    }),
    ("409", |dialect| Some(plain(dialect, 409))),
    ("422", |dialect| Some(plain(dialect, 422))),
    ("429 with `Retry-After`", |dialect| {
        let reply = match dialect {
            Dialect::Gitlab => Reply::fixture("gitlab/any_429_rack_attack"),
            other => plain(other, 429),
        };
        Some(reply.header("retry-after", "42"))
    }),
    ("429 without", |dialect| {
        Some(match dialect {
            Dialect::Github => Reply::fixture("github/repo_429_secondary_no_retry_after"),
            Dialect::Bitbucket => Reply::fixture("bitbucket/any_429"),
            other => plain(other, 429),
        })
    }),
    ("500", |dialect| Some(plain(dialect, 500))),
    ("503", |dialect| {
        Some(plain(dialect, 503).header("retry-after", "7"))
    }),
    ("slow", |_| Some(Reply::never())),
    ("connection lost", |_| Some(Reply::close())),
    ("broken off", |_| {
        Some(Reply::json(200, &json!({"name": "long enough to be cut", "values": []})).truncated())
    }),
    ("HTML", |_| Some(Reply::html(200))),
    ("redirect to another host", |_| {
        Some(Reply::redirect(307, "http://elsewhere.example.com/api"))
    }),
];

/// The row for what is no fault of the host.
const NO_SUCH_REF: &str = "no such ref";

/// Something to be asked for: name, what follows the connection's path, and a body.
type Asked = (&'static str, String, Option<Value>);

/// Every operation; what is made has a name of its own.
fn operations(dialect: Dialect, run: usize) -> Vec<Asked> {
    let get = |name, path: &str| (name, path.to_owned(), None);
    let post = |name, path: &str, body| (name, path.to_owned(), Some(body));
    // Without release pages the tag is the release, so it must not be there.
    let release = match dialect {
        Dialect::Github | Dialect::Gitlab => json!({"tag": "v1.1.0", "notes": "All"}),
        Dialect::Bitbucket | Dialect::DataCenter => {
            json!({"tag": format!("r-{run}"), "branch": "main", "notes": "All"})
        }
    };
    let branch = json!({"name": format!("b-{run}"), "from": "main"});
    let tag = json!({"name": format!("t-{run}"), "branch": "main"});
    vec![
        get("branches", "/branches"),
        get("branch", "/branches/main"),
        post("create branch", "/branches", branch),
        get("tags", "/tags"),
        get("latest", "/tags/latest"),
        get("tag", "/tags/v1.0.0"),
        post("create tag", "/tags", tag),
        get("compare", "/compare?base=v1.0.0&head=main"),
        get("cherry-picks", "/cherry-picks?branch=main&tag=v1.0.0"),
        post(
            "release notes",
            "/release-notes",
            json!({"currentTag": "v1.1.0"}),
        ),
        post("release", "/releases", release),
    ]
}

fn of_missing_refs() -> Vec<Asked> {
    let get = |name, path: &str| (name, path.to_owned(), None);
    let post = |name, path: &str, body| (name, path.to_owned(), Some(body));
    vec![
        get("branch", "/branches/none"),
        post(
            "create branch",
            "/branches",
            json!({"name": "b", "from": "none"}),
        ),
        get("tag", "/tags/none"),
        post(
            "create tag",
            "/tags",
            json!({"name": "t", "branch": "none"}),
        ),
        get("compare", "/compare?base=none&head=main"),
        get("cherry-picks", "/cherry-picks?branch=main&tag=none"),
        post(
            "release notes",
            "/release-notes",
            json!({"currentTag": "none"}),
        ),
        post(
            "release",
            "/releases",
            json!({"tag": "none", "branch": "none"}),
        ),
    ]
}

/// What came of one operation: fault, calls, operation, product, `status code`.
type Outcome = (usize, Calls, &'static str, usize, String);

/// One product's repository, connected.
struct Product<'a> {
    app: &'a TestApp,
    git: &'a GitHost,
    column: usize,
    id: String,
}

impl Product<'_> {
    async fn ask(&self, (name, path, body): Asked) -> (&'static str, String) {
        let path = format!("/{}{path}", self.id);
        let request: TestRequest = match &body {
            None => self.app.request(Method::GET, &path, None),
            Some(body) => self.app.request(Method::POST, &path, None).set_json(body),
        };
        let answer = self.app.send(request).await;
        let code = answer.json["code"]
            .as_str()
            .unwrap_or("no failure")
            .to_owned();
        let waits = [429, 502, 503, 504].contains(&answer.status.as_u16());
        assert_eq!(
            answer.header("retry-after").is_some(),
            waits,
            "{name}: {}",
            answer.json
        );
        (name, format!("{} {code}", answer.status.as_u16()))
    }

    /// All faults, one after the other.
    async fn outcomes(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let dialect = self.git.dialect();
        for (fault, (_, reply)) in FAULTS.iter().enumerate() {
            let Some(reply) = reply(dialect) else {
                continue;
            };
            for calls in Calls::ALL {
                // Another credential, of which no limit and no answer is remembered.
                let run = fault * 2 + usize::from(calls == Calls::Write);
                let new = json!({"accessToken": format!("{}{run}", token(dialect))});
                self.app
                    .patch(&format!("/{}", self.id), &new)
                    .await
                    .expect(200);
                self.git.always(calls.method(), "", reply.clone());
                let mut asked = operations(dialect, run);
                if calls == Calls::Write {
                    asked.retain(|(name, ..)| {
                        ["create branch", "create tag", "release"].contains(name)
                    });
                }
                for (name, came_to) in join_all(asked.into_iter().map(|it| self.ask(it))).await {
                    outcomes.push((fault, calls, name, self.column, came_to));
                }
                self.git.heal();
            }
        }
        for (name, came_to) in join_all(of_missing_refs().into_iter().map(|it| self.ask(it))).await
        {
            outcomes.push((FAULTS.len(), Calls::Every, name, self.column, came_to));
        }
        outcomes
    }
}

/// A row of the table in the manual.
#[derive(Debug)]
struct Row {
    fault: String,
    calls: String,
    /// The operations that it is about; empty for all that no other row names.
    operations: Vec<String>,
    cells: Vec<String>,
}

fn rows() -> Vec<Row> {
    let manual = include_str!("../../../../../docs/api.md");
    let (_, part) = manual
        .split_once("## What a failing code host comes to")
        .expect("the chapter");
    let lines = part.lines().skip_while(|line| !line.starts_with('|'));
    let lines = lines.take_while(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let mut columns = line.trim_matches('|').split('|').map(str::trim);
            let fault = columns.next().unwrap_or_default().to_owned();
            let calls = columns.next().unwrap_or_default();
            let (calls, operations) = calls.split_once(": ").unwrap_or((calls, ""));
            let operations = operations.split(", ").filter(|name| !name.is_empty());
            Row {
                fault,
                calls: calls.to_owned(),
                operations: operations.map(str::to_owned).collect(),
                cells: columns
                    .map(|cell| cell.trim_matches('`').to_owned())
                    .collect(),
            }
        })
        .collect()
}

fn fault_name(fault: usize) -> &'static str {
    FAULTS.get(fault).map_or(NO_SUCH_REF, |(name, _)| name)
}

/// The table that the outcomes would make, for whoever changes one.
fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let groups: BTreeSet<_> = outcomes.iter().map(|it| (it.0, it.1)).collect();
    for (fault, calls) in groups {
        let mut rows: Vec<(Vec<&str>, [String; 4])> = Vec::new();
        for (.., name, _, _) in outcomes.iter().filter(|it| (it.0, it.1) == (fault, calls)) {
            if rows.iter().any(|(names, _)| names.contains(name)) {
                continue;
            }
            let cells = std::array::from_fn(|column| {
                let here =
                    |it: &&Outcome| (it.0, it.1, it.2, it.3) == (fault, calls, *name, column);
                let cell = outcomes.iter().find(here).map(|it| format!("`{}`", it.4));
                cell.unwrap_or_else(|| "–".to_owned())
            });
            match rows.iter_mut().find(|(_, known)| *known == cells) {
                Some((names, _)) => names.push(name),
                None => rows.push((vec![name], cells)),
            }
        }
        rows.sort_by_key(|(names, _)| std::cmp::Reverse(names.len()));
        for (at, (names, cells)) in rows.iter().enumerate() {
            let names = if at == 0 && fault < FAULTS.len() {
                String::new()
            } else {
                format!(": {}", names.join(", "))
            };
            let (fault, calls) = (fault_name(fault), calls.word());
            let _ = writeln!(text, "| {fault} | {calls}{names} | {} |", cells.join(" | "));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_says_what_happens() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let mut gits = Vec::new();
    for dialect in Dialect::ALL {
        let git = GitHost::start(dialect).await;
        git.repo().annotated_tag("v1.0.0", "main", "One\n");
        git.repo().commit("main", "Second");
        git.repo().annotated_tag("v1.1.0", "main", "Two\n");
        gits.push(git);
    }
    let settings = TransportSettings {
        retry_base: Duration::from_millis(5),
        // Long enough for a busy machine: only silence may look slow.
        request_timeout: Duration::from_secs(5),
        operation_budget: Duration::from_secs(24),
        ..transport()
    };
    let hosts = gits.iter().map(provider_host).collect();
    let app = TestApp::with_hosts(&db.url, Mode::Open, hosts, settings).await;
    let mut products = Vec::new();
    for (column, git) in gits.iter().enumerate() {
        let id = app.post("", &connection(git)).await.expect(201).id();
        products.push(Product {
            app: &app,
            git,
            column,
            id,
        });
    }
    let outcomes = join_all(products.iter().map(Product::outcomes))
        .await
        .concat();

    let rows = rows();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (fault, calls, name, column, came_to) in &outcomes {
        let named = |row: &Row| row.operations.iter().any(|known| known == name);
        let mut fits: Vec<_> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.fault == fault_name(*fault) && row.calls == calls.word())
            .filter(|(_, row)| named(row) || row.operations.is_empty())
            .collect();
        // The row that names the operation goes before the one that names none.
        fits.sort_by_key(|(_, row)| row.operations.is_empty());
        let row = fits.first();
        used.extend(row.map(|(at, _)| *at));
        if row.and_then(|(_, row)| row.cells.get(*column)) != Some(came_to) {
            wrong.push((
                fault_name(*fault),
                calls,
                name,
                Dialect::ALL[*column],
                came_to,
            ));
        }
    }
    let unused: Vec<_> = (0..rows.len()).filter(|at| !used.contains(at)).collect();
    assert!(
        wrong.is_empty() && unused.is_empty(),
        "not as the manual says: {wrong:#?}\nrows of nothing: {unused:?}\nit would be\n{}",
        table(&outcomes)
    );
    let writes = gits.iter().map(|git| git.repo().branch_names().len());
    assert_eq!(writes.max(), Some(1), "no failing host made anything");
}
