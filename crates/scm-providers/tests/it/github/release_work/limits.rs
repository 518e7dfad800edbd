//! Rate limits and writes.

use scm_testkit::code_host::Reply;

use super::bench;
use crate::support::git::{branch, new_tag};

#[tokio::test]
async fn a_sequence_that_the_limit_cannot_finish_is_not_begun() {
    // Asking for the repository and the tag takes two, making the tag and looking at it four.
    for (calls, is_made) in [(6, true), (5, false), (3, false)] {
        let bench = bench().await;
        bench.host.set_rate_limit(calls);
        let (provider, info) = bench.work().await;
        let made = provider
            .ensure_tag(&info, &new_tag("v1", &bench.sha("main")))
            .await;
        assert_eq!(made.is_ok(), is_made, "{calls}: {made:?}");
        assert_eq!(bench.host.repo().tag_names().len(), usize::from(is_made));
        assert_eq!(bench.host.writes().len(), if is_made { 2 } else { 0 });
        if let Err(error) = made {
            assert_eq!(error.code(), "rate_limited");
            assert_eq!(error.retry_after().unwrap().as_secs(), 8_401);
        }
    }
}

#[tokio::test]
async fn a_refused_write_closes_the_budget_of_the_credential() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    let refusal = Reply::fixture("github/repo_403_secondary_rate_limit");
    bench.host.instead("POST", "/git/refs", refusal);
    let (name, head) = (branch("x"), bench.sha("main"));
    let error = provider
        .ensure_branch(&info, &name, &head)
        .await
        .unwrap_err();
    let wait = error.retry_after().unwrap();
    assert_eq!((error.code(), wait.as_secs()), ("rate_limited", 60));
    let calls = bench.host.calls();
    let error = bench.provider().info().await.unwrap_err();
    assert_eq!((error.code(), bench.host.calls()), ("rate_limited", calls));
    bench.clock.advance(wait);
    let (provider, info) = bench.work().await;
    assert!(provider.ensure_branch(&info, &name, &head).await.is_ok());
}
