//! What is made at a code host is noted, however it ends.

use std::time::Duration;

use actix_web::http::Method;
use scm_testkit::{
    code_host::Reply,
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
    until,
};
use serde_json::{Value, json};

use super::{Bench, operations};
use crate::{app::Mode, audit::lines, secrets::assert_in_no_file};

impl Bench {
    /// The log without its newest `before` rows, as lines.
    async fn noted_since(&self, before: usize) -> Vec<String> {
        let all = self.get("/audit?limit=1000").await.expect(200);
        lines(&all).split_off(before)
    }

    /// Facts beside the newest row.
    async fn newest_detail(&self) -> Value {
        self.get("/audit?limit=1").await.expect(200).data()[0]["detail"].clone()
    }
}

#[tokio::test]
async fn what_is_made_is_noted_with_its_commit() {
    for dialect in Dialect::ALL {
        let bench = Bench::new(dialect).await;
        let head = bench.git.repo().peel("main");
        let made = [
            (
                "/branches",
                json!({"name": "release/1", "from": "main"}),
                "branch.created",
                "create_branch",
                "name",
                "release/1",
            ),
            (
                "/tags",
                json!({"name": "v1.0.0", "branch": "main"}),
                "tag.created",
                "create_tag",
                "name",
                "v1.0.0",
            ),
            (
                "/releases",
                json!({"tag": "v1.0.0", "name": "One", "notes": "v1.0.0"}),
                "release.created",
                "create_release",
                "tag",
                "v1.0.0",
            ),
        ];
        let mut before = 1;
        for (path, body, action, purpose, member, name) in made {
            // A tag that has another message cannot get notes where they are its message.
            let is_release = path == "/releases";
            if is_release && !matches!(dialect, Dialect::Github | Dialect::Gitlab) {
                continue;
            }
            for existing in [false, true] {
                let answer = bench.post(path, &body).await;
                assert!(
                    answer.status.is_success(),
                    "{dialect:?} {path}: {}",
                    answer.json
                );
                assert_eq!(
                    bench.noted_since(before).await,
                    [
                        format!("credential.opened {purpose} done -"),
                        format!("{action} - done -")
                    ],
                    "{dialect:?}"
                );
                before += 2;
                let want = json!({"commit": head, "existing": existing, member: name});
                assert_eq!(bench.newest_detail().await, want, "{dialect:?} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_tag_that_is_made_for_a_release_is_noted_too() {
    let bench = Bench::new(Dialect::Github).await;
    let body = json!({"tag": "v1.0.0", "branch": "main", "notes": "All"});
    bench.git.instead("POST", "/releases", Reply::html(503));
    bench.post("/releases", &body).await.expect(503);
    assert_eq!(
        bench.noted_since(1).await,
        [
            "credential.opened create_release done -",
            "tag.created - done -",
            "release.created - unknown provider_unavailable",
        ]
    );
    bench.post("/releases", &body).await.expect(201);
    assert_eq!(
        bench.noted_since(4).await,
        [
            "credential.opened create_release done -",
            "release.created - done -",
        ]
    );
}

#[tokio::test]
async fn what_is_not_made_is_noted_with_its_reason() {
    let bench = Bench::new(Dialect::Github).await;
    bench.git.repo().branch("taken", "main");
    bench.git.repo().commit("main", "Second");
    let wrong = [
        (
            json!({"name": "taken", "from": "main"}),
            409,
            "ref_conflict",
        ),
        (
            json!({"name": "x", "from": "nowhere"}),
            404,
            "ref_not_found",
        ),
    ];
    let mut before = 1;
    for (body, status, code) in wrong {
        let answer = bench.post("/branches", &body).await.expect(status);
        assert_eq!(answer.failure().0, code);
        assert_eq!(
            bench.noted_since(before).await,
            [
                "credential.opened create_branch done -".to_owned(),
                format!("branch.created - failed {code}"),
            ]
        );
        assert_eq!(bench.newest_detail().await, json!({"name": body["name"]}));
        before += 2;
    }
    bench.git.instead("POST", "/git/refs", Reply::never());
    let body = json!({"name": "x", "from": "main"});
    bench.post("/branches", &body).await.expect(504);
    assert_eq!(
        bench.noted_since(before + 1).await,
        ["branch.created - unknown provider_timeout"]
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_is_noted() {
    let bench = Bench::new(Dialect::Github).await;
    bench.git.instead("POST", "/git/refs", Reply::never());
    let body = json!({"name": "x", "from": "main"});
    let request = bench.post("/branches", &body);
    tokio::select! {
        answer = request => panic!("it was still running: {}", answer.status),
        () = until(|| !bench.git.writes().is_empty()) => {}
    }
    let mut noted = bench.noted_since(2).await;
    for _ in 0..1_000 {
        if !noted.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        noted = bench.noted_since(2).await;
    }
    assert_eq!(noted, ["branch.created - unknown cancelled"]);
    assert_eq!(bench.newest_detail().await, json!({"name": "x"}));
}

#[tokio::test]
async fn the_log_of_all_operations_holds_no_secret() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let git = GitHost::start(Dialect::Gitlab).await;
    git.repo().tag("v1.0.0", "main");
    let bench = Bench::on(&db, Mode::Keys, git).await;
    for operation in operations() {
        let answer = operation.run(&bench).await;
        assert!(
            answer.status.is_success(),
            "{}: {}",
            operation.name,
            answer.json
        );
    }
    let owner = Some("t1-owner");
    let path = bench.path("");
    for (method, path, body) in [
        (
            Method::PATCH,
            path.clone(),
            json!({"accessToken": super::token(Dialect::Gitlab), "refreshToken": super::token(Dialect::Gitlab)}),
        ),
        (Method::POST, format!("{path}/verify"), json!({})),
        (Method::DELETE, path, json!({})),
    ] {
        let request = bench.app.request(method, &path, owner).set_json(body);
        bench.app.send(request).await.expect(200);
    }
    let noted = bench.noted_since(0).await;
    assert!(noted.len() > operations().len(), "{noted:?}");
    assert_in_no_file(&db);
}
