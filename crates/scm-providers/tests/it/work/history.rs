//! Comparisons, ancestry, and the tag before another. `git rev-list` and `git merge-base` know.

use scm_providers::ProviderError;
use scm_testkit::git_host::Dialect;
use scm_types::{RefKind, RefSpec};

use super::on_every_dialect;
use crate::support::git::{GitBench, tag};

fn spec(raw: &str) -> RefSpec {
    RefSpec::parse(raw).unwrap()
}

/// A main line, a branch with merges of both into each other, and a branch of its own.
fn grow(bench: &GitBench) {
    let repo = bench.host.repo();
    repo.tag("root", "main");
    repo.commit("main", "A");
    repo.branch("release/1", "main");
    repo.tag("v1.0.0", "main");
    for n in 0..3 {
        repo.commit("main", &format!("Main {n}"));
        repo.commit("release/1", &format!("Fix {n}"));
    }
    repo.tag("v1.0.1", "release/1");
    repo.merge("main", "release/1", "Merge release/1");
    repo.annotated_tag("v1.1.0", "main", "One one");
    repo.commit("main", "B");
    repo.commit("release/1", "Late fix");
}

#[tokio::test]
async fn a_comparison_is_what_git_lists() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        grow(&bench);
        let (provider, info) = bench.work().await;
        for (base, head) in [
            ("v1.0.0", "main"),
            ("v1.0.0", "release/1"),
            ("main", "release/1"),
            ("release/1", "main"),
            ("v1.0.1", "v1.1.0"),
            ("main", "root"),
            ("main", "main"),
        ] {
            let (from, to) = (bench.sha(base), bench.sha(head));
            let got = provider.compare(&info, Some(&from), &to).await.unwrap();
            let want = bench.host.repo().log(&format!("{base}..{head}"));
            let mut shas: Vec<_> = got
                .commits
                .iter()
                .map(|commit| commit.sha.to_string())
                .collect();
            assert_eq!(got.count, want.len() as u64, "{dialect:?}, {base}..{head}");
            assert!(got.exact && !got.truncated);
            if !want.is_empty() {
                assert_eq!(shas[0], want[0], "{dialect:?}: newest first");
            }
            shas.sort();
            let mut want = want;
            want.sort();
            assert_eq!(shas, want, "{dialect:?}, {base}..{head}");

            let back = provider.compare(&info, Some(&to), &from).await.unwrap();
            let is_ancestor = bench.host.repo().is_ancestor(base, head);
            assert_eq!(back.count == 0, is_ancestor, "{dialect:?}, {base}..{head}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_has_author_subject_date_page_and_pull_request() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let repo = bench.host.repo();
        let base = bench.sha("main");
        repo.commit_by("main", "Fix <b>login</b> @all\n\nA body", "Zoë Öz");
        let message = match dialect {
            Dialect::Github => "Better (#12)",
            Dialect::Gitlab => {
                "Merge branch 'x' into 'main'\n\nBetter\n\nSee merge request group/app!12"
            }
            Dialect::Bitbucket => "Merged in x (pull request #12)\n\nBetter",
            Dialect::DataCenter => "Pull request #12: Better",
        };
        repo.commit("main", message);
        let head = bench.sha("main");
        let (provider, info) = bench.work().await;
        let got = provider.compare(&info, Some(&base), &head).await.unwrap();
        let [newer, older] = &got.commits[..] else {
            panic!("{dialect:?}: {got:?}")
        };
        assert_eq!(older.subject, "Fix <b>login</b> @all", "{dialect:?}");
        assert_eq!(older.author, "Zoë Öz", "{dialect:?}");
        assert!(
            older.date.is_some() && older.date < newer.date,
            "{dialect:?}"
        );
        assert!(older.url.ends_with(older.sha.as_str()), "{}", older.url);
        assert_eq!(older.pull_request, None);
        let request = newer.pull_request.as_ref().unwrap();
        assert_eq!(request.number, 12, "{dialect:?}");
        assert!(request.url.ends_with("/12") && request.url.starts_with(&bench.host.base_url()));
    })
    .await;
}

#[tokio::test]
async fn over_the_cap_the_newest_are_listed_and_the_answer_says_so() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let base = bench.sha("main");
        let messages = (0..1_250).map(|n| format!("Change {n}"));
        bench.host.repo().commits("main", messages);
        let (provider, info) = bench.work().await;
        for (head, is_cut) in [("main~250", false), ("main~249", true), ("main", true)] {
            let want = bench.host.repo().log(&format!("{base}..{head}"));
            let head = bench.sha(head);
            let got = provider.compare(&info, Some(&base), &head).await.unwrap();
            let shas: Vec<_> = got
                .commits
                .iter()
                .map(|commit| commit.sha.as_str())
                .collect();
            assert_eq!(shas, want[..want.len().min(1_000)], "{dialect:?}");
            assert_eq!(got.truncated, is_cut, "{dialect:?}, {}", want.len());
            if got.exact {
                assert_eq!(got.count, want.len() as u64, "{dialect:?}");
            } else {
                assert!(is_cut && got.count >= 1_000 && got.count <= want.len() as u64);
            }
        }
        // All of a history, for a first release.
        let head = bench.sha("main");
        let got = provider.compare(&info, None, &head).await.unwrap();
        assert_eq!(got.commits.len(), 1_000, "{dialect:?}");
        assert!(got.truncated);
        let first = provider.compare(&info, None, &base).await.unwrap();
        assert_eq!(
            (first.count, first.exact, first.truncated),
            (1, true, false),
            "{dialect:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_tag_before_another_is_the_newest_that_it_descends_from() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        grow(&bench);
        let repo = bench.host.repo();
        repo.commit("side", "Another root");
        repo.tag("v9.0.0", "side");
        repo.tag("same_1.1.0", "v1.1.0^{commit}");
        repo.tag("v1.2.0", "main");
        let (provider, info) = bench.work().await;
        for (current, want) in [
            ("v1.2.0", Some("v1.1.0")),
            ("v1.1.0", Some("v1.0.1")),
            ("v1.0.1", Some("v1.0.0")),
            ("v1.0.0", Some("root")),
            ("root", None),
            ("v9.0.0", None),
        ] {
            let commit = bench.sha(current);
            let found = provider
                .previous_tag(&info, &tag(current), &commit)
                .await
                .unwrap();
            let name = found.map(|tag| tag.name);
            // Two tags of one version at one commit are equally good.
            let name = name
                .as_deref()
                .map(|name| if name == "same_1.1.0" { "v1.1.0" } else { name });
            assert_eq!(name, want, "{dialect:?}, {current}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_stands_for_a_branch_a_tag_or_a_commit() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        grow(&bench);
        let repo = bench.host.repo();
        repo.branch("both-same", "main");
        repo.tag("both-same", "main");
        repo.branch("both", "main");
        repo.tag("both", "v1.0.0");
        let sha = bench.sha("v1.0.1");
        let (provider, info) = bench.work().await;
        for (raw, revision) in [
            ("main", "main"),
            ("v1.1.0", "v1.1.0"),
            ("refs/tags/v1.1.0", "v1.1.0"),
            ("refs/heads/release/1", "release/1"),
            ("both-same", "main"),
            ("refs/heads/both", "main"),
            ("refs/tags/both", "v1.0.0"),
            (sha.as_str(), "v1.0.1"),
        ] {
            let found = provider.resolve(&info, &spec(raw)).await.unwrap();
            assert_eq!(found.commit, bench.sha(revision), "{dialect:?}, {raw}");
        }
        let error = provider.resolve(&info, &spec("both")).await.unwrap_err();
        assert_eq!(error.code(), "ref_ambiguous", "{dialect:?}");
        for (raw, missing) in [
            ("nowhere", RefKind::Ref),
            ("refs/heads/nowhere", RefKind::Branch),
            ("refs/tags/nowhere", RefKind::Tag),
            ("0123456789abcdef0123456789abcdef01234567", RefKind::Commit),
        ] {
            let error = provider.resolve(&info, &spec(raw)).await.unwrap_err();
            assert!(
                matches!(&error, ProviderError::RefNotFound { kind, .. } if *kind == missing),
                "{dialect:?}, {raw}: {error:?}"
            );
        }
    })
    .await;
}
