//! GitLab's access tokens.

use super::*;

#[tokio::test]
async fn a_token_is_replaced() {
    let bench = Bench::of(Dialect::Gitlab).await;
    let old = bench.host.issue_access_token();
    let fresh = bench.rotate(&old).await.unwrap();
    assert_eq!(bench.host.calls(), 1);
    let request = &bench.host.requests()[0];
    assert_eq!(request.path, "/api/v4/personal_access_tokens/self/rotate");
    assert_eq!(request.body, b"{}");
    assert!(fresh.refresh_token.is_none());
    assert_eq!(fresh.expires_at, Some(at("2026-11-06T00:00:00Z")));
    bench.check(fresh.access_token.expose()).await.unwrap();
    let error = bench.check(&old).await.unwrap_err();
    assert_eq!(error.code(), "token_invalid");
}

#[tokio::test]
async fn the_new_token_ends_when_it_is_wanted_to() {
    let bench = Bench::of(Dialect::Gitlab).await;
    let old = AccessToken::parse(bench.host.issue_access_token()).unwrap();
    let until = at("2027-01-31T13:00:00Z");
    let asked = bench.registry.rotate(&bench.url, &old, Some(until));
    let fresh = asked.await.unwrap();
    assert_eq!(fresh.expires_at, Some(at("2027-01-31T00:00:00Z")));
    assert_eq!(
        bench.host.requests()[0].body,
        br#"{"expires_at":"2027-01-31"}"#
    );
}

#[tokio::test]
async fn whoever_rotates_twice_loses_all() {
    let bench = Bench::of(Dialect::Gitlab).await;
    let old = bench.host.issue_access_token();
    let fresh = bench.rotate(&old).await.unwrap();
    assert_eq!(word(&bench.rotate(&old).await), "refused");
    bench.check(fresh.access_token.expose()).await.unwrap_err();
    assert_eq!(bench.host.rotations(), 1);
}

/// The token is of no use any more.
const GONE: &str = "refused";
/// The token is as good as it was.
const STAYS: &str = "not possible";

#[tokio::test]
async fn refusals_say_what_to_do() {
    #[track_caller]
    fn check(result: Result<FreshTokens, RenewalError>, kind: &str, want: &str) {
        assert_eq!(word(&result), kind);
        let text = result.err().unwrap().to_string();
        assert!(text.contains(want), "{want:?} is not in {text}");
    }

    let bench = Bench::of(Dialect::Gitlab).await;
    check(bench.rotate("glpat-unknown").await, GONE, "Store a new one");
    let (oauth, _) = bench.host.issue();
    check(bench.rotate(&oauth).await, STAYS, "another kind");
    let token = bench.host.issue_access_token();
    let missing = Reply::json(404, &json!({"error": "404 Not Found"}));
    bench.host.instead("POST", "rotate", missing);
    check(bench.rotate(&token).await, STAYS, "16.10");
    bench.host.set_read_only_token(true);
    check(bench.rotate(&token).await, STAYS, "self_rotate");
    bench.host.expire_tokens();
    check(bench.rotate(&token).await, GONE, "Store a new one");
    let calls = bench.host.calls();
    check(bench.rotate("gldt-deploy").await, STAYS, "deploy token");
    assert_eq!(bench.host.calls(), calls, "seen without asking");
    assert_eq!(bench.host.rotations(), 0);
}

#[tokio::test]
async fn an_unclear_answer_is_unknown_and_nothing_is_sent_twice() {
    for (want, reply) in answers() {
        let bench = Bench::hasty(Dialect::Gitlab).await;
        let token = bench.host.issue_access_token();
        let told = format!("{reply:?}");
        bench.host.instead("POST", "", reply);
        assert_eq!(word(&bench.rotate(&token).await), want, "{told}");
        assert_eq!(bench.host.calls(), 1, "{told}");
    }
    let bench = Bench::of(Dialect::Gitlab).await;
    let token = bench.host.issue_access_token();
    bench.host.lose("POST", "rotate", Reply::close());
    assert_eq!(word(&bench.rotate(&token).await), "unknown");
    assert_eq!(bench.host.rotations(), 1);
}

#[tokio::test]
async fn other_products_rotate_nothing() {
    for dialect in [Dialect::Github, Dialect::Bitbucket, Dialect::DataCenter] {
        let bench = Bench::of(dialect).await;
        assert_eq!(word(&bench.rotate("t").await), "not configured");
        assert_eq!(bench.host.calls(), 0);
    }
}
