//! The one map from everything that can go wrong to an HTTP answer. No match here has a `_` arm:
//! a new error does not compile until somebody has decided what it is to a client.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use scm_service::{FieldError, Outage, ProviderError, ServiceError, StoreError};

use crate::failure::{Failure, Form};

/// Seconds after which a database that was away is worth another try.
const DATABASE_RETRY: u64 = 5;
/// Seconds after which a code host that failed is worth another try, unless it says so itself.
const HOST_RETRY: u64 = 30;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The operation failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// No credential, or none that is known.
    #[error("This needs a valid API key, as Authorization: Bearer scm_…")]
    Unauthenticated,
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
    /// A handler panicked.
    #[error("Something went wrong in the server")]
    Panicked,
}

impl ApiError {
    /// A request that is wrong in the named fields.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self::Service(ServiceError::Invalid(errors))
    }

    fn failure(&self) -> Failure {
        let (status, code) = self.status_and_code();
        let text = match self {
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
        match self {
            Self::Service(error) => dress(&mut failure, error),
            Self::MethodNotAllowed { allow } => failure.allow = Some(allow),
            Self::Unauthenticated
            | Self::NotLocal
            | Self::MalformedJson { .. }
            | Self::NotAnObject
            | Self::ContentType
            | Self::BodyTooLarge
            | Self::BodySlow
            | Self::BodyLost
            | Self::MalformedQuery
            | Self::Panicked => {}
        }
        failure
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Service(error) => service(error),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::NotLocal => (StatusCode::FORBIDDEN, "not_local"),
            Self::MalformedJson { .. } => (StatusCode::BAD_REQUEST, "malformed_json"),
            Self::NotAnObject => (StatusCode::BAD_REQUEST, "not_an_object"),
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::BodySlow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::BodyLost => (StatusCode::BAD_REQUEST, "body_incomplete"),
            Self::MalformedQuery => (StatusCode::BAD_REQUEST, "malformed_query"),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }
}

fn service(error: &ServiceError) -> (StatusCode, &'static str) {
    match error {
        ServiceError::Invalid(_) => (StatusCode::BAD_REQUEST, "validation_failed"),
        ServiceError::MissingRequired(_) => (StatusCode::BAD_REQUEST, "missing_required_fields"),
        ServiceError::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
        ServiceError::ForeignTenant => (StatusCode::FORBIDDEN, "foreign_tenant"),
        ServiceError::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        ServiceError::AlreadyExists => (StatusCode::CONFLICT, "already_exists"),
        ServiceError::NoCredential => (StatusCode::CONFLICT, "no_credential"),
        ServiceError::Deleted => (StatusCode::CONFLICT, "integration_deleted"),
        ServiceError::CredentialChanged => (StatusCode::CONFLICT, "credential_changed"),
        ServiceError::VersionMismatch => (StatusCode::PRECONDITION_FAILED, "version_mismatch"),
        ServiceError::HostNotConfigured => (StatusCode::CONFLICT, "host_not_configured"),
        ServiceError::UnusableUrl => (StatusCode::CONFLICT, "repository_url_unusable"),
        ServiceError::Provider(error) => provider(error),
        ServiceError::Store(error) => store(error),
    }
}

fn provider(error: &ProviderError) -> (StatusCode, &'static str) {
    match error {
        ProviderError::TokenInvalid { .. } => (StatusCode::CONFLICT, "credential_invalid"),
        ProviderError::TokenExpired { .. } => (StatusCode::CONFLICT, "credential_expired"),
        ProviderError::InsufficientScope { .. } => (StatusCode::CONFLICT, "insufficient_scope"),
        ProviderError::NotFound { .. } => (StatusCode::NOT_FOUND, "provider_not_found"),
        ProviderError::UnsupportedCredential { .. } => {
            (StatusCode::CONFLICT, "unsupported_credential")
        }
        ProviderError::Moved => (StatusCode::CONFLICT, "repository_moved"),
        ProviderError::RateLimited { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "provider_rate_limited")
        }
        ProviderError::Conflict => (StatusCode::CONFLICT, "provider_conflict"),
        ProviderError::BadRequest { .. } => (StatusCode::BAD_GATEWAY, "provider_refused_request"),
        ProviderError::Unavailable { outage, .. } => match outage {
            Outage::Timeout => (StatusCode::GATEWAY_TIMEOUT, "provider_timeout"),
            Outage::Status(_) | Outage::Unreachable => {
                (StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable")
            }
            Outage::Tls
            | Outage::Truncated
            | Outage::TooLarge
            | Outage::Malformed
            | Outage::Redirected => (StatusCode::BAD_GATEWAY, "provider_bad_answer"),
        },
        ProviderError::EgressDenied => (StatusCode::BAD_GATEWAY, "provider_address_refused"),
        ProviderError::HostNotConfigured => (StatusCode::CONFLICT, "host_not_configured"),
    }
}

fn store(error: &StoreError) -> (StatusCode, &'static str) {
    match error {
        StoreError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
        StoreError::Unreadable { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "secret_unreadable"),
        StoreError::Corrupt { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "row_corrupt"),
        StoreError::Restricted => (StatusCode::CONFLICT, "in_use"),
        StoreError::Seal(_) | StoreError::Url | StoreError::Database { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, "database_error")
        }
        // The service gives these a meaning of its own, which stands in `service`; whoever hands
        // one through all the same answers a conflict.
        StoreError::Conflict
        | StoreError::OutsideScope
        | StoreError::VersionMismatch
        | StoreError::NoCredential
        | StoreError::Deleted
        | StoreError::NotNullable { .. }
        | StoreError::DoesNotFit { .. }
        | StoreError::CredentialChanged
        | StoreError::Reference { .. } => (StatusCode::CONFLICT, "conflict"),
    }
}

/// Everything beside status, code and text.
fn dress(failure: &mut Failure, error: &ServiceError) {
    match error {
        ServiceError::Invalid(details) | ServiceError::MissingRequired(details) => {
            failure.details.clone_from(details);
        }
        ServiceError::Provider(error)
            if failure.status.as_u16() == 429 || failure.status.is_server_error() =>
        {
            let seconds = error.retry_after().map_or(HOST_RETRY, |wait| {
                wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
            });
            failure.retry_after = Some(seconds.max(1));
        }
        ServiceError::Store(error) if error.is_unavailable() => {
            failure.retry_after = Some(DATABASE_RETRY);
        }
        ServiceError::Provider(_)
        | ServiceError::Store(_)
        | ServiceError::Forbidden { .. }
        | ServiceError::ForeignTenant
        | ServiceError::NotFound
        | ServiceError::AlreadyExists
        | ServiceError::NoCredential
        | ServiceError::Deleted
        | ServiceError::CredentialChanged
        | ServiceError::VersionMismatch
        | ServiceError::HostNotConfigured
        | ServiceError::UnusableUrl => {}
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status_and_code().0
    }

    fn error_response(&self) -> HttpResponse {
        let failure = self.failure();
        if failure.status.is_server_error() {
            log(self, failure.code);
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
