//! What every client has in common: a session, a repository, and how refusals are told.

use std::time::Duration;

use scm_types::{RepoUrl, Timestamp};
use url::Url;

use crate::{
    Missing, ProviderError,
    path::api_url,
    transport::{Answer, Session},
};

/// What was asked, which decides what a 404 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The account or the credential; every API has it.
    Account,
    /// The repository.
    Repository,
    /// Something inside the repository.
    Part,
}

/// One repository, one credential.
pub(crate) struct Context {
    pub(crate) session: Session,
    pub(crate) repository: RepoUrl,
    /// When the credential ends, as far as is stored.
    pub(crate) known_expiry: Option<Timestamp>,
}

impl Context {
    /// The time for a whole operation.
    pub(crate) fn budget(&self) -> Duration {
        self.session.transport().settings().operation_budget
    }

    /// Reads from the API.
    pub(crate) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        let base = &self.session.transport().endpoint().api_url;
        self.session.read(&api_url(base, segments, query)?).await
    }

    /// Where a list goes on, or where it starts.
    pub(crate) async fn page(
        &self,
        next: Option<&Url>,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        match next {
            Some(next) => self.session.read(next).await,
            None => self.get(segments, query).await,
        }
    }

    /// A refused credential: expired if that is stored, else invalid.
    pub(crate) fn refused(&self, hint: Option<&'static str>) -> ProviderError {
        match self.known_expiry {
            Some(at) if at <= self.session.now() => ProviderError::TokenExpired { at: Some(at) },
            _ => ProviderError::TokenInvalid { hint },
        }
    }

    /// The path that a repository has now, if it is another than asked for. Hosts look paths up
    /// without regard to case.
    pub(crate) fn moved_to(&self, path: &str) -> Option<String> {
        (path.to_lowercase() != self.repository.path().to_lowercase()).then(|| path.to_owned())
    }
}

/// What a 404 means.
pub(crate) fn not_found(subject: Subject) -> ProviderError {
    match subject {
        Subject::Account => ProviderError::malformed("the API has no account endpoint"),
        Subject::Repository => ProviderError::NotFound {
            what: Missing::Repository,
        },
        Subject::Part => ProviderError::NotFound {
            what: Missing::Part,
        },
    }
}

/// A name of a product whose token this looks like, where it was given to another.
pub(crate) fn foreign_token(token: &str, own: scm_types::ScmType) -> Option<&'static str> {
    use scm_types::ScmType;

    let has = |prefixes: &[&str]| prefixes.iter().any(|prefix| token.starts_with(prefix));
    if own != ScmType::Github && has(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"]) {
        Some("It looks like a token of GitHub")
    } else if own != ScmType::Gitlab && has(&["glpat-"]) {
        Some("It looks like a token of GitLab")
    } else if own != ScmType::Bitbucket && has(&["ATATT3x", "ATCTT3x", "ATBB"]) {
        Some("It looks like a token of Bitbucket")
    } else {
        None
    }
}
