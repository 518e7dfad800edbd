//! What the operations can fail with, in groups that stand for a reason: who asks, how it was asked,
//! what is stored, what the code host does.

use scm_types::ErrorCode as E;

/// Without a caller that is known.
pub(super) const CALLER: &[E] = &[
    E::Unauthenticated,
    E::NotLocal,
    E::ForeignTenant,
    E::TooManyFailedAttempts,
    E::RateLimited,
    E::KeySetUnavailable,
    E::Overloaded,
];

/// Of everything that is limited.
pub(super) const LIMITS: &[E] = &[E::RateLimited, E::Overloaded];

/// Of everything that touches the database.
pub(super) const SERVER: &[E] = &[
    E::DatabaseUnavailable,
    E::DatabaseFull,
    E::DatabaseError,
    E::RowCorrupt,
    E::InternalError,
];

/// Of a query string; also of one where none belongs.
pub(super) const QUERY: &[E] = &[E::ValidationFailed, E::MalformedQuery];

/// Of a body that is read to its end.
pub(super) const BODY: &[E] = &[
    E::ValidationFailed,
    E::MalformedJson,
    E::NotAnObject,
    E::BodyIncomplete,
    E::RequestTimeout,
    E::BodyTooLarge,
];

/// Of a body that must be there.
pub(super) const JSON: &[E] = &[E::UnsupportedMediaType];

/// Of a request with an `Idempotency-Key`.
pub(super) const KEY: &[E] = &[
    E::ValidationFailed,
    E::IdempotencyInFlight,
    E::IdempotencyKeyReused,
    E::BodyIncomplete,
    E::RequestTimeout,
    E::BodyTooLarge,
];

/// Of what only some roles may do.
pub(super) const ROLE: &[E] = &[E::Forbidden];

/// Of what is about one integration.
pub(super) const ROW: &[E] = &[E::NotFound];

/// Of a change of a row.
pub(super) const CHANGE: &[E] = &[E::Conflict];

/// Of a call to the code host, whatever it is for.
pub(super) const HOST: &[E] = &[
    E::NoCredential,
    E::IntegrationDeleted,
    E::HostNotConfigured,
    E::RepositoryUrlUnusable,
    E::SecretUnreadable,
    E::CredentialExpired,
    E::CredentialChanged,
    E::CredentialInvalid,
    E::UnsupportedCredential,
    E::InsufficientScope,
    E::InstallationGone,
    E::InstallationSuspended,
    E::AppNotConfigured,
    E::ProviderNotFound,
    E::RepositoryMoved,
    E::ProviderConflict,
    E::ProviderRateLimited,
    E::ProviderUnavailable,
    E::ProviderTimeout,
    E::ProviderBadAnswer,
    E::ProviderRefusedRequest,
    E::ProviderServerRefused,
    E::ProviderAddressRefused,
];

/// Of work on a repository.
pub(super) const WORK: &[E] = &[
    E::IntegrationPaused,
    E::OperationDenied,
    E::RepositoryReplaced,
    E::EmptyRepository,
    E::RepositoryReadOnly,
];

/// Of a name that stands for a commit.
pub(super) const REFS: &[E] = &[
    E::BranchNotFound,
    E::TagNotFound,
    E::CommitNotFound,
    E::RefNotFound,
    E::RefAmbiguous,
];

/// Of making a branch or a tag.
pub(super) const MAKE: &[E] = &[
    E::RefConflict,
    E::RefRefused,
    E::UnexpectedCommit,
    E::NoRandomness,
];
