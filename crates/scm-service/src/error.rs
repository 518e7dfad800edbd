//! What can go wrong with an operation, in terms of what its caller can do about it.
//!
//! - No text holds a credential, SQL, a host's answer or an internal address.
//! - A row of another tenant is [`ServiceError::NotFound`], exactly like one that does not exist.

use scm_providers::ProviderError;
use scm_store::StoreError;
use scm_types::{CommitSha, Operation, RefSpec, Role, TagName};

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field, as it is named in JSON.
    pub field: String,
    /// What is wrong; reads on after the field's name.
    pub message: String,
}

impl FieldError {
    /// One field's problem.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes an error or a text as it comes"
    )]
    pub fn new(field: impl Into<String>, message: impl ToString) -> Self {
        Self {
            field: field.into(),
            message: message.to_string(),
        }
    }
}

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The request is wrong; every problem that was found. Nothing was stored.
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    /// What `POST /` cannot do without is missing. Nothing was stored.
    #[error("Missing required fields: tenantId, scmType, repositoryUrl, accessToken")]
    MissingRequired(Vec<FieldError>),
    /// The caller's role is too low.
    #[error("This needs the role {needs}")]
    Forbidden {
        /// The lowest role that may.
        needs: Role,
    },
    /// The request names another tenant than the caller's.
    #[error("The credential of this request does not act for that tenant")]
    ForeignTenant,
    /// There is no such integration, or it belongs to another tenant.
    #[error("SCM integration not found")]
    NotFound,
    /// The tenant has an integration for this repository already, perhaps in another spelling.
    #[error("SCM integration already exists for this repository")]
    AlreadyExists,
    /// The code host does not renew the credential any more.
    #[error("{reason}")]
    CredentialExpired {
        /// Why, and what to do.
        reason: String,
    },
    /// Nothing can be done without a credential, and none is stored.
    #[error(
        "The integration has no stored credential; send a new accessToken first, together with \
         isActive true if the integration was deleted"
    )]
    NoCredential,
    /// The integration was deleted; only a new credential brings it back.
    #[error(
        "The integration was deleted; create it again, or send isActive true with a new accessToken"
    )]
    Deleted,
    /// A new credential was stored while the old one was being checked.
    #[error("The credential was changed while it was checked; verify again")]
    CredentialChanged,
    /// The row is no longer in the state that the caller named.
    #[error("The integration has changed since it was read; read it again")]
    VersionMismatch,
    /// The row's repository is on a host that the operator does not list, or lists as another
    /// product.
    #[error(
        "The repository's host is not configured here for this kind of integration; ask the operator"
    )]
    HostNotConfigured,
    /// What an old writer stored as the row's URL names no repository.
    #[error("The stored repositoryUrl cannot be used; delete the integration and create it again")]
    UnusableUrl,
    /// The integration is paused: `isActive` is false.
    #[error("The integration is paused; send isActive true first")]
    Paused,
    /// The last check found that the credential may not do this.
    #[error("{}", denied(*.operation, .missing.as_deref()))]
    Denied {
        /// What it may not do.
        operation: Operation,
        /// The scope, role or property that is missing, if the host named one.
        missing: Option<String>,
    },
    /// The repository at the URL is another one than was connected.
    #[error(
        "The repository at this URL is not the one that was connected: it was deleted and made \
         anew, or the name was taken over. Nothing was done to it"
    )]
    RepositoryReplaced,
    /// A ref stands for another commit than the caller expects.
    #[error("{spec} is at {found}, not at the expected {expected}; nothing was made")]
    UnexpectedCommit {
        /// The ref.
        spec: RefSpec,
        /// The commit it stands for.
        found: CommitSha,
        /// The commit it should stand for.
        expected: CommitSha,
    },
    /// Where the notes of a release are the message of its tag: the tag is there with another one.
    #[error(
        "The tag {tag} exists already with another message. This code host has no releases: notes \
         are the message of an annotated tag, which cannot be changed. Make the tag with the \
         release, by giving a branch"
    )]
    TagMessageDiffers {
        /// The tag.
        tag: TagName,
    },
    /// The code host did not do what was asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(StoreError),
}

fn denied(operation: Operation, missing: Option<&str>) -> String {
    let what = match operation {
        Operation::ReadRepository => "read the repository",
        Operation::CreateBranch => "create branches",
        Operation::CreateTag => "create tags",
        Operation::CreateRelease => "create releases",
        Operation::ManageWebhooks => "manage webhooks",
    };
    let missing = missing.map(|missing| format!("; it lacks: {missing}"));
    format!(
        "The last check of the connection found that its credential may not {what}{}. Grant it and \
         verify the connection again, or store another credential",
        missing.unwrap_or_default()
    )
}

fn summary(errors: &[FieldError]) -> String {
    match errors {
        [] => "The request is not valid".to_owned(),
        [one] => format!("{} {}", one.field, one.message),
        [first, rest @ ..] => {
            format!(
                "{} {} (and {} more)",
                first.field,
                first.message,
                rest.len()
            )
        }
    }
}

impl ServiceError {
    /// A request that is wrong in one field.
    pub fn invalid(field: impl Into<String>, message: impl ToString) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::AlreadyExists,
            StoreError::OutsideScope => Self::ForeignTenant,
            StoreError::VersionMismatch => Self::VersionMismatch,
            StoreError::NoCredential => Self::NoCredential,
            StoreError::Deleted => Self::Deleted,
            StoreError::CredentialChanged => Self::CredentialChanged,
            StoreError::NotNullable { field } => Self::invalid(field, "cannot be null"),
            StoreError::Reference { field } => Self::invalid(field, "does not exist here"),
            StoreError::DoesNotFit { field } => Self::invalid(field, "does not fit its column"),
            other => Self::Store(other),
        }
    }
}
