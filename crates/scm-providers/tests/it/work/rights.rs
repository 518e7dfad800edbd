//! What a repository or a credential does not allow, and repositories that are not where or what
//! they were.

use scm_providers::{Known, ListRequest, ProviderError};
use scm_testkit::git_host::{Dialect, GitHost};

use super::on_every_dialect;
use crate::support::git::{GitBench, branch, new_tag, tag};

#[tokio::test]
async fn an_empty_repository_has_empty_lists_and_takes_no_refs() {
    for dialect in Dialect::ALL {
        let bench = GitBench::on(GitHost::empty(dialect).await);
        let (provider, info) = bench.work().await;
        let branches = provider
            .branches(&info, &ListRequest::default())
            .await
            .unwrap();
        assert!(
            branches.items.is_empty() && branches.next.is_none(),
            "{dialect:?}"
        );
        assert!(
            provider.tags(&info, "").await.unwrap().tags.is_empty(),
            "{dialect:?}"
        );
        let found = provider.branch(&info, &branch("main")).await.unwrap_err();
        assert_eq!(found.code(), "ref_not_found", "{dialect:?}: {found:?}");
        let found = provider.tag(&info, &tag("v1")).await.unwrap_err();
        assert_eq!(found.code(), "ref_not_found", "{dialect:?}: {found:?}");
        let nowhere = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let refused = provider
            .ensure_branch(&info, &branch("main"), &nowhere)
            .await
            .unwrap_err();
        assert!(
            matches!(refused.code(), "empty_repository" | "ref_refused"),
            "{dialect:?}: {refused:?}"
        );
        assert!(bench.host.repo().branch_names().is_empty(), "{dialect:?}");
    }
}

#[tokio::test]
async fn an_archived_repository_is_read_and_not_written() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        if dialect == Dialect::Bitbucket {
            return; // Repositories there cannot be archived.
        }
        bench.host.repo().tag("v1", "main");
        let head = bench.sha("main");
        bench.host.set_archived(true);
        let (provider, info) = bench.work().await;
        assert!(info.archived, "{dialect:?}");
        assert!(provider.tag(&info, &tag("v1")).await.is_ok());
        let error = provider
            .ensure_branch(&info, &branch("new"), &head)
            .await
            .unwrap_err();
        assert!(
            matches!(error, ProviderError::ReadOnly),
            "{dialect:?}: {error:?}"
        );
        let error = provider
            .ensure_tag(&info, &new_tag("v2", &head))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ProviderError::ReadOnly),
            "{dialect:?}: {error:?}"
        );
        // What is there as wanted needs no write.
        let found = provider
            .ensure_tag(&info, &new_tag("v1", &head))
            .await
            .unwrap();
        assert!(found.existing);
        assert!(bench.host.writes().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_may_only_read_is_told_so() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        bench.host.set_read_only_token(true);
        let head = bench.sha("main");
        let (provider, info) = bench.work().await;
        assert!(provider.branch(&info, &branch("main")).await.is_ok());
        let error = provider
            .ensure_branch(&info, &branch("new"), &head)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "insufficient_scope", "{dialect:?}: {error:?}");
        let error = provider
            .ensure_tag(&info, &new_tag("v1", &head))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "insufficient_scope", "{dialect:?}: {error:?}");
        assert_eq!(bench.host.repo().branch_names(), ["main"]);
        assert!(bench.host.repo().tag_names().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_protected_name_is_refused_and_nothing_is_made() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        bench.host.protect("refs/heads/release/1");
        bench.host.protect("refs/tags/v1");
        let head = bench.sha("main");
        let (provider, info) = bench.work().await;
        for error in [
            provider
                .ensure_branch(&info, &branch("release/1"), &head)
                .await
                .unwrap_err(),
            provider
                .ensure_tag(&info, &new_tag("v1", &head))
                .await
                .unwrap_err(),
        ] {
            // Some hosts answer 403 to a rule as to a missing right.
            assert!(
                matches!(error.code(), "ref_refused" | "insufficient_scope"),
                "{dialect:?}: {error:?}"
            );
        }
        assert_eq!(bench.host.repo().branch_names(), ["main"]);
        assert!(bench.host.repo().tag_names().is_empty());
        // Other names are free.
        assert!(
            provider
                .ensure_branch(&info, &branch("release/2"), &head)
                .await
                .is_ok()
        );
    })
    .await;
}

#[tokio::test]
async fn a_renamed_repository_is_worked_on_at_its_new_place() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let id = bench.provider().info().await.unwrap().id;
        let path = dialect.repository();
        let renamed = format!("{}renamed", path.strip_suffix("app").unwrap());
        let known = || Known {
            repository_id: Some(id.clone()),
            ..Known::default()
        };
        // The address that people know is still the old one.
        let provider = bench.known(known());
        bench.host.rename(&renamed);
        let found = provider.info().await;
        if dialect == Dialect::DataCenter {
            // There is no address by id, and an old one leads nowhere.
            assert_eq!(found.unwrap_err().code(), "not_found");
            return;
        }
        let info = found.unwrap();
        assert_eq!(
            info.moved_to.as_deref(),
            Some(renamed.as_str()),
            "{dialect:?}"
        );
        assert_eq!(info.id, id);
        let head = bench.sha("main");
        let made = provider
            .ensure_branch(&info, &branch("new"), &head)
            .await
            .unwrap();
        assert!(!made.existing, "{dialect:?}");
        assert_eq!(bench.sha("refs/heads/new"), head);
    })
    .await;
}

#[tokio::test]
async fn a_repository_that_is_renamed_between_the_look_and_the_write_is_found_again() {
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let bench = GitBench::start(dialect).await;
        let id = bench.provider().info().await.unwrap().id;
        let provider = bench.known(Known {
            repository_id: Some(id),
            ..Known::default()
        });
        let info = provider.info().await.unwrap();
        let path = dialect.repository();
        bench.host.rename(&path.replace("app", "renamed"));
        let head = bench.sha("main");
        let made = provider
            .ensure_tag(&info, &new_tag("v1", &head))
            .await
            .unwrap();
        assert!(!made.existing, "{dialect:?}");
        assert_eq!(bench.sha("refs/tags/v1"), head);
    }
}
