//! Answers that are lost or broken: what was made counts as made and has the secret that was wanted,
//! what was not is not, and the same call again completes.

use futures_util::{StreamExt as _, stream};
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};

use super::{OURS, assert_as_wanted, change, ensure, ours, part, url, wanted};
use crate::support::git::GitBench;

/// The ways in which an answer is lost.
fn losses() -> Vec<(&'static str, Reply)> {
    let cut = Reply::json(201, &serde_json::json!({"a": "long enough text"})).truncated();
    vec![
        ("500", Reply::text(500, "oops")),
        ("502 page", Reply::html(502)),
        ("closed", Reply::close()),
        ("truncated", cut),
        ("a page", Reply::html(200)),
        ("other JSON", Reply::json(200, &serde_json::json!({"a": 1}))),
    ]
}

async fn on_every_loss<Fut: Future<Output = ()>>(test: impl Fn(String, GitBench, Reply) -> Fut) {
    let cases = Dialect::ALL.into_iter().flat_map(|dialect| {
        let of_one = losses().into_iter().map(move |loss| (dialect, loss));
        of_one.collect::<Vec<_>>()
    });
    stream::iter(cases)
        .for_each_concurrent(4, async |(dialect, (loss, reply))| {
            let bench = GitBench::on(GitHost::start(dialect).await);
            test(format!("{dialect:?}, {loss}"), bench, reply).await;
        })
        .await;
}

#[tokio::test]
async fn one_that_was_made_although_its_answer_was_lost_counts_as_made() {
    on_every_loss(|name, bench, reply| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        bench.host.lose("POST", part(dialect), reply);
        let wanted = wanted();
        let made = ensure(&*provider, &info, &wanted).await;
        assert!(
            matches!(&made, Ok(made) if !made.existing),
            "{name}: {made:?}"
        );
        let [held] = &bench.host.hooks()[..] else {
            panic!("{name}")
        };
        assert_as_wanted(dialect, held, &wanted);
        assert_eq!(bench.asked("POST", part(dialect)), 1, "{name}: sent once");
    })
    .await;
}

#[tokio::test]
async fn one_that_was_not_made_is_an_error_and_made_by_the_next_call() {
    on_every_loss(|name, bench, reply| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        bench.host.instead("POST", part(dialect), reply);
        let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{name}: {error:?}");
        assert_eq!(bench.host.writes().len(), 1, "{name}: never sent blindly");
        assert!(bench.host.hooks().is_empty(), "{name}");
        let wanted = wanted();
        let made = ensure(&*bench.provider(), &info, &wanted).await.unwrap();
        assert!(!made.existing, "{name}");
        assert_as_wanted(dialect, &bench.host.hooks()[0], &wanted);
    })
    .await;
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_an_error_whatever_became_of_it() {
    on_every_loss(|name, bench, reply| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        for carried_out in [true, false] {
            if carried_out {
                bench
                    .host
                    .lose(change(dialect), part(dialect), reply.clone());
            } else {
                bench
                    .host
                    .instead(change(dialect), part(dialect), reply.clone());
            }
            let asked = bench.asked(change(dialect), part(dialect));
            let provider = bench.provider();
            let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
            assert_eq!(error.code(), "unavailable", "{name}: {error:?}");
            let sent = bench.asked(change(dialect), part(dialect));
            assert_eq!(sent, asked + 1, "{name}: sent once");
            let wanted = wanted();
            let again = ensure(&*provider, &info, &wanted).await.unwrap();
            assert_eq!(again.id, made.id, "{name}");
            assert_as_wanted(dialect, &bench.host.hooks()[0], &wanted);
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_was_removed_although_its_answer_was_lost_is_removed() {
    on_every_loss(|name, bench, reply| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        bench.host.lose("DELETE", part(dialect), reply.clone());
        let removed = provider.remove_webhook(&made.id, &url(OURS)).await;
        assert!(matches!(removed, Ok(true)), "{name}: {removed:?}");
        assert!(ours(&bench).is_empty(), "{name}");
    })
    .await;
}

#[tokio::test]
async fn one_that_cannot_be_looked_at_afterwards_was_made_if_its_answer_says_so() {
    for dialect in Dialect::ALL {
        let bench = GitBench::start(dialect).await;
        let (provider, info) = bench.work().await;
        let list = match dialect {
            Dialect::DataCenter | Dialect::Bitbucket => {
                Reply::json(200, &serde_json::json!({"values": [], "isLastPage": true}))
            }
            _ => Reply::json(200, &serde_json::json!([])),
        };
        // The first look finds nothing, the one afterwards nobody, with all its repetitions.
        let down = || Reply::text(503, "down");
        bench
            .host
            .instead("GET", part(dialect), [list, down(), down(), down()]);
        let wanted = wanted();
        let made = ensure(&*provider, &info, &wanted).await.unwrap();
        assert!(!made.existing, "{dialect:?}");
        assert_as_wanted(dialect, &bench.host.hooks()[0], &wanted);
    }
}
