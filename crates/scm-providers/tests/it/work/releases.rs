//! Releases, where there are some; where there are none, that is said before anything is sent.

use scm_providers::ProviderError;
use scm_types::NewRelease;

use super::{NAMES, WITH_RELEASES, on_each, on_every_dialect};
use crate::support::git::tag;

fn release(name: &str) -> NewRelease {
    NewRelease {
        tag: tag(name),
        name: format!("Release {name}"),
        notes: "## Changes\n\n- `Fix login`\n".to_owned(),
        prerelease: false,
    }
}

#[tokio::test]
async fn a_release_is_made_once_and_found_again() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        for name in NAMES {
            bench.host.repo().annotated_tag(name, "main", "A tag");
            let object = bench.host.repo().rev_parse(name);
            let new = release(name);
            let made = provider.ensure_release(&info, &new).await;
            if !WITH_RELEASES.contains(&dialect) {
                assert!(
                    matches!(made, Err(ProviderError::NoReleases)),
                    "{dialect:?}"
                );
                assert!(bench.host.writes().is_empty());
                continue;
            }
            let made = made.unwrap();
            assert!(!made.existing, "{dialect:?}, {name}");
            assert_eq!((&*made.value.tag, &*made.value.name), (name, &*new.name));
            assert!(
                made.value.url.starts_with(&bench.host.base_url()),
                "{}",
                made.value.url
            );
            assert_eq!(
                bench.host.repo().rev_parse(name),
                object,
                "the tag is left alone"
            );

            let writes = bench.host.writes().len();
            let again = provider.ensure_release(&info, &new).await.unwrap();
            assert!(again.existing, "{dialect:?}, {name}");
            assert_eq!(bench.host.writes().len(), writes, "nothing is sent");
        }
    })
    .await;
}

#[tokio::test]
async fn another_release_of_the_tag_is_a_conflict_that_says_what_differs() {
    on_each(&WITH_RELEASES, |bench| async move {
        let dialect = bench.host.dialect();
        bench.host.repo().annotated_tag("v1", "main", "A tag");
        let (provider, info) = bench.work().await;
        provider
            .ensure_release(&info, &release("v1"))
            .await
            .unwrap();
        let other = NewRelease {
            notes: "Other notes".to_owned(),
            ..release("v1")
        };
        let writes = bench.host.writes().len();
        let error = provider.ensure_release(&info, &other).await.unwrap_err();
        let ProviderError::ReleaseConflict { differs, .. } = &error else {
            panic!("{dialect:?}: {error:?}")
        };
        assert_eq!(differs[..], ["notes"]);
        assert_eq!(bench.host.writes().len(), writes, "nothing is overwritten");
    })
    .await;
}

#[tokio::test]
async fn line_endings_that_a_host_changes_make_no_other_release() {
    on_each(&WITH_RELEASES, |bench| async move {
        bench.host.repo().annotated_tag("v1", "main", "A tag");
        let (provider, info) = bench.work().await;
        provider
            .ensure_release(&info, &release("v1"))
            .await
            .unwrap();
        let same = NewRelease {
            notes: release("v1").notes.trim_end().replace('\n', "\r\n"),
            ..release("v1")
        };
        let again = provider.ensure_release(&info, &same).await.unwrap();
        assert!(again.existing, "{:?}", bench.host.dialect());
    })
    .await;
}
