//! All branches and tags at once, up to a cap.

use std::collections::BTreeMap;

use scm_providers::RefList;
use scm_testkit::{code_host::Reply, git_host::GitHost};

use super::{NAMES, on_every_dialect};
use crate::support::git::GitBench;

async fn refs(bench: &GitBench, cap: usize) -> RefList {
    let (provider, info) = bench.work().await;
    provider.refs(&info, cap).await.unwrap()
}

/// Names and commits, as git tells them.
fn want(host: &GitHost, names: Vec<String>, below: &str) -> BTreeMap<String, String> {
    let commit = |name: &String| host.repo().peel(&format!("{below}/{name}")).unwrap();
    names
        .into_iter()
        .map(|name| (name.clone(), commit(&name)))
        .collect()
}

#[tokio::test]
async fn all_are_listed_with_their_commits() {
    on_every_dialect(|bench| async move {
        let (host, dialect) = (&bench.host, bench.host.dialect());
        let repo = host.repo();
        for name in NAMES {
            repo.commit("main", name);
            repo.branch(name, "main");
            repo.annotated_tag(name, "main", "A tag");
        }
        repo.branches((0..230).map(|number| format!("many/{number}")), "main");
        let found = refs(&bench, 1_000).await;
        assert!(!found.truncated, "{dialect:?}");
        let branches = found.branches.into_iter();
        let branches: BTreeMap<_, _> = branches
            .map(|it| (it.name, it.commit_sha.to_string()))
            .collect();
        assert_eq!(
            branches,
            want(host, repo.branch_names(), "refs/heads"),
            "{dialect:?}"
        );
        let tags = found.tags.into_iter();
        let tags: BTreeMap<_, _> = tags
            .map(|it| (it.name, it.commit_sha.to_string()))
            .collect();
        assert_eq!(
            tags,
            want(host, repo.tag_names(), "refs/tags"),
            "{dialect:?}: peeled"
        );
    })
    .await;
}

#[tokio::test]
async fn too_many_are_none() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let repo = bench.host.repo();
        repo.branches((0..199).map(|number| format!("b{number}")), "main");
        assert_eq!(refs(&bench, 200).await.branches.len(), 200, "{dialect:?}");
        assert_eq!(
            refs(&bench, 199).await,
            RefList {
                truncated: true,
                ..RefList::default()
            }
        );
        repo.tags((0..201).map(|number| format!("t{number}")), "main");
        assert!(refs(&bench, 200).await.truncated, "{dialect:?}");
        assert_eq!(refs(&bench, 201).await.tags.len(), 201, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn half_a_list_is_an_error() {
    on_every_dialect(|bench| async move {
        bench.host.always("GET", "/tags", Reply::empty(500));
        let (provider, info) = bench.work().await;
        let error = provider.refs(&info, 100).await.unwrap_err();
        assert!(!error.is_definite(), "{error:?}");
    })
    .await;
}
