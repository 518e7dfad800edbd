//! What can go wrong with an operation, in terms of what its caller can do about it.
//!
//! - No text holds a credential, SQL, a host's answer or an internal address.
//! - A row of another tenant is [`ServiceError::NotFound`], exactly like one that does not exist.

use scm_providers::{Outage, ProviderError};
use scm_store::StoreError;
use scm_types::{CommitSha, ErrorCode, Operation, RefKind, RefSpec, Role, TagName};

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Webhooks need an address that code hosts can reach, and this server was given none.
    #[error(
        "This server has no public address that code hosts could deliver to; the operator sets \
         public_url"
    )]
    NoPublicUrl,
    /// No webhook is registered.
    #[error("The integration has no webhook; register one first")]
    NoWebhook,
    /// The webhook was removed at the code host.
    #[error("The code host has this webhook no longer; register it again")]
    WebhookGone,
    /// The webhook is being changed, or has just been.
    #[error("Another change of this webhook is under way; try again in a moment")]
    WebhookBusy,
    /// The machine gives no random numbers, without which there are no secrets.
    #[error("No secret could be made; try again")]
    NoRandomness,
    /// There is no webhook of this id, or the delivery is not signed with its secret: nobody is told
    /// which.
    #[error("There is no such webhook, or the delivery is not signed with its secret")]
    UnknownWebhook,
    /// A delivery is genuine, and larger than its host says that deliveries are.
    #[error("The delivery is larger than deliveries of this host are")]
    DeliveryTooLarge,
    /// More deliveries arrive than can be stored. Nothing of this one was.
    #[error("More deliveries arrive than can be taken in; deliver this one again later")]
    ReceiverFull,
    /// The integration has no delivery of this id.
    #[error("There is no such delivery; old ones are removed")]
    UnknownDelivery,
    /// There is no such API key, or it belongs to another tenant.
    #[error("There is no such API key")]
    UnknownApiKey,
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

    /// The word that stands for it in an answer and in the audit log. It does not change.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::ValidationFailed,
            Self::MissingRequired(_) => ErrorCode::MissingRequiredFields,
            Self::Forbidden { .. } => ErrorCode::Forbidden,
            Self::ForeignTenant => ErrorCode::ForeignTenant,
            Self::NotFound => ErrorCode::NotFound,
            Self::AlreadyExists => ErrorCode::AlreadyExists,
            Self::CredentialExpired { .. } => ErrorCode::CredentialExpired,
            Self::NoCredential => ErrorCode::NoCredential,
            Self::Deleted => ErrorCode::IntegrationDeleted,
            Self::CredentialChanged => ErrorCode::CredentialChanged,
            Self::VersionMismatch => ErrorCode::VersionMismatch,
            Self::HostNotConfigured => ErrorCode::HostNotConfigured,
            Self::UnusableUrl => ErrorCode::RepositoryUrlUnusable,
            Self::Paused => ErrorCode::IntegrationPaused,
            Self::Denied { .. } => ErrorCode::OperationDenied,
            Self::RepositoryReplaced => ErrorCode::RepositoryReplaced,
            Self::UnexpectedCommit { .. } => ErrorCode::UnexpectedCommit,
            Self::TagMessageDiffers { .. } => ErrorCode::TagMessageDiffers,
            Self::NoPublicUrl => ErrorCode::PublicUrlMissing,
            Self::NoWebhook => ErrorCode::WebhookNotRegistered,
            Self::WebhookGone => ErrorCode::WebhookGone,
            Self::WebhookBusy => ErrorCode::WebhookBusy,
            Self::NoRandomness => ErrorCode::NoRandomness,
            Self::UnknownWebhook => ErrorCode::UnknownWebhook,
            Self::DeliveryTooLarge => ErrorCode::DeliveryTooLarge,
            Self::ReceiverFull => ErrorCode::ReceiverFull,
            Self::UnknownDelivery => ErrorCode::DeliveryNotFound,
            Self::UnknownApiKey => ErrorCode::ApiKeyNotFound,
            Self::Provider(error) => provider_code(error),
            Self::Store(error) => store_code(error),
        }
    }
}

/// The word for what a code host did not do. No match here has a `_` arm, so that a new error does
/// not compile until it has a word.
pub(crate) fn provider_code(error: &ProviderError) -> ErrorCode {
    match error {
        ProviderError::TokenInvalid { .. } => ErrorCode::CredentialInvalid,
        ProviderError::TokenExpired { .. } => ErrorCode::CredentialExpired,
        ProviderError::InsufficientScope { .. } => ErrorCode::InsufficientScope,
        ProviderError::NotFound { .. } => ErrorCode::ProviderNotFound,
        ProviderError::UnsupportedCredential { .. } => ErrorCode::UnsupportedCredential,
        ProviderError::Moved => ErrorCode::RepositoryMoved,
        ProviderError::RateLimited { .. } | ProviderError::Paced { .. } => {
            ErrorCode::ProviderRateLimited
        }
        ProviderError::RefNotFound { kind, .. } => match kind {
            RefKind::Branch => ErrorCode::BranchNotFound,
            RefKind::Tag => ErrorCode::TagNotFound,
            RefKind::Commit => ErrorCode::CommitNotFound,
            RefKind::Ref => ErrorCode::RefNotFound,
        },
        ProviderError::RefAmbiguous { .. } => ErrorCode::RefAmbiguous,
        ProviderError::RefConflict { .. } => ErrorCode::RefConflict,
        ProviderError::RefRefused { .. } => ErrorCode::RefRefused,
        ProviderError::ReleaseConflict { .. } => ErrorCode::ReleaseConflict,
        ProviderError::ReleaseRefused { .. } => ErrorCode::ReleaseRefused,
        ProviderError::NoReleases => ErrorCode::NoReleases,
        ProviderError::CursorGone => ErrorCode::ValidationFailed,
        ProviderError::PreviousTagUndecided => ErrorCode::PreviousTagUndecided,
        ProviderError::WebhookUrlRefused => ErrorCode::WebhookUrlRefused,
        ProviderError::EmptyRepository => ErrorCode::EmptyRepository,
        ProviderError::ReadOnly => ErrorCode::RepositoryReadOnly,
        ProviderError::Conflict => ErrorCode::ProviderConflict,
        ProviderError::BadRequest { .. } => ErrorCode::ProviderRefusedRequest,
        ProviderError::Unavailable { outage, .. } => match outage {
            Outage::Timeout => ErrorCode::ProviderTimeout,
            Outage::Status(_) | Outage::Unreachable => ErrorCode::ProviderUnavailable,
            Outage::Tls
            | Outage::Truncated
            | Outage::TooLarge
            | Outage::Malformed
            | Outage::Redirected => ErrorCode::ProviderBadAnswer,
        },
        ProviderError::EgressDenied => ErrorCode::ProviderAddressRefused,
        ProviderError::InstallationGone => ErrorCode::InstallationGone,
        ProviderError::InstallationSuspended => ErrorCode::InstallationSuspended,
        ProviderError::AppNotConfigured => ErrorCode::AppNotConfigured,
        ProviderError::ServerRefused { .. } => ErrorCode::ProviderServerRefused,
        ProviderError::HostNotConfigured => ErrorCode::HostNotConfigured,
    }
}

fn store_code(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Unavailable { source } if source.is_full() => ErrorCode::DatabaseFull,
        StoreError::Unavailable { .. } => ErrorCode::DatabaseUnavailable,
        StoreError::Unreadable { .. } => ErrorCode::SecretUnreadable,
        StoreError::Corrupt { .. } => ErrorCode::RowCorrupt,
        StoreError::Restricted => ErrorCode::InUse,
        StoreError::Seal(_) | StoreError::Url | StoreError::Database { .. } => {
            ErrorCode::DatabaseError
        }
        // These have a meaning of their own, see below; whoever hands one through all the same has
        // met a conflict.
        StoreError::Conflict
        | StoreError::OutsideScope
        | StoreError::VersionMismatch
        | StoreError::NoCredential
        | StoreError::Deleted
        | StoreError::NotNullable { .. }
        | StoreError::DoesNotFit { .. }
        | StoreError::CredentialChanged
        | StoreError::InboxFull
        | StoreError::Reference { .. } => ErrorCode::Conflict,
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
            StoreError::InboxFull => Self::ReceiverFull,
            other => Self::Store(other),
        }
    }
}
