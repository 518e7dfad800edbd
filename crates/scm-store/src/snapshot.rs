//! A SQLite database as one file: copied while it is written to, checked, put in the place of another.
//!
//! - A file appears under its name when it is whole and on disk, or not at all.
//! - A copy is for its owner alone, like the database: it holds sealed values, and names in clear.
//! - The keys are not in it. A copy without the keys of its time opens nothing.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqlxSqliteConnector, Statement,
    sqlx::{
        self, ConnectOptions as _, Connection as _, Sqlite,
        pool::PoolOptions,
        sqlite::{SqliteConnectOptions, SqliteLockingMode},
    },
};

use crate::{
    DriverError,
    driver::{classify, classify_sqlx},
};

/// How long it is waited for a database that somebody has just closed.
const IN_USE: Duration = Duration::from_secs(2);

/// Why a database was not copied, or not put in its place.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Server databases have tools of their own for this.
    #[error("only an embedded database is copied like this")]
    NotSqlite,
    /// Nothing is overwritten.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A file could not be read or written.
    #[error("{} cannot be used", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no SQLite database, or a damaged one.
    #[error("{} is not a whole database", .0.display())]
    Damaged(PathBuf),
    /// A server has the database open: stop it first.
    #[error("{} is in use", .0.display())]
    InUse(PathBuf),
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] DriverError),
}

/// Copies the database into a new file, as it is at one moment; others go on reading and writing.
/// Gives the file's size in bytes.
///
/// Fails with [`SnapshotError::Exists`] rather than write over a file, and leaves none behind when it
/// fails.
pub async fn backup(db: &DatabaseConnection, to: &Path) -> Result<u64, SnapshotError> {
    if db.get_database_backend() != DbBackend::Sqlite {
        return Err(SnapshotError::NotSqlite);
    }
    if to.exists() {
        return Err(SnapshotError::Exists(to.to_owned()));
    }
    let draft = draft_of(to);
    let copied = copy(db, &draft, to).await;
    if copied.is_err() {
        // Whatever is wrong with the disk, the first error is the one to tell.
        let _ = std::fs::remove_file(&draft);
    }
    copied
}

async fn copy(db: &DatabaseConnection, draft: &Path, to: &Path) -> Result<u64, SnapshotError> {
    // An empty file is written into, with the mode that it has.
    new_file(draft)?;
    let statement = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "VACUUM INTO ?",
        [draft.display().to_string().into()],
    );
    db.execute_raw(statement)
        .await
        .map_err(|error| SnapshotError::Database(classify(&error).1))?;
    let size = settle(draft)?;
    open_snapshot(draft).await?.close().await.ok();
    publish(draft, to)?;
    Ok(size)
}

/// Opens a copy to look into it: nothing is written, beside it neither. Nobody else may write to it.
///
/// Fails with [`SnapshotError::Damaged`] if it is no database, or if not all of it is there.
pub async fn open_snapshot(file: &Path) -> Result<DatabaseConnection, SnapshotError> {
    // A missing file is told apart from one that makes no sense.
    File::open(file).map_err(|source| SnapshotError::File {
        path: file.to_owned(),
        source,
    })?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(true)
        .disable_statement_logging();
    let pool = PoolOptions::<Sqlite>::new()
        .max_connections(1)
        .connect_lazy_with(options);
    let db = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
    let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA integrity_check(1)");
    let found = db.query_one_raw(check).await.ok().flatten();
    let word = found.and_then(|row| row.try_get_by_index::<String>(0).ok());
    if word.as_deref() == Some("ok") {
        Ok(db)
    } else {
        db.close().await.ok();
        Err(SnapshotError::Damaged(file.to_owned()))
    }
}

/// Puts a copy in the place of a database; what was there is found under `aside` afterwards.
///
/// Fails with [`SnapshotError::InUse`] while anybody has the database open, and with
/// [`SnapshotError::Exists`] if there is none, but a journal of one. Whatever fails, the database that
/// was there is there.
pub async fn restore(copy: &Path, target: &Path, aside: &Path) -> Result<(), SnapshotError> {
    if aside.exists() {
        return Err(SnapshotError::Exists(aside.to_owned()));
    }
    let draft = draft_of(target);
    let put = put(copy, &draft, target, aside).await;
    if put.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    put
}

async fn put(copy: &Path, draft: &Path, target: &Path, aside: &Path) -> Result<(), SnapshotError> {
    let mut from = File::open(copy).map_err(|source| file_error(copy, source))?;
    let mut into = new_file(draft)?;
    io::copy(&mut from, &mut into).map_err(|source| file_error(draft, source))?;
    settle(draft)?;
    if !target.exists() {
        // What a lost database has left beside it would be taken for a part of this one.
        for left in ["-wal", "-journal"].map(|suffix| beside(target, suffix)) {
            if left.exists() {
                return Err(SnapshotError::Exists(left));
            }
        }
        return publish(draft, target);
    }
    // Held until the other one is in its place.
    let alone = alone(target).await?;
    std::fs::rename(target, aside).map_err(|source| file_error(target, source))?;
    if let Err(error) = publish(draft, target) {
        std::fs::rename(aside, target).map_err(|source| file_error(target, source))?;
        return Err(error);
    }
    alone.close().await.ok();
    Ok(())
}

/// Fails with [`SnapshotError::InUse`] while anybody has the database in this file open.
pub async fn refuse_in_use(file: &Path) -> Result<(), SnapshotError> {
    alone(file).await?.close().await.ok();
    Ok(())
}

/// A connection that nobody else has one beside, with everything written into the file itself.
async fn alone(file: &Path) -> Result<sqlx::SqliteConnection, SnapshotError> {
    let in_use = |_| SnapshotError::InUse(file.to_owned());
    let mut connection = SqliteConnectOptions::new()
        .filename(file)
        .locking_mode(SqliteLockingMode::Exclusive)
        .busy_timeout(IN_USE)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(in_use)?;
    for statement in [
        "BEGIN EXCLUSIVE",
        "COMMIT",
        // A journal of its own beside the file would be taken for that of the next one.
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA journal_mode = DELETE",
    ] {
        let done = sqlx::query(statement).execute(&mut connection).await;
        if let Err(error) = done {
            let is_busy =
                matches!(&error, sqlx::Error::Database(told) if told.message().contains("locked"));
            return Err(if is_busy {
                SnapshotError::InUse(file.to_owned())
            } else {
                SnapshotError::Database(classify_sqlx(&error).1)
            });
        }
    }
    Ok(connection)
}

/// What a file is called until it is whole.
pub(crate) fn draft_of(file: &Path) -> PathBuf {
    beside(file, ".draft")
}

/// The file whose name has this at its end.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// An empty file for its owner alone; one that an interrupted run has left is emptied.
pub(crate) fn new_file(path: &Path) -> Result<File, SnapshotError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|source| file_error(path, source))
}

/// Brings a file to disk; gives its size.
pub(crate) fn settle(path: &Path) -> Result<u64, SnapshotError> {
    let settled = || {
        let file = File::open(path)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    settled().map_err(|source| file_error(path, source))
}

/// Gives a finished file its name, for good.
pub(crate) fn publish(draft: &Path, to: &Path) -> Result<(), SnapshotError> {
    let published = || {
        std::fs::rename(draft, to)?;
        let directory = to.parent().filter(|path| !path.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    published().map_err(|source| file_error(to, source))
}

fn file_error(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File {
        path: path.to_owned(),
        source,
    }
}
