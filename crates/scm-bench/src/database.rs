//! A database of the rig's own, with the whole schema, that goes with its handle.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use ring::rand::{SecureRandom as _, SystemRandom};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

/// The kinds of database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Mysql,
    Postgres,
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Mysql => "MySQL or MariaDB",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A directory that is removed when its handle is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(name()?);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A database that is dropped with its handle.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) backend: Backend,
    /// What drops it: a URL of the server, and statements.
    end: Option<(String, Vec<String>)>,
}

impl Database {
    /// With every step of the schema. SQLite's file goes into `directory`, and with it.
    pub(crate) async fn migrated(backend: Backend, directory: &Path) -> anyhow::Result<Self> {
        let db = match backend {
            Backend::Sqlite => Self {
                url: format!(
                    "sqlite://{}?mode=rwc",
                    directory.join("scm.sqlite").display()
                ),
                backend,
                end: None,
            },
            Backend::Mysql => {
                let (server, name) = (server("SCM_TEST_MYSQL_URL")?, name()?);
                execute(&server, &[format!("CREATE DATABASE {name}")]).await?;
                Self {
                    url: with_database(&server, &name),
                    backend,
                    end: Some((server, vec![format!("DROP DATABASE IF EXISTS {name}")])),
                }
            }
            Backend::Postgres => {
                let (server, name) = (server("SCM_TEST_POSTGRES_URL")?, name()?);
                execute(&server, &[format!("CREATE SCHEMA {name}")]).await?;
                let separator = if server.contains('?') { '&' } else { '?' };
                let end = [
                    "SET client_min_messages = warning".to_owned(),
                    format!("DROP SCHEMA IF EXISTS {name} CASCADE"),
                ];
                Self {
                    url: format!("{server}{separator}options[search_path]={name}"),
                    backend,
                    end: Some((server, end.into())),
                }
            }
        };
        scm_migrations::up(&db.url, None).await?;
        Ok(db)
    }

    /// A connection beside those of the server.
    pub(crate) async fn connect(&self) -> anyhow::Result<DatabaseConnection> {
        connect(&self.url).await
    }

    /// The rows that a statement gives; its names are in backticks.
    pub(crate) async fn rows(&self, sql: &str) -> anyhow::Result<Vec<sea_orm::QueryResult>> {
        let pool = self.connect().await?;
        let statement = Statement::from_string(pool.get_database_backend(), self.quoted(sql));
        let rows = pool.query_all_raw(statement).await?;
        pool.close().await?;
        Ok(rows)
    }

    /// In the database's own quotes.
    pub(crate) fn quoted(&self, sql: &str) -> String {
        if self.backend == Backend::Mysql {
            sql.to_owned()
        } else {
            sql.replace('`', "\"")
        }
    }
}

impl Drop for Database {
    #[expect(clippy::print_stderr, reason = "what is left behind must be told")]
    fn drop(&mut self) {
        let Some((server, statements)) = self.end.take() else {
            return;
        };
        let url = self.url.clone();
        // `drop` cannot await: a thread with a runtime of its own can.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(execute(&server, &statements))
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            let name = url.rsplit(['/', '=']).next().unwrap_or_default();
            eprintln!("the database {name} was left behind");
        }
    }
}

async fn connect(url: &str) -> anyhow::Result<DatabaseConnection> {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Ok(sea_orm::Database::connect(options).await?)
}

async fn execute(url: &str, statements: &[String]) -> anyhow::Result<()> {
    let pool = connect(url).await?;
    for statement in statements {
        pool.execute_unprepared(statement).await?;
    }
    Ok(pool.close().await?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the servers to measure on are those of the tests, which the environment names"
)]
fn server(variable: &str) -> anyhow::Result<String> {
    match std::env::var(variable) {
        Ok(url) if !url.is_empty() => Ok(url),
        _ => bail!("{variable} must name the server to measure on"),
    }
}

fn name() -> anyhow::Result<String> {
    let mut random = [0; 8];
    let filled = SystemRandom::new().fill(&mut random);
    filled.ok().context("the machine gave no random numbers")?;
    Ok(format!("scm_bench_{:016x}", u64::from_ne_bytes(random)))
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = base.find("://").map_or(0, |scheme| scheme + 3);
    let end = base[authority..]
        .find('/')
        .map_or(base.len(), |slash| authority + slash);
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{}/{name}{separator}{query}", &base[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_is_replaced() {
        for (url, want) in [
            (
                "mysql://root@127.0.0.1:3306/mysql",
                "mysql://root@127.0.0.1:3306/x",
            ),
            ("mysql://root@127.0.0.1", "mysql://root@127.0.0.1/x"),
            (
                "mysql://h/db?ssl-mode=REQUIRED",
                "mysql://h/x?ssl-mode=REQUIRED",
            ),
        ] {
            assert_eq!(with_database(url, "x"), want);
        }
    }

    #[test]
    fn a_directory_goes_with_its_handle() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        fs::write(path.join("file"), "").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
