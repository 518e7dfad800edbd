//! GitLab's rotation of access tokens.

use serde_json::json;

use super::{Issued, Kind, State, refusal};
use crate::{
    code_host::Reply,
    git_host::{Dialect, host::Host, request::Request},
};

pub(super) fn answer(host: &Host, request: &Request, token: &Issued) -> Option<Reply> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let ["personal_access_tokens", "self", rest @ ..] = &segments[..] else {
        return None;
    };
    match (request.method.as_str(), rest, token.kind) {
        // An OAuth token is none.
        ("GET", [], Kind::Oauth) => Some(refusal(Dialect::Gitlab, None)),
        ("POST", ["rotate"], kind) => Some(rotate(host, request, token, kind)),
        _ => None,
    }
}

fn rotate(host: &Host, request: &Request, token: &Issued, kind: Kind) -> Reply {
    let mut state = host.state();
    if token.state == State::Revoked && token.is_spent {
        state.tokens.revoke(token.family);
    }
    if token.state != State::Good {
        return refusal(Dialect::Gitlab, Some(token.state));
    }
    if kind != Kind::AccessToken {
        return Reply::json(405, &json!({"message": "405 Method Not Allowed"}));
    }
    if state.facts.read_only {
        let scopes = json!({"scope": "api self_rotate"});
        return Reply::fixture("gitlab/project_403_insufficient_scope").with(&scopes);
    }
    let mut issued = state.tokens.issued.iter_mut();
    if let Some(old) = issued.find(|it| it.access == token.access) {
        old.state = State::Revoked;
        old.is_spent = true;
    }
    state.tokens.rotations += 1;
    let new = state
        .tokens
        .issue(Dialect::Gitlab, Kind::AccessToken, Some(token.family));
    Reply::json(
        200,
        &json!({
            "id": 42 + state.tokens.rotations,
            "name": "scm",
            "revoked": false,
            "created_at": "2026-10-30T15:00:00.000Z",
            "scopes": ["api"],
            "user_id": 5,
            "last_used_at": null,
            "active": true,
            // A week, unless told otherwise.
            "expires_at": request.parameter("expires_at").unwrap_or("2026-11-06"),
            "token": new.access,
        }),
    )
}
