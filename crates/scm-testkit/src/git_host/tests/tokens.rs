//! Issued credentials, and those that are not.

use serde_json::json;

use super::client::{Answer, get, send};
use crate::git_host::{Dialect, GitHost};

async fn user(host: &GitHost, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    send(
        host,
        "GET",
        "/user",
        &[("authorization", &authorization)],
        None,
    )
    .await
}

#[tokio::test]
async fn only_issued_credentials_are_taken_once_there_are_any() {
    for dialect in [Dialect::Github, Dialect::Gitlab, Dialect::Bitbucket] {
        let host = GitHost::start(dialect).await;
        get(&host, "/user").await.expect(200);
        host.set_oauth("id", "secret");
        get(&host, "/user").await.expect(401);
        let (access, refresh) = host.issue();
        user(&host, &access).await.expect(200);
        user(&host, &refresh).await.expect(401);
        host.expire_tokens();
        user(&host, &access).await.expect(401);
        let (other, _) = host.issue();
        user(&host, &other).await.expect(200);
        host.revoke_tokens();
        user(&host, &other).await.expect(401);
    }
}

#[tokio::test]
async fn a_token_is_taken_in_every_header_of_its_product() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let token = host.issue_access_token();
    let header = [("private-token", token.as_str())];
    send(&host, "GET", "/user", &header, None).await.expect(200);
    let path = "/personal_access_tokens/self/rotate";
    let body = json!({"expires_at": "2027-01-31"});
    let answer = send(&host, "POST", path, &header, Some(&body)).await;
    let answer = answer.expect(200);
    assert_eq!(answer.json["expires_at"], "2027-01-31");
    send(&host, "GET", "/user", &header, None).await.expect(401);
    user(&host, answer.json["token"].as_str().unwrap())
        .await
        .expect(200);
}

#[tokio::test]
async fn a_statement_that_is_not_signed_opens_nothing() {
    let host = GitHost::start(Dialect::Github).await;
    host.set_app(7);
    host.install(8, &["contents"]);
    // {"alg":"none"} and {"iat":0,"exp":1,"iss":7}
    let unsigned = "eyJhbGciOiJub25lIn0.eyJpYXQiOjAsImV4cCI6MSwiaXNzIjo3fQ.";
    for statement in ["x", "a.b.c", unsigned] {
        let authorization = format!("Bearer {statement}");
        let header = [("authorization", authorization.as_str())];
        let path = "/app/installations/8/access_tokens";
        send(&host, "POST", path, &header, None).await.expect(401);
        send(&host, "GET", "/app", &header, None).await.expect(401);
    }
    assert_eq!(host.installation_tokens(), 0);
}
