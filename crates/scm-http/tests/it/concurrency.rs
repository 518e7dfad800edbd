//! Many at once: uniqueness and named columns hold.

use futures::future::join_all;
use scm_testkit::{code_host::Standard, db::TestDb, on_every_database};
use serde_json::json;

use crate::app::{MARK, TestApp};

on_every_database! {
    async fn of_32_identical_creates_one_wins(db: TestDb) {
        let app = TestApp::open(&db).await;
        let body = app.body("t", Standard::Github);
        let answers = join_all((0..32).map(|_| app.post("", &body))).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(409)), (1, 31));
        assert_eq!(app.get("?tenantId=t").await.json["count"], 1);
    }

    async fn of_32_revivals_one_wins(db: TestDb) {
        let app = TestApp::open(&db).await;
        let body = app.body("t", Standard::Github);
        let id = app.post("", &body).await.expect(201).id();
        app.delete(&format!("/{id}")).await.expect(200);
        let answers = join_all((0..32).map(|_| app.post("", &body))).await;
        let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].id(), id);
        assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status.as_u16())));
    }

    async fn parallel_changes_of_different_fields_survive(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Github)).await.expect(201).id();
        let path = format!("/{id}");
        for round in 0..5 {
            let (name, branch) = (format!("name {round}"), format!("branch-{round}"));
            let changes = [
                json!({"displayName": name}),
                json!({"defaultBranch": branch}),
                json!({"refreshToken": format!("ghr_{MARK}{round}")}),
                json!({"tokenExpiresAt": format!("2027-01-0{}T00:00:00Z", round + 1)}),
            ];
            for answer in join_all(changes.iter().map(|change| app.patch(&path, change))).await {
                answer.expect(200);
            }
            let row = app.get(&path).await;
            assert_eq!(row.data()["displayName"], name);
            assert_eq!(row.data()["defaultBranch"], branch);
            assert_eq!(
                row.data()["tokenExpiresAt"],
                format!("2027-01-0{}T00:00:00.000Z", round + 1)
            );
        }
    }

    async fn without_a_condition_none_is_failed(db: TestDb) {
        let app = TestApp::open(&db).await;
        let body = app.body("t", Standard::Github);
        let id = app.post("", &body).await.expect(201).id();
        let path = format!("/{id}");
        let change = json!({"accessToken": format!("ghp_{MARK}2")});
        for _ in 0..4 {
            let patches = join_all((0..6).map(|_| app.patch(&path, &change)));
            let deletes = join_all((0..6).map(|_| app.delete(&path)));
            let creates = join_all((0..6).map(|_| app.post("", &body)));
            let (patched, deleted, created) = futures::join!(patches, deletes, creates);
            for answer in patched.iter().chain(&deleted).chain(&created) {
                let status = answer.status.as_u16();
                assert!([200, 201, 409].contains(&status), "{}", answer.json);
            }
        }
    }
}
