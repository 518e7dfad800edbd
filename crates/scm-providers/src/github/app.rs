//! This system as a GitHub App: its statements about itself and the tokens of its installations
//! ("Generating a JSON Web Token (JWT) for a GitHub App", "Create an installation access token for an
//! app").
//!
//! octocrab's own signing comes with cryptography that this workspace does without, so statements are
//! signed with ring; the calls go through octocrab like all others.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::Method;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use scm_types::{AccessToken, RepoUrl, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::error::says;
use crate::{
    FreshTokens, GithubApp, Missing, Outage, ProviderError,
    path::api_url,
    transport::{Answer, Call, Session, Transport},
};

/// The clock of GitHub may be a little behind ours, and a statement may reach ten minutes ahead.
const SECONDS_BACK: i64 = 60;
const SECONDS_AHEAD: i64 = 540;

const WRONG_APP: ProviderError = ProviderError::ServerRefused {
    what: "the host's setting app (id, private_key_file) and the server's clock",
};

/// A key that an App cannot sign with.
#[derive(Debug)]
pub(crate) struct BadKey;

/// The App with its key ready to sign.
pub(crate) struct App {
    id: u64,
    key: RsaKeyPair,
}

impl App {
    /// Takes the key in both forms that PEM files have: PKCS #1 as GitHub makes them, and PKCS #8.
    pub(crate) fn new(configured: &GithubApp) -> Result<Self, BadKey> {
        let pem = configured.private_key.as_bytes();
        let key = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| BadKey)? {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(BadKey),
        };
        let app = Self {
            id: configured.id,
            key: key.map_err(|_| BadKey)?,
        };
        // Some keys that read well are found broken only when they sign.
        app.statement(Timestamp::EPOCH).ok_or(BadKey)?;
        Ok(app)
    }

    /// "I am this App", signed (RFC 7519, RS256 of RFC 7518).
    fn statement(&self, now: Timestamp) -> Option<Zeroizing<String>> {
        let now = now.as_millis().div_euclid(1_000);
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let claims = json!({
            "iat": now - SECONDS_BACK,
            "exp": now + SECONDS_AHEAD,
            "iss": self.id,
        });
        let [header, claims] =
            [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .ok()?;
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        Some(Zeroizing::new(format!("{signed}.{signature}")))
    }

    /// A token for one repository of an installation, with what the operations here need.
    pub(crate) async fn installation_token(
        &self,
        transport: &Transport,
        repository: &RepoUrl,
        installation_id: &str,
        repository_id: Option<&str>,
    ) -> Result<FreshTokens, ProviderError> {
        if installation_id.is_empty() || !installation_id.bytes().all(|it| it.is_ascii_digit()) {
            return Err(ProviderError::UnsupportedCredential {
                reason: "The id of a GitHub App's installation is a number; it stands at the end of \
                         the address of the installation's settings page",
            });
        }
        let statement = self.statement(transport.shared().clock.now());
        let statement = statement.ok_or_else(|| ProviderError::Unavailable {
            outage: Outage::Unreachable,
            retry_after: None,
            source: Some("the App's statement could not be signed".into()),
        })?;
        let session = transport.app_session(self.id, &statement)?;
        let path = ["app", "installations", installation_id, "access_tokens"];
        let url = api_url(&transport.endpoint().api_url, &path, &[])?;
        let number: Option<u64> = repository_id.and_then(|id| id.parse().ok());
        let wanted = |permissions: Value| match number {
            Some(id) => json!({"repository_ids": [id], "permissions": permissions}),
            None => json!({"repositories": [repository.name()], "permissions": permissions}),
        };
        let send = async |permissions: Value| {
            let call = Call {
                method: Method::POST,
                url: url.clone(),
                body: Some(wanted(permissions).into()),
            };
            session.send_once(call).await
        };
        let needed = json!({"contents": "write", "metadata": "read", "repository_hooks": "write"});
        let mut answer = send(needed).await?;
        if answer.status.as_u16() == 422 {
            // Not every App was given webhooks; branches, tags and releases work without.
            answer = send(json!({"contents": "write", "metadata": "read"})).await?;
        }
        if !answer.status.is_success() {
            return Err(refusal(&session, &answer).await?);
        }
        let owner = number.is_none().then(|| repository.owner());
        read(&answer, owner.as_deref())
    }
}

#[derive(Deserialize)]
struct Issued {
    token: String,
    expires_at: Option<String>,
    repositories: Option<Vec<Repository>>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

/// The token. Where the repository was named without its owner, the one that it is good for must be
/// the owner's: an installation elsewhere may have one of the same name.
fn read(answer: &Answer, owner: Option<&str>) -> Result<FreshTokens, ProviderError> {
    let issued: Issued = answer.json()?;
    if let (Some(owner), Some(found)) = (owner, &issued.repositories) {
        let is_owners = |found: &Repository| {
            let (of, _) = found.full_name.split_once('/').unwrap_or_default();
            of.eq_ignore_ascii_case(owner)
        };
        if !found.iter().any(is_owners) {
            return Err(ProviderError::NotFound {
                what: Missing::Repository,
            });
        }
    }
    let token = AccessToken::parse(issued.token)
        .map_err(|_| ProviderError::malformed("an answer without a usable token"))?;
    Ok(FreshTokens {
        access_token: token,
        refresh_token: None,
        expires_at: issued.expires_at.and_then(|at| Timestamp::parse(&at).ok()),
    })
}

/// What a refusal means; fails if that cannot be told.
async fn refusal(session: &Session, answer: &Answer) -> Result<ProviderError, ProviderError> {
    answer.refusal()?;
    Ok(match answer.status.as_u16() {
        401 => WRONG_APP,
        403 if says(answer, "suspended") => ProviderError::InstallationSuspended,
        403 => ProviderError::InsufficientScope {
            missing: None,
            sso_url: None,
        },
        404 => {
            // An installation that is gone and an App that is not known are both not found. Only
            // the former is about the connection.
            let url = api_url(&session.transport().endpoint().api_url, &["app"], &[])?;
            let asked = session.read(&url).await?;
            if asked.status.is_success() {
                asked.refusal()?; // a JSON object
                ProviderError::InstallationGone
            } else {
                WRONG_APP
            }
        }
        422 if says(answer, "permission") => ProviderError::InsufficientScope {
            missing: Some("the App's permission contents=write".to_owned()),
            sso_url: None,
        },
        422 => ProviderError::NotFound {
            what: Missing::Repository,
        },
        status => ProviderError::BadRequest { status },
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use scm_testkit::git_host::APP_KEY;

    use super::*;

    #[test]
    fn a_statement_is_signed_and_holds_for_ten_minutes() {
        let app = App::new(&GithubApp {
            id: 12_345_678_901,
            private_key: APP_KEY.to_owned().into(),
        });
        let app = app.ok().unwrap();
        let now = Timestamp::parse("2026-10-30T15:00:00.999Z").unwrap(); // 1793372400
        let statement = app.statement(now).unwrap();
        let (signed, signature) = statement.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let json = |part| serde_json::from_slice::<Value>(&decode(part)).unwrap();
        assert_eq!(json(header), json!({"alg": "RS256", "typ": "JWT"}));
        assert_eq!(
            json(claims),
            json!({"iat": 1_793_372_340, "exp": 1_793_372_940, "iss": 12_345_678_901_u64})
        );
        let key = app.key.public();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref());
        key.verify(signed.as_bytes(), &decode(signature)).unwrap();
    }

    #[test]
    fn answers() {
        #[track_caller]
        fn check(owner: Option<&str>, body: &str, want: Result<Option<&str>, &str>) {
            let answer = Answer {
                status: StatusCode::CREATED,
                headers: HeaderMap::new(),
                body: Bytes::copy_from_slice(body.as_bytes()),
                moved: false,
            };
            let got = read(&answer, owner);
            let got = got.map(|fresh| fresh.expires_at.map(|at| at.to_string()));
            let got = got.as_ref().map(Option::as_deref);
            assert_eq!(got.map_err(ProviderError::code), want, "{body}");
        }
        let body = r#"{"token":"ghs_x","expires_at":"2026-10-30T16:00:00Z"}"#;
        check(None, body, Ok(Some("2026-10-30T16:00:00.000Z")));
        check(Some("octo"), body, Ok(Some("2026-10-30T16:00:00.000Z")));
        check(None, r#"{"token":"ghs_x","expires_at":"soon"}"#, Ok(None));
        let body = r#"{"token":"ghs_x","repositories":[{"full_name":"Octo/App"}]}"#;
        check(Some("octo"), body, Ok(None));
        check(Some("other"), body, Err("not_found"));
        check(None, body, Ok(None));
        for body in [
            "{}",
            "[]",
            "",
            "<html>",
            r#"{"token":""}"#,
            r#"{"token":"a b"}"#,
        ] {
            check(None, body, Err("unavailable"));
        }
    }
}
