//! An old server writes the same table and knows only the original columns.

use scm_testkit::db::{Backend, TestDb};
use serde_json::json;

use crate::server::{BASE, Place, Server};

#[tokio::test(flavor = "multi_thread")]
async fn its_rows_are_taken_over_at_the_start() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    db.execute_by_hand(
        "INSERT INTO tenant_scm_integrations \
         (id, tenantId, scmType, displayName, repositoryUrl, accessToken, createdByAccountId) \
         VALUES ('old-1', 't', 'GITHUB', 'Old', 'https://github.com/Octo/App.git', 'in clear', 'acc')",
    )
    .await;
    let place = Place::new();
    let mut command = place.command(&[]);
    command.env("SCM_DATABASE__URL", &db.url);
    let server = Server::start(command);
    while !server.log().contains("took over rows of an old writer") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let client = server.client();
    let (status, row) = client.get(&format!("{BASE}/old-1"));
    assert_eq!(status, 200, "{row}");
    let spelling = json!({
        "tenantId": "t",
        "scmType": "GITHUB",
        "repositoryUrl": "git@github.com:octo/app.git",
        "accessToken": "ghp_x",
    });
    assert_eq!(
        client.post(BASE, &spelling).0,
        409,
        "another spelling of the same repository"
    );

    // A token in clear is never used, and only its own row suffers.
    let (status, failed) = client
        .send("POST", &format!("{BASE}/old-1/verify"), None)
        .unwrap();
    assert_eq!(
        (status, &failed["code"]),
        (500, &json!("secret_unreadable"))
    );
    assert!(!server.log().contains("in clear"));
    assert!(!failed.to_string().contains("old-1"), "{failed}");
    assert_eq!(client.get(BASE).0, 200);
}
