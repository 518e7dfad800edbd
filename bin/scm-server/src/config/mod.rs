//! The settings: flags over environment over files over the defaults in the binary.
//!
//! - An unknown key is an error, wherever it stands.
//! - A secret is given as a value or as the name of a file, never as both.
//! - Only this module reads the environment.

mod hosts;
mod keys;
mod layers;
mod sections;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub(crate) use keys::KeySource;
pub(crate) use layers::Layers;
pub(crate) use sections::{
    AppEntry, Auth, AuthMode, Database, HostEntry, Log, LogFormat, OauthEntry, Providers,
};

/// Everything that can be set; `defaults.toml` says what each is.
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
    pub(crate) database: Database,
    pub(crate) auth: Auth,
    pub(crate) log: Log,
    pub(crate) providers: Providers,
    #[serde(default)]
    pub(crate) hosts: Vec<HostEntry>,
}

/// What is wrong with the settings: every problem that was found, each with the key it is about.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be used:\n  {}", .0.join("\n  "))]
pub(crate) struct ConfigError(pub(crate) Vec<String>);

impl ConfigError {
    fn one(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }
}

impl Config {
    /// Everything that can be wrong although every value has the right type.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let mut problems = self.problems();
        problems.extend(self.key_problem().into_iter().flat_map(|error| error.0));
        told(problems)
    }

    /// The same for commands that open no secret: whoever changes the schema or asks for readiness
    /// need not be able to read the master keys.
    pub(crate) fn check_without_keys(&self) -> Result<(), ConfigError> {
        told(self.problems())
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.auth.mode == AuthMode::None && !self.listen.ip().is_loopback() {
            problems.push(format!(
                "auth.mode: none is for loopback addresses only, and listen is {}; set auth.mode \
                 to api-keys, or listen on 127.0.0.1",
                self.listen
            ));
        }
        if let Some(url) = &self.public_url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            problems.push("public_url: must start with https:// or http://".to_owned());
        }
        if !(1..=3_600).contains(&self.keys_check_seconds) {
            problems.push("keys_check_seconds: must be from 1 to 3600".to_owned());
        }
        if self.workers > 1_024 {
            problems.push("workers: must be at most 1024".to_owned());
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            problems.push(format!("log.filter: {error}"));
        }
        for result in [
            self.database.problem(),
            self.providers.problem(),
            self.auth.api_keys().err(),
            self.provider_hosts().err(),
        ] {
            problems.extend(result.into_iter().flat_map(|error| error.0));
        }
        problems
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
