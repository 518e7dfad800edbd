//! What every code host can be asked, and the check composed of it.
//!
//! - The trait is sealed: a new question is no breaking change.
//! - A handle belongs to one repository and one credential. It is cheap, short-lived and must be
//!   used inside a tokio runtime.
//! - [`Provider::check`] is the same sequence for all products: who am I, the repository, then
//!   webhooks and branches; the first definite "no" ends it.

use async_trait::async_trait;
use scm_types::{
    AccountRef, ConnectionReport, HookAccess, OperationReport, Permission, RepositoryInfo, ScmType,
    TokenReport,
};

use crate::{BranchPage, Missing, NextPage, Outage, ProviderError};

pub(crate) mod sealed {
    /// Keeps [`super::Provider`] to this crate's clients.
    pub trait Sealed {
        /// How long a whole operation may take.
        fn budget(&self) -> std::time::Duration;
    }
}

/// The credential and who it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What is known of the credential.
    pub token: TokenReport,
    /// The account behind it; access tokens of a repository or an App's installation have none.
    pub account: Option<AccountRef>,
}

/// The repository and what the credential may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryAccess {
    /// The repository as its host describes it.
    pub info: RepositoryInfo,
    /// The role on it, as far as the host tells.
    pub permission: Permission,
    /// Why nothing can be written to it, whoever asks; `None` if it takes writes.
    pub read_only: Option<&'static str>,
}

/// What a look at the list of webhooks told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookReport {
    /// Whether webhooks can be managed.
    pub access: HookAccess,
    /// Whether there is any; `None` if the list could not be read.
    pub any: Option<bool>,
    /// The scope, permission or role that is missing, if access is refused.
    pub missing: Option<String>,
}

impl HookReport {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Self = Self {
        access: HookAccess::Unknown,
        any: None,
        missing: None,
    };
}

/// One repository on one code host, seen with one credential.
#[async_trait]
pub trait Provider: sealed::Sealed + Send + Sync {
    /// The product.
    fn scm_type(&self) -> ScmType;

    /// Asks who the credential belongs to and what it is.
    async fn identity(&self) -> Result<Identity, ProviderError>;

    /// Asks for the repository. A repository that was renamed or moved is found at its new place,
    /// which [`RepositoryInfo::moved_to`] then names.
    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError>;

    /// Looks at the list of webhooks. Only a failure to ask is an error; a refusal is
    /// [`HookAccess::No`].
    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError>;

    /// A page of branches, the first without `page`; empty for an empty repository.
    async fn branches(
        &self,
        repository: &RepositoryInfo,
        page: Option<&NextPage>,
    ) -> Result<BranchPage, ProviderError>;

    /// What the answers so far say about each operation of the platform. Asks nobody.
    fn operations(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport>;

    /// The whole check, within the transport's time for one operation. An error that
    /// [is definite](ProviderError::is_definite) says that the connection does not work; any other
    /// says that it is not known.
    async fn check(&self) -> Result<ConnectionReport, ProviderError> {
        let late = || ProviderError::outage(Outage::Timeout);
        tokio::time::timeout(self.budget(), run(self))
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

async fn run<P: Provider + ?Sized>(provider: &P) -> Result<ConnectionReport, ProviderError> {
    let identity = provider.identity().await?;
    let mut repository = provider.repository(&identity).await?;
    let (hooks, branches) = tokio::join!(
        provider.hooks(&identity, &repository),
        provider.branches(&repository.info, None),
    );
    let branches = match branches {
        Ok(page) => page.branches,
        Err(ProviderError::NotFound {
            what: Missing::Part,
        }) => return Err(without_branches(provider, &identity).await),
        Err(error) => return Err(error),
    };
    let hooks = match hooks {
        Ok(hooks) => hooks,
        Err(error) if error.is_definite() => return Err(error),
        // The connection itself is known to work by now.
        Err(error) => {
            tracing::debug!(code = error.code(), "webhooks could not be looked at");
            HookReport::UNKNOWN
        }
    };
    if branches.is_empty() {
        // GitHub names a default branch before there is one.
        repository.info.default_branch = None;
    }
    Ok(ConnectionReport {
        operations: provider.operations(&identity, &repository, &hooks),
        token: identity.token,
        account: identity.account,
        permission: repository.permission,
        hooks: hooks.access,
        has_webhooks: hooks.any,
        branches,
        repository: repository.info,
    })
}

/// What it means that a repository which was there a moment ago has no list of branches: it went
/// away meanwhile, or nothing.
async fn without_branches<P: Provider + ?Sized>(
    provider: &P,
    identity: &Identity,
) -> ProviderError {
    match provider.repository(identity).await {
        Err(error) => error,
        Ok(_) => ProviderError::malformed("no list of branches in a repository that is there"),
    }
}
