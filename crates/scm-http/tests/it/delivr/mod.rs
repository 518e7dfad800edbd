//! The paths of delivr: what its panel sends and reads, who may, and what a failing host comes to.

mod panel;
mod refused;
mod who;

use actix_web::{http::Method, test::TestRequest};
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};
use serde_json::{Value, json};

use crate::app::{Answer, Mode, TestApp, token};

async fn app() -> (TestDb, TestApp) {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::new(&db.url, Mode::Keys).await;
    (db, app)
}

/// The path of a product.
fn provider(standard: Standard) -> &'static str {
    match standard {
        Standard::Github => "github",
        Standard::Gitlab => "gitlab",
        Standard::Bitbucket => "bitbucket",
    }
}

/// Owner and name of the standard repository.
fn names(standard: Standard) -> (&'static str, &'static str) {
    standard.repository().rsplit_once('/').unwrap()
}

/// What the panel sends to connect a repository.
fn connect(standard: Standard) -> Value {
    let (owner, repo) = names(standard);
    json!({
        "tenantId": "t1",
        "scmType": provider(standard).to_uppercase(),
        "owner": owner,
        "repo": repo,
        "accessToken": token(standard),
        "displayName": format!("{owner}/{repo}"),
        "status": "VALID",
        "isActive": true,
    })
}

/// What the panel sends to check it.
fn check(standard: Standard) -> Value {
    let (owner, repo) = names(standard);
    json!({
        "scmType": provider(standard).to_uppercase(),
        "owner": owner,
        "repo": repo,
        "accessToken": token(standard),
    })
}

impl TestApp {
    fn at(&self, method: Method, path: &str, caller: &str) -> TestRequest {
        let request = TestRequest::with_uri(&format!("/tenants/t1/integrations/scm{path}"));
        let key = format!("Bearer {}", self.key(caller));
        request.method(method).insert_header(("Authorization", key))
    }

    /// A request of the owner.
    async fn panel(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.at(method, path, "t1-owner");
        if let Some(body) = body {
            request = request.set_json(body);
        }
        self.send(request).await
    }

    /// All rows of the tenant, in the own form; deleted ones too if `active` is false.
    async fn rows(&self, active: bool) -> Vec<Value> {
        let path = format!("?tenantId=t1&isActive={active}");
        let list = self.request(Method::GET, &path, Some("t1-owner"));
        let list = self.send(list).await.expect(200);
        list.data().as_array().unwrap().clone()
    }

    /// Gives the GitHub of the test another repository.
    fn add_repository(&self, path: &str) {
        let github = &self.github;
        let route = format!("/repos/{path}");
        github.on("GET", &route, github.named(path));
        let list = scm_testkit::code_host::Reply::json(200, &json!([]));
        github.on("GET", &format!("{route}/hooks"), list.clone());
        github.on("GET", &format!("{route}/branches"), list);
    }
}
