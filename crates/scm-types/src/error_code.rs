//! The words that stand for everything that can go wrong, for programs to tell failures apart.
//!
//! - A word never changes its meaning and is never given to something else.
//! - What a caller can do about it is [`ErrorCode::meaning`]; the sentence in an answer says more.

/// Writes the codes, each with its word; the documentation of a member is its meaning.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $member:ident = $word:literal,)+) => {
        /// Why something was not done: `code` of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $meaning])+ $member,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$member),+];

            /// The word that stands in answers and in the audit log.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $word,)+
                }
            }

            /// What it means, in one line.
            #[must_use]
            pub fn meaning(self) -> String {
                match self {
                    $(Self::$member => [$($meaning.trim()),+].join(" "),)+
                }
            }
        }
    };
}

codes! {
    // The request.
    /// The request is wrong; `details` names every wrong field.
    ValidationFailed = "validation_failed",
    /// What a connection cannot be made without is missing.
    MissingRequiredFields = "missing_required_fields",
    /// The body is not JSON.
    MalformedJson = "malformed_json",
    /// The body is JSON, but no object.
    NotAnObject = "not_an_object",
    /// The query string cannot be read.
    MalformedQuery = "malformed_query",
    /// The body broke off, or its encoding could not be read.
    BodyIncomplete = "body_incomplete",
    /// The body took too long to arrive.
    RequestTimeout = "request_timeout",
    /// The body is larger than 256 KiB.
    BodyTooLarge = "body_too_large",
    /// The body is not JSON in UTF-8 by its headers, or is compressed.
    UnsupportedMediaType = "unsupported_media_type",
    /// The path exists, the method does not; `Allow` lists those that do.
    MethodNotAllowed = "method_not_allowed",
    /// There is nothing at this path.
    UnknownRoute = "unknown_route",
    /// The same request, with the same `Idempotency-Key`, is being carried out.
    IdempotencyInFlight = "idempotency_in_flight",
    /// The `Idempotency-Key` was used for another request.
    IdempotencyKeyReused = "idempotency_key_reused",
    // The caller.
    /// No credential, or none that is known.
    Unauthenticated = "unauthenticated",
    /// Without authentication, a request that names another host or origin than this machine.
    NotLocal = "not_local",
    /// The caller's role is too low.
    Forbidden = "forbidden",
    /// The request names another tenant than the caller's.
    ForeignTenant = "foreign_tenant",
    // The integration.
    /// There is no such integration, or it belongs to another tenant.
    NotFound = "not_found",
    /// The tenant has an integration for this repository already.
    AlreadyExists = "already_exists",
    /// The integration is not in the state that `If-Match` names.
    VersionMismatch = "version_mismatch",
    /// The integration is paused.
    IntegrationPaused = "integration_paused",
    /// The integration was deleted; only a new credential brings it back.
    IntegrationDeleted = "integration_deleted",
    /// What an old writer stored as the row's URL names no repository.
    RepositoryUrlUnusable = "repository_url_unusable",
    /// The repository's host is not one that the operator lists for this kind.
    HostNotConfigured = "host_not_configured",
    // The credential.
    /// No credential is stored.
    NoCredential = "no_credential",
    /// The code host refuses the credential.
    CredentialInvalid = "credential_invalid",
    /// The credential has ended.
    CredentialExpired = "credential_expired",
    /// A new credential was stored while the old one was being used.
    CredentialChanged = "credential_changed",
    /// A scope or a role is missing.
    InsufficientScope = "insufficient_scope",
    /// The code host does not take this kind of credential.
    UnsupportedCredential = "unsupported_credential",
    /// The check was made: the connection does not work.
    ConnectionInvalid = "connection_invalid",
    /// The last check found that the credential may not do this.
    OperationDenied = "operation_denied",
    /// The installation of the GitHub App is gone.
    InstallationGone = "installation_gone",
    /// The installation of the GitHub App is suspended.
    InstallationSuspended = "installation_suspended",
    /// The operator has no GitHub App for this host.
    AppNotConfigured = "app_not_configured",
    // The repository.
    /// The code host shows no such repository to this credential.
    ProviderNotFound = "provider_not_found",
    /// The repository was renamed or moved.
    RepositoryMoved = "repository_moved",
    /// The repository at the URL is another one than was connected.
    RepositoryReplaced = "repository_replaced",
    /// The repository takes no writes any more.
    RepositoryReadOnly = "repository_read_only",
    /// The repository has no commits yet.
    EmptyRepository = "empty_repository",
    /// There is no such branch.
    BranchNotFound = "branch_not_found",
    /// There is no such tag.
    TagNotFound = "tag_not_found",
    /// There is no such commit.
    CommitNotFound = "commit_not_found",
    /// There is neither a branch nor a tag of this name.
    RefNotFound = "ref_not_found",
    /// There are a branch and a tag of this name, and they differ.
    RefAmbiguous = "ref_ambiguous",
    /// The name stands for another commit already; `conflict` tells both.
    RefConflict = "ref_conflict",
    /// A rule of the repository refuses the branch or the tag.
    RefRefused = "ref_refused",
    /// A ref stands for another commit than `expectedSha`; `conflict` tells both.
    UnexpectedCommit = "unexpected_commit",
    /// The tag is there with another message, and its message is the notes.
    TagMessageDiffers = "tag_message_differs",
    /// The tag has a release already, and it differs.
    ReleaseConflict = "release_conflict",
    /// The code host refuses the release.
    ReleaseRefused = "release_refused",
    /// The code host has no releases.
    NoReleases = "no_releases",
    /// The tag before this one cannot be told; name it.
    PreviousTagUndecided = "previous_tag_undecided",
    // The code host.
    /// The code host asks to wait.
    ProviderRateLimited = "provider_rate_limited",
    /// The code host did not answer in time.
    ProviderTimeout = "provider_timeout",
    /// The code host could not be reached, or answered that it cannot serve.
    ProviderUnavailable = "provider_unavailable",
    /// The code host's answer could not be used.
    ProviderBadAnswer = "provider_bad_answer",
    /// The code host did not understand what was asked.
    ProviderRefusedRequest = "provider_refused_request",
    /// The code host refuses this server.
    ProviderServerRefused = "provider_server_refused",
    /// The code host's name leads to an address that is not allowed.
    ProviderAddressRefused = "provider_address_refused",
    /// The code host reports a conflict.
    ProviderConflict = "provider_conflict",
    // Webhooks.
    /// This server has no address that code hosts could deliver to.
    PublicUrlMissing = "public_url_missing",
    /// No webhook is registered.
    WebhookNotRegistered = "webhook_not_registered",
    /// The webhook was removed at the code host.
    WebhookGone = "webhook_gone",
    /// Another change of the webhook is under way.
    WebhookBusy = "webhook_busy",
    /// The code host refuses the webhook's address.
    WebhookUrlRefused = "webhook_url_refused",
    /// There is no such webhook, or the delivery is not signed with its secret.
    UnknownWebhook = "unknown_webhook",
    /// The delivery is larger than its host says that deliveries are.
    DeliveryTooLarge = "delivery_too_large",
    /// The delivery is compressed.
    UnsupportedContentEncoding = "unsupported_content_encoding",
    /// More deliveries arrive than there is room for.
    ReceiverFull = "receiver_full",
    /// The integration has no delivery of this id.
    DeliveryNotFound = "delivery_not_found",
    /// There is no such API key, or it belongs to another tenant.
    ApiKeyNotFound = "api_key_not_found",
    /// Too many credentials from one address were not accepted; `Retry-After` says when to come
    /// back.
    TooManyFailedAttempts = "too_many_failed_attempts",
    /// More requests than are allowed; `Retry-After` says when to come back.
    RateLimited = "rate_limited",
    // The server.
    /// More requests at the same time than there is room for.
    Overloaded = "overloaded",
    /// The keys that tokens are verified with are not known at the moment.
    KeySetUnavailable = "key_set_unavailable",
    /// The database is away.
    DatabaseUnavailable = "database_unavailable",
    /// The database has no room left: nothing was written, and what is stored can be read.
    DatabaseFull = "database_full",
    /// The database did not do what was asked.
    DatabaseError = "database_error",
    /// A stored secret cannot be opened.
    SecretUnreadable = "secret_unreadable",
    /// A stored row cannot be read.
    RowCorrupt = "row_corrupt",
    /// Something else still needs the row.
    InUse = "in_use",
    /// The stored data does not allow it.
    Conflict = "conflict",
    /// The machine gives no random numbers.
    NoRandomness = "no_randomness",
    /// Something went wrong in the server.
    InternalError = "internal_error",
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_one_of_a_kind() {
        let words: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        for word in words {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(word.bytes().all(plain), "{word}");
        }
        assert_eq!(
            ErrorCode::ValidationFailed.meaning(),
            "The request is wrong; `details` names every wrong field."
        );
    }
}
