//! The one map from everything that can go wrong to an HTTP answer. No match here has a `_` arm:
//! a new error does not compile until somebody has decided what it is to a client.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use scm_service::{FieldError, Outage, ProviderError, ServiceError, StoreError};
use scm_types::{CommitSha, RefKind};
use serde_json::json;

use crate::failure::{Failure, Form};

/// Seconds after which a database that was away is worth another try.
const DATABASE_RETRY: u64 = 5;
/// Seconds after which a code host that failed is worth another try, unless it says so itself.
const HOST_RETRY: u64 = 30;
/// Seconds after which a request that runs under the same key has, as a rule, been answered.
const RUNNING_RETRY: u64 = 2;

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
    /// A request with the same `Idempotency-Key` has not been answered yet.
    #[error("The same request, with the same Idempotency-Key, is being carried out; ask again")]
    InFlight,
    /// Another request was made under the same `Idempotency-Key`.
    #[error(
        "The Idempotency-Key was used for another request in the last 24 hours; a new request \
         needs a new key"
    )]
    KeyReused,
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
        failure.lasting = self.is_lasting();
        match self {
            Self::Service(error) => dress(&mut failure, error),
            Self::MethodNotAllowed { allow } => failure.allow = Some(allow),
            Self::InFlight => failure.retry_after = Some(RUNNING_RETRY),
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
            Self::InFlight => (StatusCode::CONFLICT, "idempotency_in_flight"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Self::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
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
            | Self::NotLocal
            | Self::BodySlow
            | Self::BodyLost
            | Self::MethodNotAllowed { .. }
            | Self::InFlight
            | Self::KeyReused
            | Self::Panicked => false,
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
        ServiceError::CredentialExpired { .. } => (StatusCode::CONFLICT, "credential_expired"),
        ServiceError::NoCredential => (StatusCode::CONFLICT, "no_credential"),
        ServiceError::Deleted => (StatusCode::CONFLICT, "integration_deleted"),
        ServiceError::CredentialChanged => (StatusCode::CONFLICT, "credential_changed"),
        ServiceError::VersionMismatch => (StatusCode::PRECONDITION_FAILED, "version_mismatch"),
        ServiceError::HostNotConfigured => (StatusCode::CONFLICT, "host_not_configured"),
        ServiceError::UnusableUrl => (StatusCode::CONFLICT, "repository_url_unusable"),
        ServiceError::Paused => (StatusCode::CONFLICT, "integration_paused"),
        ServiceError::Denied { .. } => (StatusCode::CONFLICT, "operation_denied"),
        ServiceError::RepositoryReplaced => (StatusCode::CONFLICT, "repository_replaced"),
        ServiceError::UnexpectedCommit { .. } => (StatusCode::CONFLICT, "unexpected_commit"),
        ServiceError::TagMessageDiffers { .. } => (StatusCode::CONFLICT, "tag_message_differs"),
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
        ProviderError::RefNotFound { kind, .. } => {
            let code = match kind {
                RefKind::Branch => "branch_not_found",
                RefKind::Tag => "tag_not_found",
                RefKind::Commit => "commit_not_found",
                RefKind::Ref => "ref_not_found",
            };
            (StatusCode::NOT_FOUND, code)
        }
        ProviderError::RefAmbiguous { .. } => (StatusCode::CONFLICT, "ref_ambiguous"),
        ProviderError::RefConflict { .. } => (StatusCode::CONFLICT, "ref_conflict"),
        ProviderError::RefRefused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "ref_refused"),
        ProviderError::ReleaseConflict { .. } => (StatusCode::CONFLICT, "release_conflict"),
        ProviderError::ReleaseRefused { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "release_refused")
        }
        ProviderError::NoReleases => (StatusCode::CONFLICT, "no_releases"),
        ProviderError::CursorGone => (StatusCode::BAD_REQUEST, "validation_failed"),
        ProviderError::Paced { .. } => (StatusCode::TOO_MANY_REQUESTS, "provider_rate_limited"),
        ProviderError::PreviousTagUndecided => {
            (StatusCode::UNPROCESSABLE_ENTITY, "previous_tag_undecided")
        }
        ProviderError::EmptyRepository => (StatusCode::CONFLICT, "empty_repository"),
        ProviderError::ReadOnly => (StatusCode::CONFLICT, "repository_read_only"),
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
        ProviderError::InstallationGone => (StatusCode::CONFLICT, "installation_gone"),
        ProviderError::InstallationSuspended => (StatusCode::CONFLICT, "installation_suspended"),
        ProviderError::AppNotConfigured => (StatusCode::CONFLICT, "app_not_configured"),
        ProviderError::ServerRefused { .. } => (StatusCode::BAD_GATEWAY, "provider_server_refused"),
        ProviderError::HostNotConfigured => (StatusCode::CONFLICT, "host_not_configured"),
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
        ServiceError::Denied { missing, .. } => {
            failure.beside.insert("missing".into(), json!(missing));
        }
        ServiceError::UnexpectedCommit {
            spec,
            found,
            expected,
        } => conflict(failure, &spec.to_string(), found, expected),
        ServiceError::Provider(error) => dress_provider(failure, error),
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
        | ServiceError::TagMessageDiffers { .. } => {}
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
        self.status_and_code().0
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
