//! From options to services: the database, its schema, the keys, and the proof that they belong
//! together.

use std::{path::Path, time::Duration};

use scm_http::Fields;
use scm_migrations::MigrateError;
use scm_service::{
    ConnectOptions, DatabaseConnection, KeyRing, ProviderHost, Services, StoreError,
};
use scm_store::{CanaryError, KeyChangeError, KeyChanges};
use url::Url;

use crate::{fault::Fault, hosts};

/// What an instance is opened with.
pub(crate) struct Options {
    database_url: String,
    keys: Keys,
    /// `None`: on SQLite alone, as the server does.
    migrate: Option<bool>,
    hosts: Vec<ProviderHost>,
    public_url: Option<Url>,
    connections: Option<u32>,
}

enum Keys {
    Given(KeyRing),
    File(String),
}

/// Most connections to a database that an instance may be given.
const CONNECTIONS: std::ops::RangeInclusive<u32> = 1..=1_000;

impl Options {
    /// Reads them. No message holds what was given: it may be a secret at the wrong place.
    pub(crate) fn parse(json: &str) -> Result<Self, Fault> {
        let mut fields = Fields::parse(json.as_bytes())?;
        let database_url = fields.required_text("databaseUrl", Ok::<_, String>);
        let ring = fields.text("keyRing", |raw| KeyRing::parse(&raw));
        let file = fields.text("keyFile", Ok::<_, String>);
        let migrate = fields.boolean("migrate");
        let hosts = fields.text("hosts", Ok::<_, String>);
        let public_url = fields.text("publicUrl", |raw| raw.parse::<Url>());
        let connections = fields.text("maxConnections", |raw| {
            let number = raw
                .parse()
                .ok()
                .filter(|number| CONNECTIONS.contains(number));
            number.ok_or("must be a whole number from 1 to 1000")
        });
        let keys = match (ring, file) {
            (Some(ring), None) => Some(Keys::Given(ring)),
            (None, Some(file)) => Some(Keys::File(file)),
            (Some(_), Some(_)) => {
                fields.refuse("keyRing", "is given beside keyFile; give one");
                None
            }
            (None, None) => None,
        };
        fields.finish(&[])?;
        let hosts = hosts.map(|json| hosts::hosts(&json)).transpose()?;
        Ok(Self {
            database_url: database_url
                .ok_or_else(|| Fault::invalid("databaseUrl", "is required"))?,
            keys: keys.ok_or_else(|| {
                Fault::invalid(
                    "keyRing",
                    "is required, or keyFile: secrets are sealed with it",
                )
            })?,
            migrate,
            hosts: hosts.unwrap_or_else(ProviderHost::public),
            public_url,
            connections,
        })
    }
}

/// How long a key that is new in a ring is only read with; the ring of an instance does not change.
const SETTLE: Duration = Duration::from_mins(1);

/// Opens everything. What was opened before something failed is closed again.
pub(crate) async fn open(options: Options) -> Result<(Services, DatabaseConnection), Fault> {
    let mut connect = ConnectOptions::default();
    if let Some(connections) = options.connections {
        connect.max_connections = connections;
    }
    let url = &options.database_url;
    let db = scm_service::connect(url, &connect)
        .await
        .map_err(|error| no_database(&error))?;
    match on(&db, options).await {
        Ok(services) => Ok((services, db)),
        Err(fault) => {
            close(db).await;
            Err(fault)
        }
    }
}

/// Closes a pool; one whose server froze is given up.
pub(crate) async fn close(db: DatabaseConnection) {
    const CLOSING: Duration = Duration::from_secs(5);
    if tokio::time::timeout(CLOSING, db.close()).await.is_err() {
        tracing::warn!("the database did not take leave in time");
    }
}

async fn on(db: &DatabaseConnection, options: Options) -> Result<Services, Fault> {
    schema(db, &options).await?;
    let ring = match options.keys {
        Keys::Given(ring) => ring,
        Keys::File(path) => {
            let read = KeyRing::load(Path::new(&path));
            read.map_err(|error| Fault::invalid("keyFile", error))?
        }
    };
    let (keys, _) = KeyChanges::start(db, ring, SETTLE)
        .await
        .map_err(|error| no_keys(&error))?;
    let services = Services::builder(db.clone(), keys.cipher())
        .hosts(options.hosts)
        .receiver_url(options.public_url)
        .build()
        .map_err(|error| Fault::invalid("hosts", with_cause(&error)))?;
    // Rows that another writer of the table has made since it was last opened.
    services.adopt_rows().await?;
    Ok(services)
}

async fn schema(db: &DatabaseConnection, options: &Options) -> Result<(), Fault> {
    let url = &options.database_url;
    if options
        .migrate
        .unwrap_or_else(|| url.starts_with("sqlite:"))
    {
        scm_migrations::up(url, None)
            .await
            .map_err(|error| no_schema(&error))?;
        return Ok(());
    }
    let status = scm_migrations::status(db)
        .await
        .map_err(|error| no_schema(&error))?;
    if !status.unknown.is_empty() {
        let steps = status.unknown.join(", ");
        return Err(Fault::schema(&format!(
            "The schema is newer than this addon: it has the unknown steps {steps}; install a newer one"
        )));
    }
    let pending: Vec<_> = status.pending().collect();
    if !pending.is_empty() {
        let steps = pending.join(", ");
        return Err(Fault::schema(&format!(
            "Schema steps are pending ({steps}); apply them with scm-server migrate up, or open with \
             migrate: true"
        )));
    }
    Ok(())
}

fn no_database(error: &StoreError) -> Fault {
    match error {
        StoreError::Url => Fault::invalid(
            "databaseUrl",
            "must be a URL that starts with sqlite:, mysql:// or postgres://",
        ),
        error => Fault::database(&with_cause(error)),
    }
}

fn no_schema(error: &MigrateError) -> Fault {
    match error {
        // The texts of its causes can hold SQL.
        MigrateError::Failed(_) | MigrateError::Connect(_) => Fault::database(&error.to_string()),
        MigrateError::Url => Fault::invalid("databaseUrl", "names no database"),
        // The others are in our own words.
        error => Fault::schema(&error.to_string()),
    }
}

fn no_keys(error: &KeyChangeError) -> Fault {
    match error {
        KeyChangeError::Canary(CanaryError::Store(error)) => Fault::database(&with_cause(error)),
        error => Fault::keys(&error.to_string()),
    }
}

/// An error of ours and what it comes from, which is in our words too.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
