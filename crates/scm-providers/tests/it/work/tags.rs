//! Tags: peeled through any depth, in the order of releases, made annotated.

use scm_providers::ProviderError;
use scm_testkit::git_host::Dialect;
use scm_types::RefKind;

use super::{NAMES, conflict, on_every_dialect};
use crate::support::git::{GitBench, new_tag, tag};

#[tokio::test]
async fn a_tag_is_peeled_through_any_depth() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let repo = bench.host.repo();
        repo.tag("light", "main");
        repo.annotated_tag("annotated", "main", "Release one\n\nWith a body");
        repo.nested_tag("nested", "main", 3);
        repo.commit("main", "Later");
        let want = bench.sha("light");
        let (provider, info) = bench.work().await;
        for (name, annotated) in [("light", false), ("annotated", true), ("nested", true)] {
            let found = provider.tag(&info, &tag(name)).await.unwrap();
            assert_eq!(found.name, name);
            assert_eq!(found.commit_sha, want, "{dialect:?}, {name}");
            assert_eq!(found.annotated, Some(annotated), "{dialect:?}, {name}");
        }
        let list = provider.tags(&info, "").await.unwrap();
        assert_eq!(list.tags.len(), 3);
        assert!(
            list.tags.iter().all(|tag| tag.commit_sha == want),
            "{dialect:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_tag_is_found_by_its_exact_name() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        for name in NAMES {
            bench.host.repo().tag(name, "main");
        }
        let (provider, info) = bench.work().await;
        for name in NAMES {
            let found = provider.tag(&info, &tag(name)).await.unwrap();
            assert_eq!(found.name, name, "{dialect:?}");
        }
        for name in ["release", "100", "RELEASE/v1.0.0", "feature/a"] {
            let error = provider.tag(&info, &tag(name)).await.unwrap_err();
            assert!(
                matches!(&error, ProviderError::RefNotFound { kind: RefKind::Tag, name: missing } if missing == name),
                "{dialect:?}, {name}: {error:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn tags_come_newest_first_by_version_then_by_date() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let repo = bench.host.repo();
        // The names say nothing about the order of the commits.
        for name in [
            "nightly-z",
            "v1.9.0",
            "wps_1.10.0",
            "nightly-a",
            "v2.0.0-rc.1",
            "build-7",
        ] {
            repo.commit("main", name);
            repo.tag(name, "main");
        }
        let (provider, info) = bench.work().await;
        let list = provider.tags(&info, "").await.unwrap();
        let names: Vec<_> = list.tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "v2.0.0-rc.1",
                "wps_1.10.0",
                "v1.9.0",
                "build-7",
                "nightly-a",
                "nightly-z"
            ],
            "{dialect:?}"
        );
        assert!(list.exact && !list.truncated);
        for (prefix, want) in [
            ("", Some("v2.0.0-rc.1")),
            ("v1", Some("v1.9.0")),
            ("nightly", Some("nightly-a")),
            ("none", None),
        ] {
            let latest = provider.latest_tag(&info, prefix).await.unwrap();
            let name = latest.tags.first().map(|tag| tag.name.as_str());
            assert_eq!(name, want, "{dialect:?}, {prefix}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_tag_is_listed() {
    on_every_dialect(|bench| async move {
        let names = (0..1_234).map(|n| format!("v1.0.{n}"));
        bench.host.repo().tags(names, "main");
        let (provider, info) = bench.work().await;
        let list = provider.tags(&info, "").await.unwrap();
        assert_eq!(list.tags.len(), 1_234, "{:?}", bench.host.dialect());
        assert_eq!(list.tags[0].name, "v1.0.1233");
        assert_eq!(list.tags[1_233].name, "v1.0.0");
    })
    .await;
}

#[tokio::test]
async fn a_tag_is_made_annotated_and_found_again() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let first = bench.sha("main");
        bench.host.repo().commit("main", "Second");
        let (provider, info) = bench.work().await;
        for name in NAMES {
            let new = new_tag(name, &first);
            let made = provider.ensure_tag(&info, &new).await.unwrap();
            assert!(!made.existing, "{dialect:?}, {name}");
            assert_eq!(made.value.commit_sha, first);
            let full = format!("refs/tags/{name}");
            assert_eq!(bench.sha(&full), first);
            assert_eq!(bench.host.repo().object_type(&full).as_deref(), Some("tag"));
            let message = bench.host.repo().tag_message(name).unwrap();
            assert_eq!(message.trim(), new.message);

            let writes = bench.host.writes().len();
            let again = provider.ensure_tag(&info, &new).await.unwrap();
            assert!(again.existing, "{dialect:?}, {name}");
            assert_eq!(bench.host.writes().len(), writes, "nothing is sent");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lightweight_tag_at_the_commit_will_do_and_one_elsewhere_will_not() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let first = bench.sha("main");
        bench.host.repo().tag("v1", "main");
        bench.host.repo().commit("main", "Second");
        let second = bench.sha("main");
        let (provider, info) = bench.work().await;
        let found = provider
            .ensure_tag(&info, &new_tag("v1", &first))
            .await
            .unwrap();
        assert!(
            found.existing && found.value.annotated == Some(false),
            "{dialect:?}"
        );
        let error = provider
            .ensure_tag(&info, &new_tag("v1", &second))
            .await
            .unwrap_err();
        let got = conflict(&error, RefKind::Tag);
        assert_eq!(got, (&first, &second), "{dialect:?}");
        assert_eq!(bench.sha("refs/tags/v1"), first, "nothing was moved");
        assert!(bench.host.writes().is_empty());
    })
    .await;
}

#[tokio::test]
async fn many_tags_without_a_version_are_listed_and_the_doubt_is_told() {
    // GitHub and Data Center give no dates in their lists.
    for (dialect, exact) in [(Dialect::Github, false), (Dialect::Gitlab, true)] {
        let bench = GitBench::start(dialect).await;
        let messages = (0..150).map(|n| format!("Night {n}"));
        let nights = bench.host.repo().commits("main", messages);
        for (n, commit) in nights.iter().enumerate() {
            bench.host.repo().tag(&format!("nightly-{n:03}"), commit);
        }
        let (provider, info) = bench.work().await;
        let list = provider.tags(&info, "").await.unwrap();
        assert_eq!((list.tags.len(), list.exact), (150, exact), "{dialect:?}");
    }
}

#[tokio::test]
async fn tags_of_one_version_come_by_date() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let repo = bench.host.repo();
        // By name the older one of each version would come first.
        for name in ["i_4.0.0", "wps_4.0.0", "i_5.0.0", "wps_5.0.0"] {
            repo.commit("main", name);
            repo.tag(name, "main");
        }
        repo.commit("main", "Next");
        repo.tag("wps_5.1.0", "main");
        let (provider, info) = bench.work().await;
        let list = provider.tags(&info, "").await.unwrap();
        let names: Vec<_> = list.tags.iter().map(|tag| tag.name.as_str()).collect();
        let want = ["wps_5.1.0", "wps_5.0.0", "i_5.0.0", "wps_4.0.0", "i_4.0.0"];
        assert_eq!(names, want, "{dialect:?}");
        assert!(list.exact);
        let commit = bench.sha("wps_5.1.0");
        let previous = provider
            .previous_tag(&info, &tag("wps_5.1.0"), &commit)
            .await;
        assert_eq!(previous.unwrap().unwrap().name, "wps_5.0.0", "{dialect:?}");
        repo.delete_ref("refs/tags/wps_5.1.0");
        let latest = bench.provider().latest_tag(&info, "").await.unwrap();
        assert_eq!(latest.tags[0].name, "wps_5.0.0", "{dialect:?}");
    })
    .await;
}
