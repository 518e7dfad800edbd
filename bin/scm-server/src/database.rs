//! Opening what the server stands on: the key ring, the database, and the proof that they belong
//! together.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use scm_store::{Cipher, ConnectOptions, DatabaseConnection, KeyRing};

use crate::config::{Config, KeySource};

/// An open database whose canary opens with the keys.
pub(crate) struct Opened {
    pub(crate) db: DatabaseConnection,
    pub(crate) cipher: Arc<Cipher>,
}

/// Makes a key file with one fresh key; gives the key's id.
pub(crate) fn create_key_file(path: &Path) -> anyhow::Result<String> {
    let ring = KeyRing::create(path)?;
    Ok(ring.current_id().to_owned())
}

fn connect_options(config: &Config) -> ConnectOptions {
    ConnectOptions {
        max_connections: config.database.max_connections,
        min_connections: config.database.min_connections,
        acquire_timeout: Duration::from_secs(config.database.acquire_timeout_seconds),
        statement_timeout: Duration::from_secs(config.database.statement_timeout_seconds),
        ..ConnectOptions::default()
    }
}

/// Opens the database, without looking at its schema.
pub(crate) async fn connect(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let label = config.database_label()?;
    if config.is_sqlite()? {
        std::fs::create_dir_all(&config.data_dir).with_context(|| {
            format!("the data directory {} cannot be made", config.data_dir.display())
        })?;
    }
    scm_store::connect(&config.database_url()?, &connect_options(config))
        .await
        .with_context(|| format!("{label} cannot be opened"))
}

/// Brings the schema up to date if that may be done now; else refuses with what to do.
pub(crate) async fn schema(
    config: &Config,
    db: &DatabaseConnection,
    migrate: bool,
) -> anyhow::Result<()> {
    if migrate || config.database.migrate_on_start || config.is_sqlite()? {
        return migrate_up(config).await;
    }
    let status = scm_migrations::status(db).await?;
    if !status.unknown.is_empty() {
        bail!(
            "the schema is newer than this program: it has the unknown steps {}; start a newer \
             program",
            status.unknown.join(", ")
        );
    }
    let pending: Vec<_> = status.pending().collect();
    if !pending.is_empty() {
        bail!(
            "schema steps are pending ({}); apply them with: scm-server migrate up (or start with \
             --migrate)",
            pending.join(", ")
        );
    }
    Ok(())
}

/// Applies pending steps, and the foreign keys if they are switched on.
pub(crate) async fn migrate_up(config: &Config) -> anyhow::Result<()> {
    let url = config.database_url()?;
    for step in scm_migrations::up(&url, None).await? {
        tracing::info!(step, "applied a schema step");
    }
    if config.database.foreign_keys {
        scm_migrations::foreign_keys::enable(&url).await.context("database.foreign_keys")?;
    }
    Ok(())
}

/// The key ring; made now if it is the server's own and the database was never sealed.
async fn keys(config: &Config, db: &DatabaseConnection) -> anyhow::Result<KeyRing> {
    let source = config.key_source()?;
    let opened = match &source {
        KeySource::Value(text) => KeyRing::parse(text),
        KeySource::Given(path) => KeyRing::load(path),
        KeySource::Own(path) if path.exists() => KeyRing::load(path),
        KeySource::Own(path) => {
            let sealed_with = scm_store::canary_key_ids(db).await?;
            if !sealed_with.is_empty() {
                bail!(
                    "{} is not there, and the database was sealed with the key {}; put the key \
                     file back (a new key could not open anything)",
                    path.display(),
                    sealed_with.join(", ")
                );
            }
            let ring = KeyRing::create(path);
            if ring.is_ok() {
                tracing::info!(
                    file = %path.display(),
                    "made a key file; without it the stored credentials cannot be read: keep a copy"
                );
            }
            ring
        }
    };
    opened.with_context(|| format!("the keys in {} cannot be used", source.label()))
}

/// Opens database and keys and proves that they belong together.
pub(crate) async fn open(config: &Config, migrate: bool) -> anyhow::Result<Opened> {
    let db = connect(config).await?;
    schema(config, &db, migrate).await?;
    let cipher = Arc::new(Cipher::new(keys(config, &db).await?));
    scm_store::check_canary(&db, &cipher).await.with_context(|| {
        let from = config.key_source().map(|source| source.label()).unwrap_or_default();
        format!("the keys in {from} are not the ones this database was sealed with")
    })?;
    Ok(Opened { db, cipher })
}
