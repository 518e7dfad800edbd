//! What can go wrong between us and a code host, told so that a caller knows what to do.
//!
//! - The text of an error is for a person: it says what to do, and never holds a credential, a
//!   host's raw answer or an address inside the network. What the host itself named (a scope, a
//!   single sign-on page) is in it only after a strict filter.
//! - [`ProviderError::is_definite`] tells an answer about the connection from a failure to get one.
//!   Only a definite answer may change what is stored about a connection.

use std::{error::Error, fmt, time::Duration};

use scm_types::{CommitSha, RefKind, TagName, Timestamp};

/// A cause that is kept for the log, never for a person.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// What could not be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The repository, or all access to it: hosts answer the same to both.
    Repository,
    /// The repository was blocked by its host, as a rule for legal reasons.
    Blocked,
    /// Something inside a repository that can itself be seen.
    Part,
}

/// Why a host could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// No answer in time.
    Timeout,
    /// Name not found, connection refused or lost.
    Unreachable,
    /// The encrypted connection could not be made: certificate, protocol, trust store.
    Tls,
    /// The host answered with a 5xx status.
    Status(u16),
    /// The answer ended early.
    Truncated,
    /// The answer was larger than we take.
    TooLarge,
    /// The answer was not what the host's API gives: another format, a web page.
    Malformed,
    /// The host sent us to another server, or round in circles.
    Redirected,
}

impl Outage {
    /// A stable word for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Status(_) => "status",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Redirected => "redirected",
        }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("The code host did not answer in time"),
            Self::Unreachable => f.write_str("The code host could not be reached"),
            Self::Tls => f.write_str(
                "A secure connection to the code host could not be made; its certificate or our \
                 trusted authorities need a look",
            ),
            Self::Status(status) => {
                write!(f, "The code host has trouble of its own (status {status})")
            }
            Self::Truncated => f.write_str("The code host's answer broke off"),
            Self::TooLarge => f.write_str("The code host's answer was too large"),
            Self::Malformed => f.write_str(
                "The code host's answer was not one of its API; something in between may have \
                 answered, or the configured API address is wrong",
            ),
            Self::Redirected => f.write_str(
                "The code host sent us to another address, which we do not follow; the configured \
                 API address needs a look",
            ),
        }
    }
}

/// Why a call to a code host failed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The host refused the credential.
    #[error("The code host refused the credential: it is wrong or was revoked. Store a new one{}", Hint(*.hint))]
    TokenInvalid {
        /// What often causes this with the kind of credential given.
        hint: Option<&'static str>,
    },
    /// The host refused the credential, and it is known to have expired.
    #[error("The credential has expired{}. Store a new one", On(*.at))]
    TokenExpired {
        /// When it expired, if that is known.
        at: Option<Timestamp>,
    },
    /// The credential works but may not do this.
    #[error("{}", Scope(.missing.as_deref(), .sso_url.as_deref()))]
    InsufficientScope {
        /// The scope, permission or role that is missing, if the host named one.
        missing: Option<String>,
        /// The page where the token is let into a single sign-on organisation.
        sso_url: Option<String>,
    },
    /// The repository or a part of it is not there, or cannot be seen with this credential.
    #[error("{}", NotThere(*.what))]
    NotFound {
        /// What is not there.
        what: Missing,
    },
    /// A credential of a kind that can never work here.
    #[error("{reason}")]
    UnsupportedCredential {
        /// What it is, and what to give instead.
        reason: &'static str,
    },
    /// The repository has another address now; a write was not made.
    #[error("The repository has moved; check the connection again to take over its new address")]
    Moved,
    /// The host asks to wait, or is known to.
    #[error("The code host's rate limit is used up; try again in {} seconds", .retry_after.as_secs().max(1))]
    RateLimited {
        /// How long to wait at the least.
        retry_after: Duration,
    },
    /// A branch, tag or commit that the repository does not have.
    #[error("The repository has no {kind} {name}")]
    RefNotFound {
        /// What was looked for.
        kind: RefKind,
        /// Its name or id.
        name: String,
    },
    /// A branch and a tag have the name, and they are different commits.
    #[error(
        "The repository has a branch and a tag {name} at different commits; give refs/heads/{name} \
         or refs/tags/{name}"
    )]
    RefAmbiguous {
        /// The name.
        name: String,
    },
    /// What was to be made exists at another commit.
    #[error("The {kind} {name} exists already, at {found} instead of {wanted}")]
    RefConflict {
        /// What was to be made.
        kind: RefKind,
        /// Its name.
        name: String,
        /// The commit that it is at.
        found: CommitSha,
        /// The commit that it should be at.
        wanted: CommitSha,
    },
    /// The host does not let a ref be made, and there is none.
    #[error(
        "The code host refused to make the {kind} {name} (status {status}): a rule of the repository \
         protects the name, or another {kind} is in its way, as a is in the way of a/b"
    )]
    RefRefused {
        /// What was to be made.
        kind: RefKind,
        /// Its name.
        name: String,
        /// The status of the host's answer.
        status: u16,
    },
    /// The tag has a release, and it is another one.
    #[error("The tag {tag} has a release already, and it differs in: {}", .differs.join(", "))]
    ReleaseConflict {
        /// The tag.
        tag: TagName,
        /// What differs.
        differs: Vec<&'static str>,
    },
    /// The host does not let a release be made, and there is none.
    #[error("The code host refused to make a release of the tag {tag}")]
    ReleaseRefused {
        /// The tag.
        tag: TagName,
    },
    /// The product has no releases.
    #[error(
        "This code host has no releases; release notes are the message of an annotated tag there"
    )]
    NoReleases,
    /// Which tag comes before another cannot be told with a bearable number of questions.
    #[error("The previous tag could not be found among so many; give previousTag")]
    PreviousTagUndecided,
    /// A list has no such place, or no longer: it changed, or the cursor is another list's.
    #[error("The list has no such place any more; begin it again without a cursor")]
    CursorGone,
    /// More writes with one credential than the host wants at once; nothing was sent.
    #[error(
        "Too many changes with this credential at once: its code host asks for a pause between \
         them. Try again in {} seconds", .retry_after.as_secs().max(1)
    )]
    Paced {
        /// How long to wait at the least.
        retry_after: Duration,
    },
    /// The host does not deliver to the URL of a webhook.
    #[error(
        "The code host does not take the webhook's URL: it delivers only to addresses that it can \
         reach. The server's operator has to give it a public URL, or allow the address at the code \
         host"
    )]
    WebhookUrlRefused,
    /// The repository has no commit yet.
    #[error("The repository is empty; push a first commit")]
    EmptyRepository,
    /// The repository is archived.
    #[error("The repository is archived and takes no changes; unarchive it at the code host first")]
    ReadOnly,
    /// What was to be made exists already. Whoever gets this looks whether it is as wanted.
    #[error("The code host already has another one of that name")]
    Conflict,
    /// The host did not understand the request.
    #[error("The code host did not accept the request (status {status})")]
    BadRequest {
        /// The status of its answer.
        status: u16,
    },
    /// The host could not be asked; nothing is known about the connection.
    #[error("{outage}. Try again later")]
    Unavailable {
        /// What kind of trouble.
        outage: Outage,
        /// How long the host asks to wait, if it does.
        retry_after: Option<Duration>,
        /// The cause, for the log.
        #[source]
        source: Option<Cause>,
    },
    /// The host's address is one that must not be called.
    #[error(
        "The code host's address lies in a network that this server does not call; its operator \
         can allow private addresses for a host"
    )]
    EgressDenied,
    /// The App's installation that the connection uses is no more.
    #[error(
        "The GitHub App is no longer installed where the repository is. Install it again, then \
         connect the repository again"
    )]
    InstallationGone,
    /// The App's installation that the connection uses was suspended.
    #[error(
        "The GitHub App's installation is suspended. Lift the suspension in the organisation's \
         settings at the code host"
    )]
    InstallationSuspended,
    /// A connection that uses an App, on a host that the operator has configured none for.
    #[error(
        "This server is not set up as a GitHub App for the repository's host; ask its operator"
    )]
    AppNotConfigured,
    /// The host refused what the operator has configured, not what the tenant gave.
    #[error(
        "The code host refused this server itself, not the connection; the server's operator has to \
         check {what}"
    )]
    ServerRefused {
        /// What may be wrong.
        what: &'static str,
    },
    /// The repository's host is not on the operator's list.
    #[error("The repository's host is not one that this server is configured for")]
    HostNotConfigured,
}

impl ProviderError {
    /// True if the host has answered about the connection itself: credential, rights or repository.
    /// Only such an error may change the stored status. A missing part of a repository says nothing
    /// about it.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Self::TokenInvalid { .. }
            | Self::TokenExpired { .. }
            | Self::InsufficientScope { .. }
            | Self::UnsupportedCredential { .. }
            | Self::InstallationGone
            | Self::InstallationSuspended => true,
            Self::NotFound { what } => *what != Missing::Part,
            Self::Moved
            | Self::RateLimited { .. }
            | Self::RefNotFound { .. }
            | Self::RefAmbiguous { .. }
            | Self::RefConflict { .. }
            | Self::RefRefused { .. }
            | Self::ReleaseConflict { .. }
            | Self::ReleaseRefused { .. }
            | Self::NoReleases
            | Self::PreviousTagUndecided
            | Self::CursorGone
            | Self::Paced { .. }
            | Self::WebhookUrlRefused
            | Self::EmptyRepository
            | Self::ReadOnly
            | Self::Conflict
            | Self::BadRequest { .. }
            | Self::Unavailable { .. }
            | Self::EgressDenied
            | Self::AppNotConfigured
            | Self::ServerRefused { .. }
            | Self::HostNotConfigured => false,
        }
    }

    /// How long to wait before trying again, if the host said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Paced { retry_after } => Some(*retry_after),
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::TokenInvalid { .. }
            | Self::TokenExpired { .. }
            | Self::InsufficientScope { .. }
            | Self::NotFound { .. }
            | Self::UnsupportedCredential { .. }
            | Self::Moved
            | Self::RefNotFound { .. }
            | Self::RefAmbiguous { .. }
            | Self::RefConflict { .. }
            | Self::RefRefused { .. }
            | Self::ReleaseConflict { .. }
            | Self::ReleaseRefused { .. }
            | Self::NoReleases
            | Self::PreviousTagUndecided
            | Self::CursorGone
            | Self::WebhookUrlRefused
            | Self::EmptyRepository
            | Self::ReadOnly
            | Self::Conflict
            | Self::BadRequest { .. }
            | Self::EgressDenied
            | Self::InstallationGone
            | Self::InstallationSuspended
            | Self::AppNotConfigured
            | Self::ServerRefused { .. }
            | Self::HostNotConfigured => None,
        }
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TokenInvalid { .. } => "token_invalid",
            Self::TokenExpired { .. } => "token_expired",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::NotFound { .. } => "not_found",
            Self::UnsupportedCredential { .. } => "unsupported_credential",
            Self::Moved => "moved",
            Self::RateLimited { .. } => "rate_limited",
            Self::RefNotFound { .. } => "ref_not_found",
            Self::RefAmbiguous { .. } => "ref_ambiguous",
            Self::RefConflict { .. } => "ref_conflict",
            Self::RefRefused { .. } => "ref_refused",
            Self::ReleaseConflict { .. } => "release_conflict",
            Self::ReleaseRefused { .. } => "release_refused",
            Self::NoReleases => "no_releases",
            Self::PreviousTagUndecided => "previous_tag_undecided",
            Self::CursorGone => "cursor_gone",
            Self::Paced { .. } => "paced",
            Self::WebhookUrlRefused => "webhook_url_refused",
            Self::EmptyRepository => "empty_repository",
            Self::ReadOnly => "read_only",
            Self::Conflict => "conflict",
            Self::BadRequest { .. } => "bad_request",
            Self::Unavailable { .. } => "unavailable",
            Self::EgressDenied => "egress_denied",
            Self::InstallationGone => "installation_gone",
            Self::InstallationSuspended => "installation_suspended",
            Self::AppNotConfigured => "app_not_configured",
            Self::ServerRefused { .. } => "server_refused",
            Self::HostNotConfigured => "host_not_configured",
        }
    }

    /// A ref that is not there.
    pub(crate) fn no_ref(kind: RefKind, name: &str) -> Self {
        Self::RefNotFound {
            kind,
            name: name.to_owned(),
        }
    }

    /// An outage without a cause worth keeping.
    pub(crate) fn outage(outage: Outage) -> Self {
        Self::Unavailable {
            outage,
            retry_after: None,
            source: None,
        }
    }

    /// An answer that is not the API's.
    pub(crate) fn malformed(source: impl Into<Cause>) -> Self {
        Self::Unavailable {
            outage: Outage::Malformed,
            retry_after: None,
            source: Some(source.into()),
        }
    }
}

struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, ". {hint}"))
    }
}

struct On(Option<Timestamp>);

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |at| write!(f, " on {at}"))
    }
}

struct Scope<'a>(Option<&'a str>, Option<&'a str>);

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (_, Some(url)) => write!(
                f,
                "The organisation asks for single sign-on: authorise the token at {url}"
            ),
            (Some(missing), None) => write!(
                f,
                "The credential may not do this; it lacks: {missing}. Grant it, or store another \
                 credential"
            ),
            (None, None) => f.write_str(
                "The credential may not do this: a scope, a role or an organisation's rule is in \
                 the way. Grant the rights, or store another credential",
            ),
        }
    }
}

struct NotThere(Missing);

impl fmt::Display for NotThere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Missing::Repository => {
                "The repository does not exist or cannot be seen with this credential. Check the \
                 URL and the credential's access to it"
            }
            Missing::Blocked => "The code host has blocked the repository",
            Missing::Part => "The repository has no such branch, tag or webhook",
        })
    }
}
