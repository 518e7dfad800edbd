//! Opening what the server stands on: the key ring, the database, and the proof that they belong
//! together.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use scm_store::{
    CanaryError, ConnectOptions, DatabaseConnection, KeyChangeError, KeyChanges, KeyRing, KeyState,
    StoreError,
};

use crate::config::{Config, KeySource};

/// Between two looks for a database that does not answer yet.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

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
pub(crate) fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the place of an embedded database, for the server's user alone.
fn make_place(config: &Config) -> anyhow::Result<()> {
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
    Ok(())
}

/// Opens the database, without looking at its schema.
pub(crate) async fn connect(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let label = config.database_label()?;
    make_place(config)?;
    scm_store::connect(&config.database_url()?, &connect_options(config))
        .await
        .with_context(|| format!("{label} cannot be opened"))
}

/// Opens the database to look: no file is made, and nothing of one is changed.
pub(crate) async fn connect_to_look(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let label = config.database_label()?;
    scm_store::connect_to_look(&config.database_url()?, &connect_options(config))
        .await
        .with_context(|| format!("{label} cannot be opened"))
}

/// Opens a database that has to be there. For commands that look: an empty one, made because a setting
/// names the wrong place, would look fine.
pub(crate) async fn connect_existing(config: &Config) -> anyhow::Result<DatabaseConnection> {
    must_exist(config)?;
    connect(config).await
}

/// Refuses the name of an embedded database that is not there.
pub(crate) fn must_exist(config: &Config) -> anyhow::Result<()> {
    if let Some(file) = config.database_file()?
        && !file.is_file()
    {
        bail!(
            "there is no database at {}; look at data_dir and database.url",
            file.display()
        );
    }
    Ok(())
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
    if status.unfinished_import().is_some() {
        bail!(
            "an import into this database was begun and is not finished; run it again: scm-server \
             import FILE"
        );
    }
    if !status.unknown.is_empty() {
        return Err(scm_migrations::MigrateError::NewerSchema {
            newest: status.newest().to_owned(),
            unknown: status.unknown,
        }
        .into());
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
    make_place(config)?;
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

/// Waits until the database answers, for so long at the most. What is wrong with it stands in the log
/// meanwhile, and in the error in the end: an account that does not exist yet may be made soon, too.
pub(crate) async fn wait(config: &Config, limit: Duration) -> anyhow::Result<()> {
    if limit.is_zero() || config.is_sqlite()? {
        return Ok(());
    }
    let (url, options) = (config.database_url()?, connect_options(config));
    let label = config.database_label()?;
    let until = tokio::time::Instant::now() + limit;
    let mut said = String::new();
    loop {
        let error = match scm_store::connect(&url, &options).await {
            Ok(db) => match scm_store::ping(&db).await {
                Ok(()) => return db.close().await.context("the database"),
                Err(error) => error,
            },
            Err(error @ StoreError::Url) => return Err(error.into()),
            Err(error) => error,
        };
        let error = anyhow::Error::from(error);
        if tokio::time::Instant::now() >= until {
            return Err(error.context(format!(
                "{label} did not answer within {} s",
                limit.as_secs()
            )));
        }
        let problem = format!("{error:#}");
        if problem != said {
            tracing::info!(problem, "waiting for the database");
        }
        said = problem;
        tokio::time::sleep(BETWEEN_LOOKS.min(limit)).await;
    }
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
