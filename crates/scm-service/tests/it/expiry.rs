//! Tokens that end and that nobody renews.

use std::time::Duration;

use futures::future::join_all;
use scm_service::{Expiring, RenewedAhead, Services};
use scm_testkit::{
    code_host::Reply,
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
    on_every_database,
};
use scm_types::{
    AccessToken, Actor, CreateScmIntegrationDto, Patch, ServerTask, Timestamp,
    UpdateScmIntegrationDto,
};

use crate::bench::{Bench, HOUR, Later, owner};

const DAY: Duration = Duration::from_hours(24);

/// An integration with an access token that ends after so many days.
async fn ending(db: TestDb, days: u32, auto_rotate: bool) -> Bench {
    let git = GitHost::start(Dialect::Gitlab).await;
    let token = git.issue_access_token();
    let mut bench = Bench::empty(db, git).await;
    let dto = CreateScmIntegrationDto {
        access_token: Some(AccessToken::parse(token).unwrap()),
        token_expires_at: Some(bench.clock.now_plus(DAY * days)),
        auto_rotate,
        ..bench.dto()
    };
    bench.id = bench.services.create(&owner(), dto).await.unwrap().id;
    bench
}

/// How many warnings several servers give that look at the same time.
async fn warnings(bench: &Bench) -> u64 {
    let other = bench.server().await.build().unwrap();
    let servers = [&bench.services, &other, &bench.services, &other];
    let given = join_all(servers.map(Services::warn_of_expiry)).await;
    given.into_iter().map(Result::unwrap).sum()
}

on_every_database! {
    async fn each_threshold_is_told_once_by_all_servers(db: TestDb) {
        let bench = ending(db, 20, false).await;
        let before = bench.row().await;
        for (days, want) in [(0, 0), (6, 1), (1, 0), (6, 1), (3, 0), (3, 1), (0, 0)] {
            bench.clock.advance(DAY * days);
            assert_eq!(warnings(&bench).await, want, "{days}");
            assert_eq!(warnings(&bench).await, 0, "{days}");
        }
        assert_eq!(bench.row().await, before, "a warning is no change");
        // What has ended is told by its row.
        bench.clock.advance(DAY);
        assert_eq!(warnings(&bench).await, 0);
        let change = UpdateScmIntegrationDto {
            token_expires_at: Patch::Value(bench.clock.now_plus(DAY * 5)),
            ..UpdateScmIntegrationDto::default()
        };
        bench.update(&change).await;
        assert_eq!(warnings(&bench).await, 1, "another end");
    }

    async fn what_the_server_renews_is_no_news_until_the_host_refuses(db: TestDb) {
        let bench = ending(db, 5, true).await;
        assert_eq!(warnings(&bench).await, 0);
        let refusal = Reply::fixture("gitlab/project_403_insufficient_scope");
        bench.git.always("POST", "/rotate", refusal);
        let actor = Actor::server(ServerTask::Renewal);
        let done = bench.services.renew_ahead(&actor, &bench.id).await.unwrap();
        assert_eq!(done, RenewedAhead::NotPossible);
        assert_eq!(warnings(&bench).await, 1);
        // Nobody asks it to rotate any more.
        let change = UpdateScmIntegrationDto {
            auto_rotate: Patch::Value(false),
            ..UpdateScmIntegrationDto::default()
        };
        bench.update(&change).await;
        bench.clock.advance(DAY * 4 + HOUR);
        assert_eq!(warnings(&bench).await, 1);
    }

    async fn ends_are_counted_for_those_who_watch(db: TestDb) {
        let bench = ending(db, 5, true).await;
        let counted = bench.services.expiring().await.unwrap();
        let of = |within_days, renewable| Expiring { within_days, renewable, other: 0 };
        assert_eq!(counted, [of(1, 0), of(7, 1), of(14, 1), of(30, 1)]);
    }
}

#[tokio::test]
async fn oauth_is_no_news_either() {
    let bench = Bench::new(Dialect::Gitlab).await;
    assert_eq!(warnings(&bench).await, 0);
    let counted = bench.services.expiring().await.unwrap();
    assert_eq!((counted[0].renewable, counted[0].other), (1, 0));
}

#[tokio::test]
async fn the_end_is_known_from_whatever_the_host_tells() {
    let sqlite = async || TestDb::migrated(Backend::Sqlite).await.unwrap();
    let end = async |bench: &Bench| bench.row().await.token_expires_at.unwrap().to_string();
    // Of a token that is checked: GitLab tells of the token itself, GitHub with every answer.
    for (dialect, want) in [
        (Dialect::Gitlab, "2027-01-31T00:00:00.000Z"),
        (Dialect::Github, "2027-01-31T09:00:00.000Z"),
    ] {
        let git = GitHost::start(dialect).await;
        let mut bench = Bench::empty(sqlite().await, git).await;
        let dto = CreateScmIntegrationDto {
            access_token: Some(AccessToken::parse("glpat-0123456789").unwrap()),
            ..bench.dto()
        };
        bench.id = bench.services.create(&owner(), dto).await.unwrap().id;
        assert_eq!(bench.row().await.token_expires_at, None);
        bench.services.verify(&owner(), &bench.id).await.unwrap();
        assert_eq!(end(&bench).await, want, "{dialect:?}");
    }
    // Of one that was refreshed: in two hours.
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    bench.work().await.unwrap();
    let now: Timestamp = bench.clock.now_plus(Duration::ZERO);
    assert_eq!(end(&bench).await, now.plus(HOUR * 2).to_string());
    // Of one that was rotated.
    let bench = ending(sqlite().await, 5, true).await;
    bench.work().await.unwrap();
    assert_eq!(end(&bench).await, "2026-11-29T00:00:00.000Z");
}
