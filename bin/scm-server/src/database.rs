//! Opening what the server stands on: the key ring, the database, and the proof that they belong
//! together.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use scm_store::{
    CanaryError, ConnectOptions, DatabaseConnection, KeyChangeError, KeyChanges, KeyRing, KeyState,
};

use crate::config::{Config, KeySource};

/// An open database whose canary opens with the keys.
pub(crate) struct Opened {
    pub(crate) db: DatabaseConnection,
    pub(crate) keys: KeyChanges,
}

/// Makes a key file with one fresh key; gives the key's id.
pub(crate) fn create_key_file(path: &Path) -> anyhow::Result<String> {
    let made = KeyRing::load_or_create(path)?;
    if !made.created {
        bail!("it exists already");
    }
    Ok(made.ring.current_id().to_string())
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

/// The database file for the server's user alone; SQLite gives its side files the same mode.
fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// A directory for the server's user alone; an existing one stays as it is.
fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens the database, without looking at its schema.
pub(crate) async fn connect(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let label = config.database_label()?;
    if config.is_sqlite()? {
        let directory = &config.data_dir;
        let is_own = config.database_url()? == config.own_database_url();
        make_directory(directory)
            .and_then(|()| {
                if is_own {
                    make_file(&config.own_database())
                } else {
                    Ok(())
                }
            })
            .with_context(|| format!("{} cannot be used", directory.display()))?;
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
    is_current(db).await
}

/// Refuses a schema that is not this program's, with what to do.
pub(crate) async fn is_current(db: &DatabaseConnection) -> anyhow::Result<()> {
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
        scm_migrations::foreign_keys::enable(&url)
            .await
            .context("database.foreign_keys")?;
    }
    Ok(())
}

/// The key ring; made now if it is the server's own and nothing was ever sealed.
async fn keys(config: &Config, db: &DatabaseConnection) -> anyhow::Result<KeyRing> {
    let source = config.key_source()?;
    match &source {
        KeySource::Own(path) => own_keys(path, db)
            .await
            .with_context(|| format!("the keys in {} cannot be used", source.label())),
        _ => source.read(),
    }
}

/// The key file in the data directory. A lost one is not replaced: a new key could open nothing.
async fn own_keys(path: &Path, db: &DatabaseConnection) -> anyhow::Result<KeyRing> {
    if !path.exists() {
        let sealed_with = scm_store::canary_key_ids(db).await?;
        if !sealed_with.is_empty() {
            let ids: Vec<_> = sealed_with.iter().map(ToString::to_string).collect();
            bail!(
                "the file is not there, and the database was sealed with the key {}; put the key \
                 file back, a new key could open nothing",
                ids.join(", ")
            );
        }
    }
    let keys = KeyRing::load_or_create(path)?;
    if keys.created {
        tracing::info!(
            file = %path.display(),
            "made a key file; keep a copy: without it the stored credentials cannot be read"
        );
    }
    Ok(keys.ring)
}

/// Opens database and keys and proves that they belong together.
pub(crate) async fn open(config: &Config, migrate: bool) -> anyhow::Result<Opened> {
    let db = connect(config).await?;
    schema(config, &db, migrate).await?;
    let (keys, state) = start_keys(config, &db, keys(config, &db).await?).await?;
    tracing::info!(keys = ids(&keys.cipher().ring()), ?state, "opened the keys");
    Ok(Opened { db, keys })
}

/// The keys in use, if they are this database's.
pub(crate) async fn start_keys(
    config: &Config,
    db: &DatabaseConnection,
    ring: KeyRing,
) -> anyhow::Result<(KeyChanges, KeyState)> {
    match KeyChanges::start(db, ring, config.keys_settle()).await {
        Err(error @ KeyChangeError::Canary(CanaryError::WrongKeys { .. })) => {
            let from = config.key_source()?.label();
            let text = "are not the ones that this database was sealed with";
            Err(error).with_context(|| format!("the keys in {from} {text}"))
        }
        other => Ok(other?),
    }
}

/// The names of the keys, the one that is sealed with first.
pub(crate) fn ids(ring: &KeyRing) -> String {
    let ids: Vec<_> = ring.ids().map(ToString::to_string).collect();
    ids.join(", ")
}
