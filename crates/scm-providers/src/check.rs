//! The check of a connection: who am I, the repository, then webhooks and branches. The first
//! definite "no" ends it.

use scm_types::{
    AccountRef, ConnectionReport, HookAccess, Permission, RepositoryInfo, TokenReport,
};

use crate::{Missing, ProviderError, host::Host};

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

    /// The list was read, which alone says little about managing it; `missing` is what that lacks.
    pub(crate) fn read(any: bool, access: HookAccess, missing: Option<&str>) -> Self {
        Self {
            access,
            any: Some(any),
            missing: missing.map(str::to_owned),
        }
    }

    /// The list may not even be read.
    pub(crate) fn refused(missing: Option<String>) -> Self {
        Self {
            access: HookAccess::No,
            any: None,
            missing,
        }
    }

    /// What it means that the list was not given. A refusal is an answer, and so is a list that is
    /// not there: what a credential may not see does not exist for it. `takes` is what managing
    /// webhooks takes, for a host that does not say what is missing.
    pub(crate) fn unread(error: ProviderError, takes: &str) -> Result<Self, ProviderError> {
        let missing = match error {
            ProviderError::InsufficientScope { missing, .. } => missing,
            ProviderError::NotFound {
                what: Missing::Part,
            } => None,
            error => return Err(error),
        };
        Ok(Self::refused(missing.or_else(|| Some(takes.to_owned()))))
    }
}

/// See [`crate::Provider::check`].
pub(crate) async fn check<H: Host>(host: &H) -> Result<ConnectionReport, ProviderError> {
    let identity = host.identity().await?;
    let mut repository = host.repository(&identity).await?;
    let (hooks, branches) = tokio::join!(
        host.hooks(&identity, &repository),
        host.branch_page(&repository.info, None, None),
    );
    let branches = match branches {
        Ok(page) => page.items,
        Err(ProviderError::NotFound {
            what: Missing::Part,
        }) => return Err(without_branches(host, &identity).await),
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
        operations: host.operations(&identity, &repository, &hooks),
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
async fn without_branches<H: Host>(host: &H, identity: &Identity) -> ProviderError {
    match host.repository(identity).await {
        Err(error) => error,
        Ok(_) => ProviderError::malformed("no list of branches in a repository that is there"),
    }
}
