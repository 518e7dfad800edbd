//! Rate limits and writes.

use std::time::Duration;

use scm_providers::TransportSettings;
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};

use super::bench;
use crate::support::git::{GitBench, branch, new_tag, patient, release};

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

#[tokio::test]
async fn a_tag_is_not_begun_that_its_release_cannot_follow() {
    // Asking for the repository and the tag takes two, the tag four, its release two.
    for (calls, is_made) in [(8, true), (7, false)] {
        let bench = bench().await;
        bench.host.set_rate_limit(calls);
        let (provider, info) = bench.work().await;
        provider.plan_release();
        let tag = new_tag("v1", &bench.sha("main"));
        let made = provider.ensure_tag(&info, &tag).await;
        assert_eq!(made.is_ok(), is_made, "{calls}: {made:?}");
        assert_eq!(bench.host.repo().tag_names().len(), usize::from(is_made));
    }
}

#[tokio::test]
async fn writes_that_must_wait_are_refused_before_the_first_and_what_is_there_waits_for_nobody() {
    let settings = TransportSettings {
        write_pause: Duration::from_secs(70),
        operation_budget: Duration::from_mins(2),
        ..patient()
    };
    let bench = GitBench::with(GitHost::start(Dialect::Github).await, settings);
    bench.host.repo().annotated_tag("v0", "main", "Zero");
    let head = bench.sha("main");
    // Tag object, ref and release would take more than two minutes.
    let (provider, info) = bench.work().await;
    provider.plan_release();
    let refused = provider.ensure_tag(&info, &new_tag("v1", &head)).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), "paced");
    assert!(error.retry_after().is_some() && bench.host.writes().is_empty());
    // One write has room; repeating what is there takes no slot, however often.
    assert!(provider.ensure_release(&info, &release("v0")).await.is_ok());
    for _ in 0..5 {
        let (provider, info) = bench.work().await;
        provider.plan_release();
        let tag = provider.ensure_tag(&info, &new_tag("v0", &head)).await;
        assert!(tag.unwrap().existing);
        let again = provider.ensure_release(&info, &release("v0")).await;
        assert!(again.unwrap().existing);
    }
}
