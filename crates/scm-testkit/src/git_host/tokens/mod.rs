//! Credentials that a host issues, takes and refuses.
//!
//! - A refresh token of GitHub and GitLab works once, and ends the access token that it came with;
//!   Bitbucket's stays good, and no other is given. Whoever uses one twice is refused; on GitLab all
//!   credentials of its family are revoked then, and so they are by a second rotation of a token.
//! - Time does not pass here: credentials end with [`GitHost::expire_tokens`].

mod app;
mod oauth;
mod rotation;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{Dialect, GitHost, host::Host, request::Request};
use crate::code_host::{Recorded, Reply};

pub use app::{APP_KEY, APP_KEY_PKCS8};

/// All credentials of a host.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    client: Option<(String, String)>,
    app: Option<app::App>,
    issued: Vec<Issued>,
    refreshes: usize,
    rotations: usize,
    made_for_installations: usize,
}

/// An access token, with its refresh token if it has one.
#[derive(Debug, Clone)]
struct Issued {
    kind: Kind,
    access: String,
    refresh: Option<String>,
    /// Which first token it descends from.
    family: usize,
    state: State,
    /// Whether it was renewed already.
    is_spent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Oauth,
    AccessToken,
    /// Of an installation.
    Installation(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Expired,
    Revoked,
}

impl Tokens {
    fn is_strict(&self) -> bool {
        self.client.is_some() || self.app.is_some() || !self.issued.is_empty()
    }

    /// Makes a credential; without a family it begins one. What they look like is each product's
    /// own, but all hold `0123456789`.
    fn issue(&mut self, dialect: Dialect, kind: Kind, family: Option<usize>) -> Issued {
        let number = self.issued.len();
        let access = match (kind, dialect) {
            (Kind::Installation(id), _) => format!(
                "ghs_{id}_eyJhbGciOiJSUzI1NiJ9.0123456789{number:054}.0123456789abcdefghijklmnop"
            ),
            (Kind::AccessToken, _) => format!("glpat-0123456789{number:010}"),
            (Kind::Oauth, Dialect::Github) => format!("ghu_0123456789{number:026}"),
            (Kind::Oauth, _) => format!("0123456789{number:054}"),
        };
        let refresh = match (kind, dialect) {
            (Kind::Oauth, Dialect::Github) => Some(format!("ghr_0123456789{number:066}")),
            (Kind::Oauth, _) => Some(format!("f0123456789{number:053}")),
            _ => None,
        };
        let issued = Issued {
            kind,
            access,
            refresh,
            family: family.unwrap_or(number),
            state: State::Good,
            is_spent: false,
        };
        self.issued.push(issued.clone());
        issued
    }

    fn revoke(&mut self, family: usize) {
        for token in &mut self.issued {
            if token.family == family {
                token.state = State::Revoked;
                token.is_spent = true;
            }
        }
    }
}

impl GitHost {
    /// Has the host know an OAuth client, and take only credentials that it has issued.
    pub fn set_oauth(&self, client_id: &str, client_secret: &str) {
        let client = (client_id.to_owned(), client_secret.to_owned());
        self.host.state().tokens.client = Some(client);
    }

    /// A new access token of a user, with its refresh token.
    #[must_use]
    pub fn issue(&self) -> (String, String) {
        let dialect = self.dialect();
        let issued = self.host.state().tokens.issue(dialect, Kind::Oauth, None);
        (issued.access, issued.refresh.unwrap_or_default())
    }

    /// A new access token of GitLab, which can be rotated.
    #[must_use]
    pub fn issue_access_token(&self) -> String {
        let dialect = self.dialect();
        let mut state = self.host.state();
        state.tokens.issue(dialect, Kind::AccessToken, None).access
    }

    /// Ends every access token issued so far. Refresh tokens stay good.
    pub fn expire_tokens(&self) {
        for token in &mut self.host.state().tokens.issued {
            if token.state == State::Good {
                token.state = State::Expired;
            }
        }
    }

    /// Revokes every credential issued so far, refresh tokens too, as a user does who withdraws the
    /// access.
    pub fn revoke_tokens(&self) {
        for token in &mut self.host.state().tokens.issued {
            token.state = State::Revoked;
            token.is_spent = true;
        }
    }

    /// How many tokens were refreshed.
    #[must_use]
    pub fn refreshes(&self) -> usize {
        self.host.state().tokens.refreshes
    }

    /// How many access tokens were rotated.
    #[must_use]
    pub fn rotations(&self) -> usize {
        self.host.state().tokens.rotations
    }

    /// How many tokens of installations were made.
    #[must_use]
    pub fn installation_tokens(&self) -> usize {
        self.host.state().tokens.made_for_installations
    }
}

/// The answer of an OAuth endpoint; these are no part of the API.
pub(super) fn outside_the_api(host: &Host, recorded: &Recorded) -> Option<Reply> {
    host.state().tokens.client.as_ref()?;
    oauth::answer(host, &Request::parse(recorded, "")?)
}

/// The answer of an endpoint for credentials, or the refusal of a credential.
pub(super) fn within_the_api(host: &Host, request: &Request) -> Option<Reply> {
    if !host.state().tokens.is_strict() {
        return None;
    }
    let presented = presented(request)?;
    if host.dialect == Dialect::Github && request.segments.first().is_some_and(|it| it == "app") {
        return app::answer(host, request, &presented);
    }
    let found = {
        let state = host.state();
        let mut issued = state.tokens.issued.iter();
        issued.find(|token| token.access == presented).cloned()
    };
    let Some(token) = found else {
        return Some(refusal(host.dialect, None));
    };
    if host.dialect == Dialect::Gitlab
        && let Some(reply) = rotation::answer(host, request, &token)
    {
        return Some(reply);
    }
    if token.state != State::Good {
        return Some(refusal(host.dialect, Some(token.state)));
    }
    match token.kind {
        Kind::Installation(id) => app::as_installation(host, request, id),
        Kind::Oauth | Kind::AccessToken => None,
    }
}

/// The token of a request, however it is presented.
fn presented(request: &Request) -> Option<String> {
    if let Some(token) = request.header("private-token") {
        return Some(token.to_owned());
    }
    let (scheme, value) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Some(value.to_owned());
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(value).ok()?).ok()?;
    decoded.split_once(':').map(|(_, token)| token.to_owned())
}

fn refusal(dialect: Dialect, state: Option<State>) -> Reply {
    match (dialect, state) {
        (Dialect::Github, _) => Reply::fixture("github/user_401_bad_credentials"),
        (Dialect::Gitlab, Some(State::Expired)) => Reply::fixture("gitlab/user_401_token_expired"),
        (Dialect::Gitlab, Some(State::Revoked)) => Reply::fixture("gitlab/user_401_token_revoked"),
        (Dialect::Gitlab, _) => Reply::fixture("gitlab/user_401_bad_token"),
        (Dialect::Bitbucket, _) => Reply::fixture("bitbucket/user_401"),
        (Dialect::DataCenter, _) => Reply::json(
            401,
            &json!({"errors": [{
                "context": null,
                "message": "Authentication failed. Please check your credentials and try again.",
                "exceptionName": "com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException",
            }]}),
        ),
    }
}
