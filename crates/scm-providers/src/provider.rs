//! What every code host can be asked, and the check composed of it.
//!
//! - The trait is sealed: a new question is no breaking change.
//! - A handle belongs to one repository and one credential. It is cheap, short-lived and must be
//!   used inside a tokio runtime.
//! - [`Provider::check`] is the same sequence for all products: who am I, the repository, then
//!   webhooks and branches; the first definite "no" ends it.

use async_trait::async_trait;
use scm_types::{
    AccountRef, BranchInfo, ConnectionReport, HookAccess, OperationReport, Permission,
    RepositoryInfo, ScmType, TokenReport,
};

use crate::ProviderError;

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

    /// The first page of branches, at most 100; empty for an empty repository.
    async fn branches(&self, repository: &RepositoryInfo)
    -> Result<Vec<BranchInfo>, ProviderError>;

    /// What the answers so far say about each operation of the platform. Asks nobody.
    fn operations(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport>;

    /// The whole check. An error that [is definite](ProviderError::is_definite) says that the
    /// connection does not work; any other says that it is not known.
    async fn check(&self) -> Result<ConnectionReport, ProviderError> {
        Err(ProviderError::HostNotConfigured)
    }
}
