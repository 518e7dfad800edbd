//! Work that nobody waits for steps back behind users.

use std::time::Duration;

use scm_providers::{Known, TransportSettings};
use scm_testkit::{
    code_host::{Reply, Standard},
    git_host::{Dialect, GitHost},
};
use scm_types::{AccessToken, RepoUrl};

use crate::support::{
    Bench,
    git::{GitBench, new_tag, patient},
};

#[tokio::test]
async fn a_fifth_of_the_limit_is_left_to_users() {
    for (dialect, limit) in [(Dialect::Github, 5_000), (Dialect::Gitlab, 2_000)] {
        let bench = GitBench::start(dialect).await;
        // The next answer tells what is left after it.
        bench.host.set_rate_limit(limit / 5 + 1);
        for _ in 0..2 {
            let asked = bench.background().info().await;
            assert!(asked.is_ok(), "{dialect:?}: a fifth is left: {asked:?}");
        }
        let bench = GitBench::start(dialect).await;
        bench.host.set_rate_limit(limit / 5);
        let asked = bench.background().info().await;
        assert!(asked.is_ok(), "{dialect:?}: nothing is known yet");
        let error = bench.background().info().await.unwrap_err();
        assert_eq!(bench.host.calls(), 1, "{dialect:?}: nothing is sent");
        assert_eq!(error.code(), "rate_limited", "{dialect:?}: {error:?}");
        // Until 17:20, when the limit starts anew, and it is 15:00.
        let wait = Duration::from_mins(140);
        let told = error.retry_after().unwrap();
        assert!(
            told >= wait && told <= wait + Duration::from_secs(2),
            "{told:?}"
        );
        // Users go on, with changes as well.
        let (provider, info) = bench.work().await;
        let made = provider
            .ensure_tag(&info, &new_tag("v1", &bench.sha("main")))
            .await;
        assert!(made.is_ok(), "{dialect:?}: {made:?}");
        bench.clock.advance(told);
        assert!(bench.background().info().await.is_ok(), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_change_in_the_background_begins_only_if_it_leaves_a_fifth() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    let (provider, info) = bench.work().await;
    bench.host.set_rate_limit(403);
    provider.info().await.unwrap();
    let tag = new_tag("v1", &bench.sha("main"));
    // The look takes one of the three that are left to it; the tag needs three more.
    let error = bench
        .background()
        .ensure_tag(&info, &tag)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "rate_limited", "{error:?}");
    assert!(bench.host.writes().is_empty());
    assert!(bench.provider().ensure_tag(&info, &tag).await.is_ok());
}

#[tokio::test]
async fn bitbucket_only_says_that_little_is_left() {
    let bench = Bench::of(Standard::Bitbucket).await;
    let path = bench.standard.repository();
    let url = RepoUrl::parse(&bench.host.repository_url(path), bench.registry.web_hosts());
    let url = url.unwrap();
    let token = AccessToken::parse(bench.standard.token()).unwrap();
    let background = || {
        let known = Known::default();
        bench
            .registry
            .open_in_background(&url, &token, known)
            .unwrap()
    };
    let reply = |near: &str| {
        Reply::fixture("bitbucket/repo_200_access_token_headers")
            .header("x-ratelimit-nearlimit", near)
    };
    let route = format!("/repositories/{path}");
    bench.host.on("GET", &route, reply("false"));
    assert!(background().info().await.is_ok());
    assert!(background().info().await.is_ok());
    bench.host.on("GET", &route, reply("true"));
    assert!(background().info().await.is_ok(), "it tells so");
    let calls = bench.host.calls();
    let error = background().info().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_mins(5)));
    assert_eq!(bench.host.calls(), calls);
    bench.host.on("GET", &route, reply("false"));
    assert!(bench.standard().info().await.is_ok(), "users go on");
    bench.clock.advance(Duration::from_mins(5));
    assert!(background().info().await.is_ok());
}

#[tokio::test]
async fn no_more_than_a_few_calls_at_a_time_and_users_do_not_wait_for_them() {
    let settings = TransportSettings {
        request_timeout: Duration::from_secs(3),
        operation_budget: Duration::from_secs(3),
        max_retries: 0,
        background_per_host: 1,
        ..patient()
    };
    let bench = GitBench::with(GitHost::start(Dialect::Github).await, settings);
    // Its time ends before that of the one that it waits for.
    let waiting = bench.background();
    bench.provider().info().await.unwrap();
    bench.host.forget_requests();
    let hanging = bench.background();
    bench.host.instead("GET", "", Reply::never());
    let hang = async {
        let error = hanging.info().await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{error:?}");
    };
    let wait = async {
        while bench.host.calls() == 0 {
            tokio::task::yield_now().await;
        }
        // A user's call in the meantime.
        bench.provider().info().await.unwrap();
        assert_eq!(bench.host.calls(), 2);
        let error = waiting.info().await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{error:?}");
        assert_eq!(bench.host.calls(), 2, "it was never sent");
    };
    tokio::join!(hang, wait);
    assert!(
        bench.background().info().await.is_ok(),
        "the place is free again"
    );
}
