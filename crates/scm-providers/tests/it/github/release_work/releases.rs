//! Releases.

use scm_providers::ProviderError;
use scm_testkit::code_host::Reply;
use serde_json::json;

use super::bench;
use crate::support::git::release;

#[tokio::test]
async fn a_refused_release_names_what_is_missing() {
    let refusal = |status, message: &str| Reply::json(status, &json!({"message": message}));
    for (reply, want) in [
        (refusal(404, "Not Found"), "workflows"),
        (
            refusal(404, "Not Found").header(
                "x-accepted-github-permissions",
                "contents=write; contents=write,workflows=write",
            ),
            "contents=write; contents=write,workflows=write",
        ),
        (
            refusal(
                403,
                "refusing to allow an OAuth App to create or update workflow `.github/workflows/x`",
            ),
            "the scope workflow",
        ),
    ] {
        let bench = bench().await;
        bench.host.repo().tag("v1", "main");
        let (provider, info) = bench.work().await;
        bench.host.instead("POST", "/releases", reply);
        let error = provider
            .ensure_release(&info, &release("v1"))
            .await
            .unwrap_err();
        match &error {
            ProviderError::InsufficientScope { missing, .. } => {
                assert!(missing.as_deref().unwrap().contains(want), "{missing:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.host.writes().len(), 1);
    }
}

#[tokio::test]
async fn a_release_keeps_its_lines() {
    let bench = bench().await;
    bench.host.repo().annotated_tag("a/v1", "main", "One");
    let (provider, info) = bench.work().await;
    let new = release("a/v1");
    let made = provider.ensure_release(&info, &new).await.unwrap();
    assert_eq!(
        (made.existing, made.value.notes),
        (false, new.notes.clone())
    );
    assert!(provider.ensure_release(&info, &new).await.unwrap().existing);
    let body: serde_json::Value = serde_json::from_slice(&bench.host.writes()[0].body).unwrap();
    assert_eq!(body["make_latest"], "legacy");
    assert_eq!(body["target_commitish"], serde_json::Value::Null);
    let mut other = new;
    other.notes = "Other".to_owned();
    let error = provider.ensure_release(&info, &other).await.unwrap_err();
    assert_eq!(error.code(), "release_conflict");
}
