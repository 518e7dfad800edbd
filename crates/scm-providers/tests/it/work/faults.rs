//! Answers that are lost or broken, for every write: what was made counts as made, what was not
//! does not, and the same call again completes.

use std::{future::Future, time::Duration};

use futures_util::{StreamExt as _, stream};
use scm_providers::{Provider, ProviderError, TransportSettings};
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};
use scm_types::{NewRelease, RepositoryInfo};

use crate::support::git::{GitBench, branch, new_tag, patient, tag};

/// Something that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Branch,
    Tag,
    Release,
}

/// The ways in which an answer is lost.
fn losses() -> Vec<(&'static str, Reply)> {
    let cut = Reply::json(201, &serde_json::json!({"a": "long enough text"})).truncated();
    vec![
        ("500", Reply::text(500, "oops")),
        ("502 page", Reply::html(502)),
        ("503 wait", Reply::empty(503).header("retry-after", "1")),
        ("closed", Reply::close()),
        ("truncated", cut),
        ("silence", Reply::never()),
        ("a page", Reply::html(200)),
    ]
}

/// Something that is made on a host of its own, with an answer that gets lost.
struct Case {
    name: String,
    what: Made,
    last_write: &'static str,
    reply: Reply,
    bench: GitBench,
}

/// Every write of every dialect with every loss, some at a time: silence takes its time.
async fn on_every_write<Fut: Future<Output = ()>>(test: impl Fn(Case) -> Fut) {
    let cases = Dialect::ALL.into_iter().flat_map(|dialect| {
        let of_one = makes(dialect).iter().flat_map(move |&what| {
            let losses = losses().into_iter();
            losses.map(move |(loss, reply)| (dialect, what, loss, reply))
        });
        of_one.collect::<Vec<_>>()
    });
    stream::iter(cases)
        .for_each_concurrent(6, async |(dialect, what, loss, reply)| {
            let settings = match loss {
                "silence" => TransportSettings {
                    request_timeout: Duration::from_secs(3),
                    ..patient()
                },
                _ => patient(),
            };
            let host = GitHost::start(dialect).await;
            host.repo().annotated_tag("v0", "main", "Zero");
            test(Case {
                name: format!("{dialect:?}, {what:?}, {loss}"),
                what,
                last_write: last_write(dialect, what),
                reply,
                bench: GitBench::with(host, settings),
            })
            .await;
        })
        .await;
}

async fn ensure(
    bench: &GitBench,
    provider: &dyn Provider,
    info: &RepositoryInfo,
    what: Made,
) -> Result<bool, ProviderError> {
    let head = bench.sha("main");
    Ok(match what {
        Made::Branch => {
            provider
                .ensure_branch(info, &branch("release/1"), &head)
                .await?
                .existing
        }
        Made::Tag => {
            provider
                .ensure_tag(info, &new_tag("v1", &head))
                .await?
                .existing
        }
        Made::Release => {
            let release = NewRelease {
                tag: tag("v0"),
                name: "Zero".to_owned(),
                notes: "Notes".to_owned(),
                prerelease: false,
            };
            provider.ensure_release(info, &release).await?.existing
        }
    })
}

/// What each product can make.
fn makes(dialect: Dialect) -> &'static [Made] {
    match dialect {
        Dialect::Github | Dialect::Gitlab => &[Made::Branch, Made::Tag, Made::Release],
        Dialect::Bitbucket | Dialect::DataCenter => &[Made::Branch, Made::Tag],
    }
}

/// The last of the writes that make it.
fn last_write(dialect: Dialect, what: Made) -> &'static str {
    match (dialect, what) {
        (Dialect::Github, Made::Branch | Made::Tag) => "/git/refs",
        _ => "",
    }
}

fn is_there(bench: &GitBench, what: Made) -> bool {
    let full_name = match what {
        Made::Branch => "refs/heads/release/1",
        Made::Tag => "refs/tags/v1",
        Made::Release => return true,
    };
    bench.host.repo().rev_parse(full_name).is_some()
}

#[tokio::test]
async fn what_was_made_although_its_answer_was_lost_counts_as_made() {
    on_every_write(|case| async move {
        let (what, name, bench) = (case.what, case.name, case.bench);
        let (provider, info) = bench.work().await;
        bench.host.lose("POST", case.last_write, case.reply);
        let existing = ensure(&bench, &*provider, &info, what).await;
        assert!(matches!(existing, Ok(false)), "{name}: {existing:?}");
        assert!(is_there(&bench, what), "{name}");
        let writes = bench.host.writes().len();
        let again = ensure(&bench, &*provider, &info, what).await;
        assert!(matches!(again, Ok(true)), "{name}: {again:?}");
        let sent = bench.host.writes().len();
        assert_eq!(sent, writes, "{name}: nothing is sent twice");
    })
    .await;
}

#[tokio::test]
async fn what_was_not_made_is_an_error_and_made_by_the_next_call() {
    on_every_write(|case| async move {
        let (what, name, bench) = (case.what, case.name, case.bench);
        let (provider, info) = bench.work().await;
        bench.host.instead("POST", case.last_write, case.reply);
        let error = ensure(&bench, &*provider, &info, what).await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{name}: {error:?}");
        assert!(what == Made::Release || !is_there(&bench, what), "{name}");
        // GitHub's tags take two writes.
        let most = if (bench.host.dialect(), what) == (Dialect::Github, Made::Tag) {
            2
        } else {
            1
        };
        let sent = bench.host.writes().len();
        assert!(sent <= most, "{name}: a write is never repeated blindly");
        let again = ensure(&bench, &*bench.provider(), &info, what).await;
        assert!(matches!(again, Ok(false)), "{name}: {again:?}");
        assert!(is_there(&bench, what), "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_tag_object_without_a_tag_is_no_tag() {
    let bench = GitBench::start(Dialect::Github).await;
    let (provider, info) = bench.work().await;
    // The object is made, its answer is lost: the second call is never sent.
    bench.host.lose("POST", "/git/tags", Reply::close());
    let made = ensure(&bench, &*provider, &info, Made::Tag).await;
    assert_eq!(made.unwrap_err().code(), "unavailable");
    assert!(bench.host.repo().tag_names().is_empty());
    let again = ensure(&bench, &*bench.provider(), &info, Made::Tag).await;
    assert!(matches!(again, Ok(false)), "{again:?}");
    let object = bench.host.repo().object_type("refs/tags/v1");
    assert_eq!(object.as_deref(), Some("tag"));
}

#[tokio::test]
async fn two_at_once_make_one() {
    for dialect in Dialect::ALL {
        for &what in makes(dialect) {
            let bench = GitBench::start(dialect).await;
            bench.host.repo().annotated_tag("v0", "main", "Zero");
            let (one, info) = bench.work().await;
            let two = bench.provider();
            let (one, two) = tokio::join!(
                ensure(&bench, &*one, &info, what),
                ensure(&bench, &*two, &info, what),
            );
            assert!(
                one.is_ok() && two.is_ok(),
                "{dialect:?}, {what:?}: {one:?} {two:?}"
            );
            assert!(is_there(&bench, what));
        }
    }
}
