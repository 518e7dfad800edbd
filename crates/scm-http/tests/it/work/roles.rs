//! Two tenants and three roles, for the work on a repository.

use actix_web::http::Method;
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use serde_json::json;

use super::{Bench, operations};
use crate::app::Mode;

async fn bench() -> (TestDb, Bench) {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let git = GitHost::start(Dialect::Github).await;
    git.repo().tag("v1.0.0", "main");
    let bench = Bench::on(&db, Mode::Keys, git).await;
    (db, bench)
}

#[tokio::test]
async fn each_role_may_what_it_may() {
    let (_db, bench) = bench().await;
    for (role, writes) in [
        ("t1-viewer", false),
        ("t1-editor", true),
        ("t1-owner", true),
    ] {
        for operation in operations() {
            bench.git.forget_requests();
            let answer = bench
                .app
                .send(operation.request(&bench, &bench.id, Some(role)))
                .await;
            if writes || operation.reads {
                assert!(
                    answer.status.is_success(),
                    "{role} {}: {}",
                    operation.name,
                    answer.json
                );
            } else {
                assert_eq!(answer.status, 403, "{role} {}", operation.name);
                assert_eq!(answer.json["error"], "This needs the role editor");
                assert_eq!(bench.git.calls(), 0);
            }
        }
        let urls = bench
            .app
            .request(Method::GET, &bench.path("/urls"), Some(role));
        bench.app.send(urls).await.expect(200);
    }
}

#[tokio::test]
async fn a_foreign_row_does_not_exist() {
    let (_db, bench) = bench().await;
    bench.git.forget_requests();
    for caller in ["t2-viewer", "t2-editor", "t2-owner"] {
        for operation in operations() {
            let mut answers = Vec::new();
            for id in [&bench.id, "V1StGXR8_Z5jdHi6B-myT", "a b"] {
                let id = id.replace(' ', "%20");
                let request = operation.request(&bench, &id, Some(caller));
                answers.push(bench.app.send(request).await);
            }
            let may = caller != "t2-viewer" || operation.reads;
            for answer in &answers {
                let status = if may { 404 } else { 403 };
                // A text that is no id is looked at before the role; nobody's row has it.
                assert!(
                    answer.status == status || answer.status == 404,
                    "{caller} {}",
                    operation.name
                );
            }
            assert_eq!(
                answers[0].bytes, answers[1].bytes,
                "{caller} {}",
                operation.name
            );
            let names = |at: usize| {
                let names = answers[at].headers.keys().map(ToString::to_string);
                names.collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(names(0), names(1), "{caller} {}", operation.name);
        }
    }
    assert_eq!(bench.git.calls(), 0, "no code host is called");
}

#[tokio::test]
async fn without_a_good_key_nothing_answers() {
    let (_db, bench) = bench().await;
    bench.git.forget_requests();
    for operation in operations() {
        for key in [None, Some("scm_t1-owner_0")] {
            let mut request = operation.request(&bench, &bench.id, None);
            if let Some(key) = key {
                request = request.insert_header(("Authorization", format!("Bearer {key}")));
            }
            // A key of a repetition does not come before the caller's own.
            request = request.insert_header(("Idempotency-Key", ""));
            let answer = bench.app.send(request).await.expect(401);
            assert_eq!(answer.failure().0, "unauthenticated");
        }
    }
    let wrong = bench
        .app
        .request(Method::POST, &bench.path("/branches"), Some("t1-viewer"));
    bench.app.send(wrong.set_json(json!({}))).await.expect(400);
    assert_eq!(bench.git.calls(), 0);
}
