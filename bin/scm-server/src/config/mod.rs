//! The settings: flags over environment over files over the defaults in the binary.
//!
//! - An unknown key is an error, wherever it stands.
//! - A secret is given as a value or as the name of a file, never as both.
//! - Only this module reads the environment.

mod auth;
mod delivr;
mod events;
mod hosts;
mod jobs;
mod keys;
mod layers;
mod limits;
#[cfg(test)]
mod reference;
mod schema;
mod sections;
mod settings;
mod tls;
mod traces;
mod web_url;
mod words;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;
use web_url::web_url;

pub(crate) use auth::{Auth, AuthMode};
pub(crate) use delivr::Delivr;
pub(crate) use events::Events;
pub(crate) use jobs::{Docs, Jobs, Metrics};
pub(crate) use keys::KeySource;
pub(crate) use layers::{Layers, Sources};
pub(crate) use schema::schema;
pub(crate) use sections::{AppEntry, Database, HostEntry, Log, LogFormat, OauthEntry, Providers};
pub(crate) use tls::Tls;
pub(crate) use traces::Traces;

/// Everything that can be set; `settings` says what each is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    #[serde(default)]
    pub(crate) public_url: Option<String>,
    #[serde(default)]
    pub(crate) keys: Option<String>,
    #[serde(default)]
    pub(crate) keys_file: Option<PathBuf>,
    pub(crate) keys_check_seconds: u64,
    pub(crate) workers: usize,
    pub(crate) drain_seconds: u64,
    pub(crate) shutdown_timeout_seconds: u64,
    #[serde(default)]
    pub(crate) tls: Tls,
    trusted_proxies: words::Words,
    forwarded_header: limits::ForwardedEntry,
    pub(crate) database: Database,
    pub(crate) auth: Auth,
    limits: limits::LimitsEntry,
    pub(crate) log: Log,
    pub(crate) providers: Providers,
    pub(crate) jobs: Jobs,
    #[serde(default)]
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
    pub(crate) docs: Docs,
    pub(crate) events: Events,
    pub(crate) delivr: Delivr,
    #[serde(default)]
    pub(crate) hosts: Vec<HostEntry>,
}

/// What is wrong with the settings: every problem that was found. Each begins with the key that it is
/// about, which leads to its place.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n  {}", .0.join("\n  "))]
pub(crate) struct ConfigError(pub(crate) Vec<String>);

impl ConfigError {
    fn one(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }
}

impl Config {
    /// Everything that can be wrong although every value is right in itself.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems_without_keys();
        problems.extend(self.key_problem().into_iter().flat_map(|error| error.0));
        problems
    }

    /// The same for commands that open no secret: whoever changes the schema or asks for readiness
    /// need not be able to read the master keys.
    pub(crate) fn problems_without_keys(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.auth.mode == AuthMode::None && !self.listen.ip().is_loopback() {
            problems.push(format!(
                "auth.mode: none is for loopback addresses only, and listen is {}; set auth.mode \
                 to api-keys or jwt, or listen on 127.0.0.1",
                self.listen
            ));
        }
        problems.extend(
            self.public_url()
                .err()
                .into_iter()
                .flat_map(|error| error.0),
        );
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            problems.push(format!("log.filter: {error}"));
        }
        for result in [
            self.database.problem(),
            self.tls.problem(),
            self.events.problem(),
            self.traces.problem(),
            self.delivr.problem(),
            self.auth.problem(),
            self.provider_hosts().err(),
            self.limits().err(),
        ] {
            problems.extend(result.into_iter().flat_map(|error| error.0));
        }
        problems
    }

    /// The address that code hosts and people reach this server at, if there is one.
    pub(crate) fn public_url(&self) -> Result<Option<Url>, ConfigError> {
        let given = self.public_url.as_ref();
        given.map(|given| web_url("public_url", given)).transpose()
    }

    /// True if `/metrics` is there: on loopback and on a listener of its own unless it is switched
    /// off, elsewhere only if it is switched on.
    pub(crate) fn shows_metrics(&self) -> bool {
        let by_default = self.metrics.listen.is_some() || self.listen.ip().is_loopback();
        self.metrics.enabled.unwrap_or(by_default)
    }

    /// True if the database is the file in the data directory or another SQLite one.
    pub(crate) fn is_sqlite(&self) -> Result<bool, ConfigError> {
        Ok(self.database_url()?.starts_with("sqlite:"))
    }

    /// The database's URL. It can hold a password: never shown, never logged.
    pub(crate) fn database_url(&self) -> Result<String, ConfigError> {
        match self.database.given_url()? {
            Some(url) => Ok(url),
            None => Ok(self.own_database_url()),
        }
    }

    /// The file of the embedded database, where no other database is given.
    pub(crate) fn own_database(&self) -> PathBuf {
        self.data_dir.join("scm.db")
    }

    /// The URL of that file.
    pub(crate) fn own_database_url(&self) -> String {
        format!("sqlite://{}", url_path(&self.own_database()))
    }

    /// The file of an SQLite database; `None` for a database server.
    pub(crate) fn database_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        let url = self.database_url()?;
        if url == self.own_database_url() {
            return Ok(Some(self.own_database()));
        }
        let path = url.strip_prefix("sqlite:").map(|rest| {
            let path = rest.trim_start_matches("//").split('?').next();
            let path = percent_decode_str(path.unwrap_or_default());
            PathBuf::from(path.decode_utf8_lossy().into_owned())
        });
        Ok(path)
    }

    /// Where the database is, for people: the file, or the kind of server.
    pub(crate) fn database_label(&self) -> Result<String, ConfigError> {
        let url = self.database_url()?;
        let (scheme, rest) = url.split_once(':').unwrap_or((&url, ""));
        Ok(match scheme {
            "sqlite" => {
                let path = rest.trim_start_matches("//");
                format!("SQLite in {}", path.split('?').next().unwrap_or_default())
            }
            "mysql" | "mariadb" => "MySQL/MariaDB".to_owned(),
            _ => "PostgreSQL".to_owned(),
        })
    }
}

fn told(problems: Vec<String>) -> Result<(), ConfigError> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ConfigError(problems))
    }
}

/// A path as a URL writes it: what would end or change the path there is encoded.
fn url_path(path: &Path) -> String {
    let path = path.display().to_string();
    path.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
}
