//! Branches.

use scm_providers::{ListRequest, Listing, ProviderError, Resolved};
use scm_types::{
    AuditAction, AuditDetail, BranchInfo, BranchName, Caller, CommitSha, Ensured, IntegrationId,
    Operation, RefSpec, Role,
};

use super::open::Work;
use crate::{ServiceError, Services};

/// A branch to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBranch {
    /// Its name.
    pub name: BranchName,
    /// The branch, tag or commit that it starts at.
    pub from: RefSpec,
    /// The commit that `from` must stand for.
    pub expected_sha: Option<CommitSha>,
}

impl Services {
    /// A part of the branches, in the host's order. Needs the role viewer.
    pub async fn branches(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        request: &ListRequest,
    ) -> Result<Listing<BranchInfo>, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
            .await?;
        Ok(work.provider.branches(&work.info, request).await?)
    }

    /// One branch. Needs the role viewer.
    pub async fn branch(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        name: &BranchName,
    ) -> Result<BranchInfo, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
            .await?;
        Ok(work.provider.branch(&work.info, name).await?)
    }

    /// A branch that starts at a branch, tag or commit. Needs the role editor.
    ///
    /// There already at that commit: nothing is done. There at another one:
    /// [`ProviderError::RefConflict`]. If `from` does not stand for the expected commit:
    /// [`ServiceError::UnexpectedCommit`].
    pub async fn create_branch(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        new: &NewBranch,
    ) -> Result<Ensured<BranchInfo>, ServiceError> {
        let operations = [Operation::CreateBranch];
        let opened = self.opened(caller, Role::Editor, id, &operations).await?;
        let detail = AuditDetail::default().with("name", &new.name);
        let noting = opened.making(self, AuditAction::BranchCreated, detail);
        let made = async {
            let work = self.work_with(opened, &operations).await?;
            work.make_branch(new).await
        };
        let made = made.await;
        let facts = |detail: AuditDetail, made: &Ensured<BranchInfo>| {
            let detail = detail.with("commit", &made.value.commit_sha);
            detail.with("existing", made.existing)
        };
        noting.ended(&made, facts).await;
        made
    }
}

impl Work {
    async fn make_branch(&self, new: &NewBranch) -> Result<Ensured<BranchInfo>, ServiceError> {
        let from = self.provider.resolve(&self.info, &new.from).await?;
        match expect(&from, new.expected_sha.as_ref()) {
            Ok(()) => Ok(self
                .provider
                .ensure_branch(&self.info, &new.name, &from.commit)
                .await?),
            // Made by an earlier request of the same wish, and `from` went on since.
            Err(moved) => match self.provider.branch(&self.info, &new.name).await {
                Ok(found) if Some(&found.commit_sha) == new.expected_sha.as_ref() => {
                    Ok(Ensured::existing(found))
                }
                Ok(_) | Err(ProviderError::RefNotFound { .. }) => Err(moved),
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// Fails unless a ref stands for the commit that the caller expects.
pub(super) fn expect(found: &Resolved, expected: Option<&CommitSha>) -> Result<(), ServiceError> {
    match expected {
        Some(expected) if *expected != found.commit => Err(ServiceError::UnexpectedCommit {
            spec: found.spec.clone(),
            found: found.commit.clone(),
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}
