//! An old server writes the same table and knows only the original columns.

use scm_testkit::db::{Backend, TestDb, texts};
use serde_json::json;

use crate::server::{BASE, Place, Server};

#[tokio::test(flavor = "multi_thread")]
async fn its_rows_are_taken_over_at_the_start() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    db.execute_by_hand(
        "INSERT INTO tenant_scm_integrations \
         (id, tenantId, scmType, displayName, repositoryUrl, accessToken, createdByAccountId) \
         VALUES ('old-1', 't', 'GITHUB', 'Old', 'https://github.com/Octo/App.git', 'left_by_the_old_one', 'acc')",
    )
    .await;
    let place = Place::new();
    let mut command = place.command(&[]);
    command.env("SCM_DATABASE__URL", &db.url);
    let server = Server::start(command);
    let pool = db.connect().await;
    let taken_over = "SELECT accessToken FROM tenant_scm_integrations \
                      WHERE repositoryKey IS NOT NULL AND accessToken LIKE 'v1.%'";
    while texts(&pool, taken_over).await.is_empty() {
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

    // The token was in clear; nobody has used it so, and it is told.
    while !server
        .log()
        .contains("sealed what another writer had left in clear")
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!server.log().contains("left_by_the_old_one"));
    let (_, noted) = client.get(&format!("{BASE}/old-1/audit"));
    assert!(noted.to_string().contains("credential.sealed"), "{noted}");
    assert_eq!(client.get(BASE).0, 200);
}
