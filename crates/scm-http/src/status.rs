//! The one map from what can go wrong to an HTTP status. No `_` arm: a new code does not compile
//! until somebody has decided what it is to a client.

use actix_web::http::StatusCode;
use scm_types::ErrorCode;

/// The status of an answer with this code. One answer has another: a check that was made and found
/// the credential expired is a 422, as every check that found the connection broken.
pub(crate) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ValidationFailed
        | ErrorCode::MissingRequiredFields
        | ErrorCode::MalformedJson
        | ErrorCode::NotAnObject
        | ErrorCode::MalformedQuery
        | ErrorCode::BodyIncomplete => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::NotLocal | ErrorCode::Forbidden | ErrorCode::ForeignTenant => {
            StatusCode::FORBIDDEN
        }
        ErrorCode::UnknownRoute
        | ErrorCode::NotFound
        | ErrorCode::ProviderNotFound
        | ErrorCode::BranchNotFound
        | ErrorCode::TagNotFound
        | ErrorCode::CommitNotFound
        | ErrorCode::RefNotFound
        | ErrorCode::UnknownWebhook
        | ErrorCode::DeliveryNotFound
        | ErrorCode::ApiKeyNotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::IdempotencyInFlight
        | ErrorCode::AlreadyExists
        | ErrorCode::IntegrationPaused
        | ErrorCode::IntegrationDeleted
        | ErrorCode::RepositoryUrlUnusable
        | ErrorCode::HostNotConfigured
        | ErrorCode::NoCredential
        | ErrorCode::CredentialInvalid
        | ErrorCode::CredentialExpired
        | ErrorCode::CredentialChanged
        | ErrorCode::InsufficientScope
        | ErrorCode::UnsupportedCredential
        | ErrorCode::OperationDenied
        | ErrorCode::InstallationGone
        | ErrorCode::InstallationSuspended
        | ErrorCode::AppNotConfigured
        | ErrorCode::RepositoryMoved
        | ErrorCode::RepositoryReplaced
        | ErrorCode::RepositoryReadOnly
        | ErrorCode::EmptyRepository
        | ErrorCode::RefAmbiguous
        | ErrorCode::RefConflict
        | ErrorCode::UnexpectedCommit
        | ErrorCode::TagMessageDiffers
        | ErrorCode::ReleaseConflict
        | ErrorCode::NoReleases
        | ErrorCode::ProviderConflict
        | ErrorCode::PublicUrlMissing
        | ErrorCode::WebhookNotRegistered
        | ErrorCode::WebhookGone
        | ErrorCode::WebhookBusy
        | ErrorCode::InUse
        | ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        ErrorCode::BodyTooLarge | ErrorCode::DeliveryTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType | ErrorCode::UnsupportedContentEncoding => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        ErrorCode::IdempotencyKeyReused
        | ErrorCode::ConnectionInvalid
        | ErrorCode::RefRefused
        | ErrorCode::ReleaseRefused
        | ErrorCode::PreviousTagUndecided
        | ErrorCode::WebhookUrlRefused => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::ProviderRateLimited
        | ErrorCode::TooManyFailedAttempts
        | ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::DatabaseError
        | ErrorCode::SecretUnreadable
        | ErrorCode::RowCorrupt
        | ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::ProviderBadAnswer
        | ErrorCode::ProviderRefusedRequest
        | ErrorCode::ProviderServerRefused
        | ErrorCode::ProviderAddressRefused => StatusCode::BAD_GATEWAY,
        ErrorCode::ProviderUnavailable
        | ErrorCode::ReceiverFull
        | ErrorCode::KeySetUnavailable
        | ErrorCode::Overloaded
        | ErrorCode::DatabaseUnavailable
        | ErrorCode::NoRandomness => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::DatabaseFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::ProviderTimeout => StatusCode::GATEWAY_TIMEOUT,
    }
}
