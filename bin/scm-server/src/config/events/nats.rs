//! The settings of NATS, in a program that has it and in one that has not.

use std::{path::PathBuf, sync::Arc};

use scm_service::EventSink;
use zeroize::Zeroizing;

use super::{ConfigError, Events, secret};

/// What was given of NATS.
#[cfg_attr(
    not(feature = "nats"),
    expect(dead_code, reason = "what is given is of no use in this program")
)]
struct Given {
    url: String,
    prefix: String,
    login: Login,
    ca_file: Option<PathBuf>,
}

#[cfg_attr(
    not(feature = "nats"),
    expect(dead_code, reason = "what is given is of no use in this program")
)]
enum Login {
    Nobody,
    Token(Zeroizing<String>),
    User(String, Zeroizing<String>),
    Credentials(Zeroizing<String>),
}

impl Events {
    /// NATS, if events are handed to it. Calls nobody.
    pub(super) fn nats(&self) -> Result<Option<Arc<dyn EventSink>>, ConfigError> {
        let login = self.nats_login()?;
        let Some(url) = self.nats_url.clone() else {
            let name = match (login, &self.nats_ca_file) {
                (Login::Nobody, None) => return Ok(None),
                (Login::Nobody, Some(_)) => "nats_ca_file",
                (Login::Token(_), _) => "nats_token",
                (Login::User(..), _) => "nats_user",
                (Login::Credentials(_), _) => "nats_credentials",
            };
            return Err(ConfigError::one(format!(
                "events.nats_url: must be given with {name}"
            )));
        };
        let given = Given {
            url,
            prefix: self.nats_prefix.clone(),
            login,
            ca_file: self.nats_ca_file.clone(),
        };
        sink(given).map(Some)
    }

    fn nats_login(&self) -> Result<Login, ConfigError> {
        let token = secret(
            "events",
            "nats_token",
            self.nats_token.as_deref(),
            self.nats_token_file.as_deref(),
        )?;
        let password = secret(
            "events",
            "nats_password",
            self.nats_password.as_deref(),
            self.nats_password_file.as_deref(),
        )?;
        let credentials = secret(
            "events",
            "nats_credentials",
            self.nats_credentials.as_deref(),
            self.nats_credentials_file.as_deref(),
        )?;
        let user = match (self.nats_user.clone(), password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(ConfigError::one(
                    "events.nats_password: must be given with nats_user, or nats_password_file",
                ));
            }
            (None, Some(_)) => {
                return Err(ConfigError::one(
                    "events.nats_user: must be given with nats_password",
                ));
            }
        };
        match (token, user, credentials) {
            (None, None, None) => Ok(Login::Nobody),
            (Some(token), None, None) => Ok(Login::Token(token)),
            (None, Some((user, password)), None) => Ok(Login::User(user, password)),
            (None, None, Some(credentials)) => Ok(Login::Credentials(credentials)),
            _ => Err(ConfigError::one(
                "events.nats_token: is one of three ways to log in, beside nats_user and \
                 nats_credentials; give one",
            )),
        }
    }
}

#[cfg(not(feature = "nats"))]
fn sink(_: Given) -> Result<Arc<dyn EventSink>, ConfigError> {
    Err(ConfigError::one(
        "events.nats_url: this program was built without NATS; build it with the feature nats: \
         cargo build --release --features nats",
    ))
}

#[cfg(feature = "nats")]
fn sink(given: Given) -> Result<Arc<dyn EventSink>, ConfigError> {
    use scm_service::{NatsLogin, NatsPrefix, NatsServers, NatsSettings, NatsSink};

    fn named<T>(name: &str, parsed: Result<T, impl std::fmt::Display>) -> Result<T, ConfigError> {
        parsed.map_err(|error| ConfigError::one(format!("events.{name}: {error}")))
    }
    if let Some(file) = &given.ca_file {
        let name = "nats_ca_file";
        let text = std::fs::read(file);
        let text = text.map_err(|error| format!("{} cannot be read: {error}", file.display()));
        named(name, NatsSettings::check_authority(&named(name, text)?))?;
    }
    let login = match given.login {
        Login::Nobody => NatsLogin::nobody(),
        Login::Token(token) => named("nats_token", NatsLogin::token(token))?,
        Login::User(name, password) => named("nats_user", NatsLogin::user(name, password))?,
        Login::Credentials(text) => named("nats_credentials", NatsLogin::credentials(text))?,
    };
    Ok(Arc::new(NatsSink::new(NatsSettings {
        servers: named("nats_url", NatsServers::parse(&given.url))?,
        prefix: named("nats_prefix", NatsPrefix::parse(&given.prefix))?,
        login,
        ca_file: given.ca_file,
    })))
}
