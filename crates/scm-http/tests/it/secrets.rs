//! After a scenario with every kind of secret in it, none is in the files or in the log.

use actix_web::http::Method;
use scm_testkit::{
    code_host::{Reply, Standard},
    db::{Backend, TestDb},
};
use serde_json::json;

use crate::app::{LOG, MARK, TestApp, forms, token};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Fails if a credential is in the files of a SQLite database, sealed ones aside.
pub(crate) fn assert_in_no_file(db: &TestDb) {
    let directory = db.directory().expect("SQLite has files");
    let mut files = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for form in forms() {
            assert!(
                !contains(&bytes, form.as_bytes()),
                "a credential is in {}",
                path.display()
            );
        }
        files += usize::from(contains(&bytes, b"v1.test."));
    }
    assert!(
        files > 0,
        "the sealed values were in the files that were searched"
    );
}

#[tokio::test]
async fn none_is_in_the_database_files_or_the_log() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    for standard in Standard::ALL {
        let mut body = app.body("t", standard);
        body["refreshToken"] = format!("refresh-{MARK}").into();
        let id = app.post("", &body).await.expect(201).id();
        app.verify(&id).await.expect(200);
        app.host(standard).on_everything(Reply::html(500));
        app.verify(&id).await;
        app.host(standard).on_everything(Reply::text(401, MARK));
        app.verify(&id).await;
        app.host(standard).off_everything();
        let path = format!("/{id}");
        app.patch(
            &path,
            &json!({"accessToken": format!("{}2", token(standard))}),
        )
        .await
        .expect(200);
        app.patch(&path, &json!({"accessToken": format!("{MARK} bad")}))
            .await
            .expect(400);
        body["repositoryUrl"] = format!("https://x:{MARK}@github.com/a/b").into();
        app.post("", &body).await.expect(400);
        app.get(&format!("?tenantId={MARK}x")).await.expect(200);
        app.get(&format!("/{MARK}/{MARK}/{MARK}")).await.expect(404);
        let header = ("Authorization", format!("Bearer scm_{MARK}_{MARK}"));
        app.send(app.request(Method::GET, "", None).insert_header(header))
            .await
            .expect(200);
        app.post("/verify", &app.body("t", standard)).await;
    }

    assert_in_no_file(&db);

    let log = LOG.lock().unwrap();
    assert!(contains(&log, b"request"), "something was logged");
    let text = String::from_utf8_lossy(&log);
    let forms = forms();
    let line = text
        .lines()
        .find(|line| forms.iter().any(|form| line.contains(form)));
    assert_eq!(line, None, "a credential is in the log");
}

#[test]
fn every_form_of_a_credential_is_searched_for() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    for standard in Standard::ALL {
        let basic = STANDARD.encode(token(standard));
        assert!(forms().iter().any(|form| basic.contains(form)), "{basic}");
    }
}
