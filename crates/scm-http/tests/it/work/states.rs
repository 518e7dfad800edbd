//! Connections and repositories in every state but the usual one.

use actix_web::http::Method;
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};
use serde_json::{Value, json};

use super::{Bench, operations};

impl Bench {
    async fn patch(&self, change: &Value) {
        self.app.patch(&self.path(""), change).await.expect(200);
    }

    /// Every operation answers with this, and the code host saw none of it.
    async fn all_refused(&self, status: u16, code: &str) {
        self.git.forget_requests();
        for operation in operations() {
            let answer = operation.run(self).await;
            assert_eq!(answer.status, status, "{}: {}", operation.name, answer.json);
            assert_eq!(answer.failure().0, code, "{}", operation.name);
        }
        assert_eq!(self.git.calls(), 0, "nobody was asked");
    }
}

#[tokio::test]
async fn a_connection_that_cannot_work_asks_nobody() {
    let bench = Bench::new(Dialect::Github).await;
    bench.patch(&json!({"isActive": false})).await;
    bench.all_refused(409, "integration_paused").await;
    bench.get("/urls").await.expect(200);
    bench.patch(&json!({"isActive": true})).await;
    bench.patch(&json!({"accessToken": null})).await;
    bench.all_refused(409, "no_credential").await;
    bench.app.delete(&bench.path("")).await.expect(200);
    bench.all_refused(409, "no_credential").await;
    bench
        .app
        .delete(&bench.path("?hard=true"))
        .await
        .expect(200);
    bench.all_refused(404, "not_found").await;
    bench.get("/urls").await.expect(404);
}

#[tokio::test]
async fn what_the_check_found_denied_is_not_tried() {
    let bench = Bench::new(Dialect::Github).await;
    bench.git.set_read_only_token(true);
    // Nothing is known yet: it is tried, and the host refuses.
    let branch = json!({"name": "a", "from": "main"});
    let tried = bench.post("/branches", &branch).await.expect(409);
    assert_eq!(tried.failure().0, "insufficient_scope");
    assert_eq!(bench.git.writes().len(), 1);

    bench.app.verify(&bench.id).await.expect(200);
    bench.git.forget_requests();
    for operation in operations().into_iter().filter(|operation| operation.makes) {
        let answer = operation.run(&bench).await.expect(409);
        assert_eq!(answer.failure().0, "operation_denied", "{}", operation.name);
        assert!(answer.json.get("missing").is_some(), "{}", answer.json);
    }
    assert_eq!(bench.git.calls(), 0, "nobody was asked");
    bench.get("/branches").await.expect(200);

    bench.git.set_read_only_token(false);
    bench.app.verify(&bench.id).await.expect(200);
    bench.post("/branches", &branch).await.expect(201);
}

#[tokio::test]
async fn an_archived_repository_is_read_only() {
    let bench = Bench::new(Dialect::Github).await;
    bench.git.repo().branch("there", "main");
    bench.git.set_archived(true);
    bench.get("/branches").await.expect(200);
    let existing = json!({"name": "there", "from": "main"});
    bench.post("/branches", &existing).await.expect(200);
    for (path, body) in [
        ("/branches", json!({"name": "new", "from": "main"})),
        ("/tags", json!({"name": "v1", "branch": "main"})),
        ("/releases", json!({"tag": "v1", "branch": "main"})),
    ] {
        let answer = bench.post(path, &body).await.expect(409);
        assert_eq!(answer.failure().0, "repository_read_only", "{path}");
    }
    assert!(bench.git.writes().is_empty());
}

#[tokio::test]
async fn a_renamed_repository_is_worked_on_at_its_new_place() {
    let bench = Bench::new(Dialect::Github).await;
    bench.app.verify(&bench.id).await.expect(200);
    bench.git.rename("octo/renamed");
    for (path, body) in [
        ("/branches", json!({"name": "new", "from": "main"})),
        ("/tags", json!({"name": "v1.0.0", "branch": "new"})),
        ("/releases", json!({"tag": "v1.0.0"})),
    ] {
        bench.post(path, &body).await.expect(201);
    }
    bench.get("/branches/new").await.expect(200);
    assert_eq!(bench.git.repo().branch_names(), ["main", "new"]);
    assert_eq!(bench.git.repo().tag_names(), ["v1.0.0"]);
}

#[tokio::test]
async fn a_repository_of_the_same_name_is_not_touched() {
    let bench = Bench::new(Dialect::Github).await;
    bench.app.verify(&bench.id).await.expect(200);
    let other = Reply::fixture("github/repo_200").with(&json!({"id": 7, "full_name": "octo/app"}));
    bench.git.always("", "/repos/octo/app", other);
    let gone = Reply::fixture("github/repo_404");
    bench.git.always("", "/repositories/", gone);
    bench.git.forget_requests();
    for operation in operations() {
        let answer = operation.run(&bench).await.expect(409);
        assert_eq!(
            answer.failure().0,
            "repository_replaced",
            "{}",
            operation.name
        );
    }
    assert!(bench.git.writes().is_empty());
}

#[tokio::test]
async fn an_empty_repository_says_so() {
    let bench = Bench::with(GitHost::empty(Dialect::Github).await).await;
    let branches = bench.get("/branches").await.expect(200);
    assert_eq!(branches.json["count"], 0);
    assert_eq!(
        bench.get("/tags/latest").await.expect(200).data(),
        &Value::Null
    );
    let sha = "0".repeat(40);
    for (path, body, status, code) in [
        (
            "/branches",
            json!({"name": "new", "from": "main"}),
            404,
            "ref_not_found",
        ),
        (
            "/branches",
            json!({"name": "new", "from": sha}),
            404,
            "commit_not_found",
        ),
        (
            "/tags",
            json!({"name": "v1", "branch": "main"}),
            404,
            "branch_not_found",
        ),
        (
            "/tags",
            json!({"name": "v1", "expectedSha": sha}),
            404,
            "commit_not_found",
        ),
        (
            "/releases",
            json!({"tag": "v1", "branch": "main"}),
            404,
            "branch_not_found",
        ),
    ] {
        let answer = bench.post(path, &body).await.expect(status);
        assert_eq!(answer.failure().0, code, "{path} {body}");
    }
    assert!(bench.git.writes().is_empty());
}

#[tokio::test]
async fn names_that_cannot_be_made() {
    let bench = Bench::new(Dialect::Github).await;
    bench.git.protect("refs/heads/release/1");
    bench.git.protect("refs/tags/v1");
    bench.git.repo().branch("a", "main");
    bench.git.repo().branch("twice", "main");
    bench.git.repo().commit("main", "Second");
    bench.git.repo().tag("twice", "main");
    for (path, body, status, code) in [
        (
            "/branches",
            json!({"name": "release/1", "from": "main"}),
            422,
            "ref_refused",
        ),
        (
            "/branches",
            json!({"name": "a/b", "from": "main"}),
            422,
            "ref_refused",
        ),
        (
            "/tags",
            json!({"name": "v1", "branch": "main"}),
            422,
            "ref_refused",
        ),
        (
            "/branches",
            json!({"name": "x", "from": "twice"}),
            409,
            "ref_ambiguous",
        ),
    ] {
        let answer = bench.post(path, &body).await.expect(status);
        assert_eq!(answer.failure().0, code, "{path} {body}");
    }
    let request = bench.app.request(
        Method::GET,
        &bench.path("/compare?base=twice&head=main"),
        None,
    );
    let problem = request.insert_header(("Accept", "application/problem+json"));
    let answer = bench.app.send(problem).await.expect(409);
    assert_eq!(answer.json["type"], "urn:scm:error:ref_ambiguous");
    assert_eq!(bench.git.repo().branch_names(), ["a", "main", "twice"]);
    assert_eq!(bench.git.repo().tag_names(), ["twice"]);
}
