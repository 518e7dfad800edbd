//! The one map from everything that can go wrong to an HTTP answer; the status comes from the code,
//! see [`crate::status`]. No match here has a `_` arm: a new error does not compile until somebody has
//! decided what it is to a client.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use scm_service::{FieldError, ProviderError, ServiceError};
use scm_types::{CommitSha, ErrorCode, RefKind};
use serde_json::json;

use crate::{
    failure::{Failure, Form},
    status::status,
};

/// Seconds that a change of a webhook takes at the most, as a rule.
const WEBHOOK_RETRY: u64 = 5;

/// Seconds after which a database that was away is worth another try.
const DATABASE_RETRY: u64 = 5;
/// Seconds after which a code host that failed is worth another try, unless it says so itself.
const HOST_RETRY: u64 = 30;
/// Seconds after which a request that runs under the same key has, as a rule, been answered.
const RUNNING_RETRY: u64 = 2;

/// Seconds after which there is room for a request again, as a rule.
const OVERLOAD_RETRY: u64 = 1;

/// Seconds after which the issuer of tokens is asked again.
const KEY_SET_RETRY: u64 = 10;

/// Seconds after which there is room for deliveries again, as a rule.
const RECEIVER_RETRY: u64 = 5;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The operation failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// No credential, or none that is known.
    #[error("This needs a valid API key or token, as Authorization: Bearer …")]
    Unauthenticated,
    /// Too many credentials from one address were not accepted.
    #[error("Too many credentials were not accepted; try again in {wait} seconds")]
    TooManyFailures {
        /// Seconds.
        wait: u64,
    },
    /// More requests than are allowed.
    #[error("Too many requests; try again in {wait} seconds")]
    RateLimited {
        /// Seconds.
        wait: u64,
    },
    /// More requests at the same time than there is room for.
    #[error("The server is at work on as many requests as it can; try again")]
    Overloaded,
    /// The issuer's keys are not known, so no token can be told from another.
    #[error("Tokens cannot be verified at the moment; try again")]
    KeySetAway,
    /// Without authentication, a request that names another host or origin.
    #[error(
        "Without authentication only requests to and from this machine's own address are answered; \
         Host or Origin names another"
    )]
    NotLocal,
    /// The body is not JSON.
    #[error("The body is not valid JSON (line {line}, column {column})")]
    MalformedJson {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// The body is JSON, but no object.
    #[error("The body must be a JSON object")]
    NotAnObject,
    /// The body is of another kind.
    #[error("The body must be JSON in UTF-8, not compressed, with Content-Type: application/json")]
    ContentType,
    /// The body is larger than 256 KiB.
    #[error("The body is larger than 256 KiB")]
    BodyTooLarge,
    /// The body took too long to arrive.
    #[error("The body took too long to arrive")]
    BodySlow,
    /// The body broke off.
    #[error("The body broke off, or its encoding could not be read")]
    BodyLost,
    /// The query string cannot be read.
    #[error("The query string cannot be read")]
    MalformedQuery,
    /// The path exists, the method does not.
    #[error("This path has no such method; it has {allow}")]
    MethodNotAllowed {
        /// The methods it has.
        allow: &'static str,
    },
    /// A request with the same `Idempotency-Key` has not been answered yet.
    #[error("The same request, with the same Idempotency-Key, is being carried out; ask again")]
    InFlight,
    /// Another request was made under the same `Idempotency-Key`.
    #[error(
        "The Idempotency-Key was used for another request in the last 24 hours; a new request \
         needs a new key"
    )]
    KeyReused,
    /// A delivery is compressed.
    #[error("Deliveries must not be compressed; send them without Content-Encoding")]
    ContentEncoding,
    /// A handler panicked.
    #[error("Something went wrong in the server")]
    Panicked,
}

impl ApiError {
    /// A request that is wrong in the named fields.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self::Service(ServiceError::Invalid(errors))
    }

    pub(crate) fn failure(&self) -> Failure {
        let code = self.code();
        let status = status(code);
        let text = match self {
            Self::Service(ServiceError::Store(error)) if error.is_full() => {
                "The database has no room left; nothing was written".to_owned()
            }
            Self::Service(ServiceError::Store(error)) if error.is_unavailable() => {
                "The database is not available at the moment; try again".to_owned()
            }
            // Which row and column it was is for the log.
            Self::Service(ServiceError::Store(_)) if status.is_server_error() => {
                "The stored data could not be used; the server's log says why".to_owned()
            }
            _ => self.to_string(),
        };
        let mut failure = Failure::new(status, code, text);
        failure.lasting = self.is_lasting();
        match self {
            Self::Service(error) => dress(&mut failure, error),
            Self::MethodNotAllowed { allow } => failure.allow = Some(allow),
            Self::InFlight => failure.retry_after = Some(RUNNING_RETRY),
            Self::KeySetAway => failure.retry_after = Some(KEY_SET_RETRY),
            Self::TooManyFailures { wait } | Self::RateLimited { wait } => {
                failure.retry_after = Some(*wait);
            }
            Self::Overloaded => failure.retry_after = Some(OVERLOAD_RETRY),
            Self::Unauthenticated
            | Self::NotLocal
            | Self::MalformedJson { .. }
            | Self::NotAnObject
            | Self::ContentType
            | Self::BodyTooLarge
            | Self::BodySlow
            | Self::BodyLost
            | Self::MalformedQuery
            | Self::KeyReused
            | Self::ContentEncoding
            | Self::Panicked => {}
        }
        failure
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Service(error) => error.code(),
            Self::Unauthenticated => ErrorCode::Unauthenticated,
            Self::KeySetAway => ErrorCode::KeySetUnavailable,
            Self::TooManyFailures { .. } => ErrorCode::TooManyFailedAttempts,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Overloaded => ErrorCode::Overloaded,
            Self::NotLocal => ErrorCode::NotLocal,
            Self::MalformedJson { .. } => ErrorCode::MalformedJson,
            Self::NotAnObject => ErrorCode::NotAnObject,
            Self::ContentType => ErrorCode::UnsupportedMediaType,
            Self::BodyTooLarge => ErrorCode::BodyTooLarge,
            Self::BodySlow => ErrorCode::RequestTimeout,
            Self::BodyLost => ErrorCode::BodyIncomplete,
            Self::MalformedQuery => ErrorCode::MalformedQuery,
            Self::MethodNotAllowed { .. } => ErrorCode::MethodNotAllowed,
            Self::InFlight => ErrorCode::IdempotencyInFlight,
            Self::KeyReused => ErrorCode::IdempotencyKeyReused,
            Self::ContentEncoding => ErrorCode::UnsupportedContentEncoding,
            Self::Panicked => ErrorCode::InternalError,
        }
    }

    /// True if repeating the request cannot change the answer: it is wrong in itself, or what is in
    /// its way stays. What somebody can mend (a right, a credential, a pause, a repository's rule)
    /// and what asks to come back does not last.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Service(error) => service_lasts(error),
            Self::MalformedJson { .. }
            | Self::NotAnObject
            | Self::ContentType
            | Self::BodyTooLarge
            | Self::MalformedQuery => true,
            Self::Unauthenticated
            | Self::KeySetAway
            | Self::TooManyFailures { .. }
            | Self::RateLimited { .. }
            | Self::Overloaded
            | Self::NotLocal
            | Self::BodySlow
            | Self::BodyLost
            | Self::MethodNotAllowed { .. }
            | Self::InFlight
            | Self::KeyReused
            | Self::ContentEncoding
            | Self::Panicked => false,
        }
    }
}

fn service_lasts(error: &ServiceError) -> bool {
    match error {
        ServiceError::Invalid(_)
        | ServiceError::MissingRequired(_)
        | ServiceError::AlreadyExists
        | ServiceError::VersionMismatch
        | ServiceError::UnexpectedCommit { .. }
        | ServiceError::TagMessageDiffers { .. } => true,
        ServiceError::Provider(error) => provider_lasts(error),
        ServiceError::Forbidden { .. }
        | ServiceError::ForeignTenant
        | ServiceError::NotFound
        | ServiceError::CredentialExpired { .. }
        | ServiceError::NoCredential
        | ServiceError::Deleted
        | ServiceError::CredentialChanged
        | ServiceError::HostNotConfigured
        | ServiceError::UnusableUrl
        | ServiceError::Paused
        | ServiceError::Denied { .. }
        | ServiceError::RepositoryReplaced
        | ServiceError::NoPublicUrl
        | ServiceError::NoWebhook
        | ServiceError::WebhookGone
        | ServiceError::WebhookBusy
        | ServiceError::NoRandomness
        | ServiceError::UnknownWebhook
        | ServiceError::UnknownDelivery
        | ServiceError::UnknownApiKey
        | ServiceError::DeliveryTooLarge
        | ServiceError::ReceiverFull
        | ServiceError::Store(_) => false,
    }
}

fn provider_lasts(error: &ProviderError) -> bool {
    match error {
        ProviderError::RefConflict { .. } | ProviderError::ReleaseConflict { .. } => true,
        ProviderError::TokenInvalid { .. }
        | ProviderError::TokenExpired { .. }
        | ProviderError::InsufficientScope { .. }
        | ProviderError::NotFound { .. }
        | ProviderError::UnsupportedCredential { .. }
        | ProviderError::Moved
        | ProviderError::RateLimited { .. }
        | ProviderError::RefNotFound { .. }
        | ProviderError::RefAmbiguous { .. }
        | ProviderError::RefRefused { .. }
        | ProviderError::ReleaseRefused { .. }
        | ProviderError::NoReleases
        | ProviderError::PreviousTagUndecided
        | ProviderError::CursorGone
        | ProviderError::Paced { .. }
        | ProviderError::WebhookUrlRefused
        | ProviderError::EmptyRepository
        | ProviderError::ReadOnly
        | ProviderError::Conflict
        | ProviderError::BadRequest { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::EgressDenied
        | ProviderError::InstallationGone
        | ProviderError::InstallationSuspended
        | ProviderError::AppNotConfigured
        | ProviderError::ServerRefused { .. }
        | ProviderError::HostNotConfigured => false,
    }
}

/// Everything beside status, code and text.
fn dress(failure: &mut Failure, error: &ServiceError) {
    match error {
        ServiceError::Invalid(details) | ServiceError::MissingRequired(details) => {
            failure.details.clone_from(details);
        }
        ServiceError::Denied { missing, .. } => {
            failure.beside.insert("missing".into(), json!(missing));
        }
        ServiceError::UnexpectedCommit {
            spec,
            found,
            expected,
        } => conflict(failure, &spec.to_string(), found, expected),
        ServiceError::Provider(error) => dress_provider(failure, error),
        ServiceError::WebhookBusy => failure.retry_after = Some(WEBHOOK_RETRY),
        ServiceError::ReceiverFull => failure.retry_after = Some(RECEIVER_RETRY),
        ServiceError::Store(error) if error.is_unavailable() => {
            failure.retry_after = Some(DATABASE_RETRY);
        }
        ServiceError::Store(_)
        | ServiceError::Forbidden { .. }
        | ServiceError::ForeignTenant
        | ServiceError::NotFound
        | ServiceError::AlreadyExists
        | ServiceError::CredentialExpired { .. }
        | ServiceError::NoCredential
        | ServiceError::Deleted
        | ServiceError::CredentialChanged
        | ServiceError::VersionMismatch
        | ServiceError::HostNotConfigured
        | ServiceError::UnusableUrl
        | ServiceError::Paused
        | ServiceError::RepositoryReplaced
        | ServiceError::TagMessageDiffers { .. }
        | ServiceError::NoPublicUrl
        | ServiceError::NoWebhook
        | ServiceError::WebhookGone
        | ServiceError::NoRandomness
        | ServiceError::UnknownWebhook
        | ServiceError::UnknownDelivery
        | ServiceError::UnknownApiKey
        | ServiceError::DeliveryTooLarge => {}
    }
}

/// The same for what a code host did not do.
fn dress_provider(failure: &mut Failure, error: &ProviderError) {
    if failure.status.as_u16() == 429 || failure.status.is_server_error() {
        let seconds = error.retry_after().map_or(HOST_RETRY, |wait| {
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        });
        failure.retry_after = Some(seconds.max(1));
    }
    match error {
        ProviderError::RefConflict {
            kind,
            name,
            found,
            wanted,
        } => {
            let full_name = match kind {
                RefKind::Branch => format!("refs/heads/{name}"),
                RefKind::Tag => format!("refs/tags/{name}"),
                RefKind::Commit | RefKind::Ref => name.clone(),
            };
            conflict(failure, &full_name, found, wanted);
        }
        ProviderError::ReleaseConflict { differs, .. } => {
            failure.beside.insert("differs".into(), json!(differs));
        }
        ProviderError::CursorGone => {
            failure.details = vec![FieldError::new("cursor", error)];
        }
        ProviderError::TokenInvalid { .. }
        | ProviderError::TokenExpired { .. }
        | ProviderError::InsufficientScope { .. }
        | ProviderError::NotFound { .. }
        | ProviderError::UnsupportedCredential { .. }
        | ProviderError::Moved
        | ProviderError::RateLimited { .. }
        | ProviderError::RefNotFound { .. }
        | ProviderError::RefAmbiguous { .. }
        | ProviderError::RefRefused { .. }
        | ProviderError::ReleaseRefused { .. }
        | ProviderError::NoReleases
        | ProviderError::PreviousTagUndecided
        | ProviderError::Paced { .. }
        | ProviderError::WebhookUrlRefused
        | ProviderError::EmptyRepository
        | ProviderError::ReadOnly
        | ProviderError::Conflict
        | ProviderError::BadRequest { .. }
        | ProviderError::Unavailable { .. }
        | ProviderError::EgressDenied
        | ProviderError::InstallationGone
        | ProviderError::InstallationSuspended
        | ProviderError::AppNotConfigured
        | ProviderError::ServerRefused { .. }
        | ProviderError::HostNotConfigured => {}
    }
}

/// Which ref stands at which commit, and at which it should.
fn conflict(failure: &mut Failure, name: &str, existing: &CommitSha, wanted: &CommitSha) {
    let told = json!({"ref": name, "existingSha": existing, "wantedSha": wanted});
    failure.beside.insert("conflict".into(), told);
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        status(self.code())
    }

    fn error_response(&self) -> HttpResponse {
        let failure = self.failure();
        if failure.status.is_server_error() {
            log(self, &failure.code);
        }
        failure.respond(Form::Own)
    }
}

/// A failure of ours or of somebody we depend on, with its causes, once.
fn log(error: &ApiError, code: &str) {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    tracing::warn!(code, error = %error, causes = causes.join(": "), "request failed");
}
