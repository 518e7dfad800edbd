//! A GitHub App and its installations.
//!
//! - A statement is taken if the key made for tests has signed it, it is about the App, and it holds
//!   for ten minutes at the most. The present moment is the one that the statement was made in: the
//!   clocks of tests stand still.
//! - Every installation has the host's one repository.

use std::collections::BTreeMap;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use chrono::{DateTime, SecondsFormat};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{Kind, State, refusal};
use crate::{
    code_host::{Reply, fixture},
    git_host::{Dialect, GitHost, host::Host, request::Request},
};

/// The private key of every App on these hosts, as GitHub gives them to people. Made for tests.
pub const APP_KEY: &str = include_str!("../../../fixtures/github/app_key_for_tests.pem");

/// The same key in the other form that such files have.
pub const APP_KEY_PKCS8: &str =
    include_str!("../../../fixtures/github/app_key_for_tests.pkcs8.pem");

#[derive(Debug)]
pub(super) struct App {
    id: u64,
    installations: BTreeMap<u64, Installation>,
}

#[derive(Debug)]
struct Installation {
    permissions: Vec<String>,
    is_suspended: bool,
}

impl GitHost {
    /// Has the host know an App, whose statements are signed with [`APP_KEY`]; GitHub only.
    pub fn set_app(&self, id: u64) {
        self.host.state().tokens.app = Some(App {
            id,
            installations: BTreeMap::new(),
        });
    }

    /// Installs the App with permissions such as `contents`, `metadata` and `repository_hooks`.
    ///
    /// # Panics
    /// If the host knows no App.
    pub fn install(&self, installation: u64, permissions: &[&str]) {
        let installed = Installation {
            permissions: permissions.iter().map(|&it| it.to_owned()).collect(),
            is_suspended: false,
        };
        self.with_app(|app| app.installations.insert(installation, installed));
    }

    /// Suspends an installation, or lifts that. Its tokens are refused meanwhile.
    ///
    /// # Panics
    /// If the host knows no App.
    pub fn suspend_installation(&self, installation: u64, yes: bool) {
        self.with_app(|app| {
            if let Some(found) = app.installations.get_mut(&installation) {
                found.is_suspended = yes;
            }
        });
    }

    /// Removes an installation; its tokens end.
    ///
    /// # Panics
    /// If the host knows no App.
    pub fn delete_installation(&self, installation: u64) {
        self.with_app(|app| app.installations.remove(&installation));
    }

    #[expect(
        clippy::expect_used,
        reason = "a test that has set no App cannot go on"
    )]
    fn with_app<T>(&self, change: impl FnOnce(&mut App) -> T) -> T {
        let mut state = self.host.state();
        change(state.tokens.app.as_mut().expect("set_app comes first"))
    }
}

/// What is asked with a statement of the App.
pub(super) fn answer(host: &Host, request: &Request, statement: &str) -> Option<Reply> {
    let mut state = host.state();
    let path = state.facts.path.clone();
    let tokens = &mut state.tokens;
    let app = tokens.app.as_ref()?;
    let Some(claims) = claims(statement) else {
        return Some(error(401, "A JSON web token could not be decoded"));
    };
    if claims["iss"] != json!(app.id) && claims["iss"] != json!(app.id.to_string()) {
        return Some(error(404, "Integration not found"));
    }
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let (id, installation) = match (request.method.as_str(), &segments[..]) {
        ("GET", ["app"]) => {
            let body = json!({"id": app.id, "slug": "scm", "name": "SCM"});
            return Some(Reply::json(200, &body));
        }
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            let id = id.parse().unwrap_or_default();
            (id, app.installations.get(&id))
        }
        _ => (0, None),
    };
    let Some(installation) = installation else {
        return Some(error(404, "Not Found"));
    };
    if installation.is_suspended {
        return Some(error(403, "This installation has been suspended"));
    }
    let wanted = request.body["permissions"].as_object();
    let mut wanted = wanted.into_iter().flatten().map(|(name, _)| name);
    if wanted.any(|name| !installation.permissions.contains(name)) {
        return Some(error(
            422,
            "The permissions requested are not granted to this installation.",
        ));
    }
    let repository = &fixture("github/repo_200")["response"]["body"]["id"];
    let name = path.rsplit('/').next().unwrap_or_default();
    let lists = |member: &str, only: &Value| {
        request.body[member]
            .as_array()
            .is_none_or(|list| list.iter().all(|it| it == only))
    };
    if !lists("repository_ids", repository) || !lists("repositories", &json!(name)) {
        return Some(error(
            422,
            "There is at least one repository that does not exist or is not accessible to the \
             parent installation.",
        ));
    }
    tokens.made_for_installations += 1;
    let issued = tokens.issue(Dialect::Github, Kind::Installation(id), None);
    // A statement is made a minute ahead of its time, and the token lasts an hour.
    let ends = claims["iat"].as_i64().unwrap_or_default() + 60 + 3_600;
    let ends = DateTime::from_timestamp(ends, 0).unwrap_or_default();
    Some(Reply::json(
        201,
        &json!({
            "token": issued.access,
            "expires_at": ends.to_rfc3339_opts(SecondsFormat::Secs, true),
            "permissions": request.body["permissions"],
            "repository_selection": "selected",
            "repositories": [{"id": repository, "name": name, "full_name": path}],
        }),
    ))
}

/// What an installation is answered otherwise than a user; `None` if it is answered the same.
pub(super) fn as_installation(host: &Host, request: &Request, id: u64) -> Option<Reply> {
    let state = host.state();
    let app = state.tokens.app.as_ref();
    let Some(installation) = app.and_then(|app| app.installations.get(&id)) else {
        return Some(refusal(Dialect::Github, Some(State::Revoked)));
    };
    if installation.is_suspended {
        return Some(error(403, "This installation has been suspended"));
    }
    let is_user = request.segments.first().is_some_and(|it| it == "user");
    is_user.then(|| Reply::fixture("github/user_403_installation_token"))
}

/// What a statement says, if it is signed and holds for no longer than it may.
fn claims(statement: &str) -> Option<Value> {
    let (signed, signature) = statement.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let json = |part| serde_json::from_slice::<Value>(&decode(part)?).ok();
    let (header, claims) = (json(header)?, json(claims)?);
    let lasts = claims["exp"].as_i64()? - claims["iat"].as_i64()?;
    if header["alg"] != "RS256" || !(0..=600).contains(&lasts) {
        return None;
    }
    let pem = APP_KEY
        .lines()
        .skip_while(|line| !line.starts_with("-----"));
    let der: String = pem.filter(|line| !line.starts_with("-----")).collect();
    let key = RsaKeyPair::from_der(&BASE64_STANDARD.decode(der).ok()?).ok()?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    key.verify(signed.as_bytes(), &decode(signature)?).ok()?;
    Some(claims)
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        }),
    )
}
