//! Answers that are lost or broken, for every write: what was made counts as made, what was not
//! does not, and the same call again completes.

use std::time::Duration;

use scm_providers::{Provider, ProviderError, TransportSettings};
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};
use scm_types::{NewRelease, RepositoryInfo};

use super::{Bench, branch, new_tag, patient, tag};

/// Something that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Branch,
    Tag,
    Release,
}

/// The ways in which an answer is lost.
fn losses() -> Vec<(&'static str, Reply)> {
    vec![
        ("500", Reply::text(500, "oops")),
        ("502 page", Reply::html(502)),
        ("503 wait", Reply::empty(503).header("retry-after", "1")),
        ("closed", Reply::close()),
        (
            "truncated",
            Reply::json(201, &serde_json::json!({"a": "long enough text"})).truncated(),
        ),
        ("silence", Reply::never()),
        ("a page", Reply::html(200)),
    ]
}

/// A short time for each request, so that silence ends soon.
fn impatient() -> TransportSettings {
    TransportSettings {
        request_timeout: Duration::from_millis(1_500),
        ..patient()
    }
}

async fn ensure(
    bench: &Bench,
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

async fn bench(dialect: Dialect) -> Bench {
    let host = GitHost::start(dialect).await;
    host.repo().annotated_tag("v0", "main", "Zero");
    Bench::of(host, impatient())
}

fn is_there(bench: &Bench, what: Made) -> bool {
    let full_name = match what {
        Made::Branch => "refs/heads/release/1",
        Made::Tag => "refs/tags/v1",
        Made::Release => return true,
    };
    bench.host.repo().rev_parse(full_name).is_some()
}

#[tokio::test]
async fn what_was_made_although_its_answer_was_lost_counts_as_made() {
    for dialect in Dialect::ALL {
        for &what in makes(dialect) {
            for (name, reply) in losses() {
                let bench = bench(dialect).await;
                let (provider, info) = bench.work().await;
                bench.host.lose("POST", last_write(dialect, what), reply);
                let existing = ensure(&bench, &*provider, &info, what).await;
                let case = format!("{dialect:?}, {what:?}, {name}");
                assert!(matches!(existing, Ok(false)), "{case}: {existing:?}");
                assert!(is_there(&bench, what), "{case}");
                let writes = bench.host.writes().len();
                let again = ensure(&bench, &*provider, &info, what).await;
                assert!(matches!(again, Ok(true)), "{case}: {again:?}");
                assert_eq!(
                    bench.host.writes().len(),
                    writes,
                    "{case}: nothing is sent twice"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_was_not_made_is_an_error_and_made_by_the_next_call() {
    for dialect in Dialect::ALL {
        for &what in makes(dialect) {
            for (name, reply) in losses() {
                let bench = bench(dialect).await;
                let (provider, info) = bench.work().await;
                bench.host.instead("POST", last_write(dialect, what), reply);
                let case = format!("{dialect:?}, {what:?}, {name}");
                let error = ensure(&bench, &*provider, &info, what).await.unwrap_err();
                assert_eq!(error.code(), "unavailable", "{case}: {error:?}");
                if what != Made::Release {
                    assert!(!is_there(&bench, what), "{case}");
                }
                let posts = bench.host.writes().len();
                let most = if (dialect, what) == (Dialect::Github, Made::Tag) {
                    2
                } else {
                    1
                };
                assert!(posts <= most, "{case}: a write is never repeated blindly");
                let again = ensure(&bench, &*bench.open(), &info, what).await;
                assert!(matches!(again, Ok(false)), "{case}: {again:?}");
                assert!(is_there(&bench, what), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_tag_object_without_a_tag_is_no_tag() {
    let bench = bench(Dialect::Github).await;
    let (provider, info) = bench.work().await;
    // The object is made, its answer is lost: the second call is never sent.
    bench.host.lose("POST", "/git/tags", Reply::close());
    let error = ensure(&bench, &*provider, &info, Made::Tag)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "unavailable");
    assert_eq!(bench.host.repo().tag_names(), ["v0"]);
    let again = ensure(&bench, &*bench.open(), &info, Made::Tag).await;
    assert!(matches!(again, Ok(false)), "{again:?}");
    assert_eq!(
        bench.host.repo().object_type("refs/tags/v1").as_deref(),
        Some("tag")
    );
}

#[tokio::test]
async fn two_at_once_make_one() {
    for dialect in Dialect::ALL {
        for &what in makes(dialect) {
            let bench = bench(dialect).await;
            let (one, info) = bench.work().await;
            let two = bench.open();
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
