//! A database of its own for every test, on each backend.
//!
//! - SQLite always runs, as a file in a temporary directory. MySQL/MariaDB and PostgreSQL run on
//!   the server that `SCM_TEST_MYSQL_URL` or `SCM_TEST_POSTGRES_URL` names, in a database that is
//!   made for the test and dropped when its [`TestDb`] is, also when the test panics. On
//!   PostgreSQL it is a schema of the named database, which costs a tenth of a database.
//! - Without the variable such a test says on stderr that it was skipped; with
//!   `SCM_TEST_NO_SKIP=1` it fails instead, so that a complete run is one.
//! - Nothing here knows the store: its tests and those of the layers above use the same databases.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "test support: what cannot be set up fails the test"
)]

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    io::Write,
    thread,
};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use tempfile::TempDir;

/// The kinds of database that are supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A file.
    Sqlite,
    /// MySQL or MariaDB, as the variable's server is.
    Mysql,
    /// PostgreSQL.
    Postgres,
}

impl Backend {
    /// All of them, the one that always runs first.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Mysql, Self::Postgres];

    /// The variable that names its server; SQLite needs none.
    #[must_use]
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Mysql => Some("SCM_TEST_MYSQL_URL"),
            Self::Postgres => Some("SCM_TEST_POSTGRES_URL"),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Mysql => "MySQL",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A database that belongs to one test. Dropping it drops the database.
#[derive(Debug)]
pub struct TestDb {
    /// What to connect to.
    pub url: String,
    /// Which kind it is.
    pub backend: Backend,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(TempDir),
    Server { admin_url: String, name: String },
}

impl TestDb {
    /// A database with every step of the schema; `None` if there is no server for this backend.
    ///
    /// # Panics
    ///
    /// If the server cannot be used, or is missing while `SCM_TEST_NO_SKIP=1` asks for it.
    pub async fn migrated(backend: Backend) -> Option<Self> {
        let db = Self::empty(backend).await?;
        if let Err(error) = scm_migrations::up(&db.url, None).await {
            panic!("cannot migrate a test database on {backend}: {error:?}");
        }
        Some(db)
    }

    /// A database without any table; `None` if there is no server for this backend.
    ///
    /// # Panics
    ///
    /// If the server cannot be used, or is missing while `SCM_TEST_NO_SKIP=1` asks for it.
    pub async fn empty(backend: Backend) -> Option<Self> {
        let Some(variable) = backend.variable() else {
            return Some(Self::file());
        };
        let Some(admin_url) = variable_of_tests(variable) else {
            skipped(&format_args!("on {backend}: {variable} is not set"));
            return None;
        };
        let name = random_name();
        let (create, url) = match backend {
            Backend::Postgres => ("SCHEMA", with_schema(&admin_url, &name)),
            _ => ("DATABASE", with_database(&admin_url, &name)),
        };
        if let Err(error) = execute(&admin_url, &[format!("CREATE {create} {name}")]).await {
            panic!("cannot create a test database on {backend}: {error}");
        }
        Some(Self {
            url,
            backend,
            place: Place::Server { admin_url, name },
        })
    }

    fn file() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = directory.path().join("scm.sqlite");
        Self {
            url: format!("sqlite://{}?mode=rwc", path.display()),
            backend: Backend::Sqlite,
            place: Place::Directory(directory),
        }
    }

    /// The directory that holds the files of a SQLite database.
    #[must_use]
    pub fn directory(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::Directory(directory) => Some(directory.path()),
            Place::Server { .. } => None,
        }
    }

    /// A plain connection beside the one under test: to set up rows by hand and to look at them.
    ///
    /// # Panics
    ///
    /// If the database cannot be reached.
    pub async fn connect(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(&self.url);
        options.max_connections(2).sqlx_logging(false);
        match Database::connect(options).await {
            Ok(db) => db,
            Err(error) => panic!("cannot connect to the test database: {error}"),
        }
    }
}

impl TestDb {
    /// Runs a statement behind the back of what is under test, as an old writer or an operator
    /// would.
    ///
    /// # Panics
    ///
    /// If the database does not take it.
    pub async fn execute_by_hand(&self, statement: &str) {
        if let Err(error) = self.connect().await.execute_unprepared(statement).await {
            panic!("the statement of a test failed: {error}");
        }
    }
}

/// The first column of each row that a statement gives, as text.
///
/// # Panics
///
/// If the database does not take it, or the column is no text.
pub async fn texts(db: &DatabaseConnection, statement: &str) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), statement);
    let rows = db.query_all_raw(statement).await;
    let rows = rows.expect("the statement of a test");
    let first = rows.iter().map(|row| row.try_get_by_index(0));
    first.map(|text| text.expect("a text")).collect()
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let Place::Server { admin_url, name } = &self.place else {
            return;
        };
        let statements = match self.backend {
            // A transaction that a failed test left open must not keep the run waiting.
            Backend::Postgres => vec![
                "SET lock_timeout = '5s'".to_owned(),
                "SET client_min_messages = warning".to_owned(),
                format!("DROP SCHEMA IF EXISTS {name} CASCADE"),
            ],
            _ => vec![
                "SET SESSION lock_wait_timeout = 5".to_owned(),
                format!("DROP DATABASE IF EXISTS {name}"),
            ],
        };
        let admin_url = admin_url.clone();
        // `drop` cannot await, and the test's runtime may be gone: a thread with its own.
        let dropped = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?
                .block_on(execute(&admin_url, &statements))
                .map_err(|error| error.to_string())
        })
        .join();
        if !matches!(dropped, Ok(Ok(()))) {
            say(format_args!(
                "the test database {name} was left behind: {dropped:?}"
            ));
        }
    }
}

/// Says that a test was skipped and why, or fails it where a complete run is asked for.
pub(crate) fn skipped(why: &dyn fmt::Display) {
    assert!(
        variable_of_tests("SCM_TEST_NO_SKIP").as_deref() != Some("1"),
        "{why}, and SCM_TEST_NO_SKIP=1 forbids skipping"
    );
    let test = thread::current().name().unwrap_or("a test").to_owned();
    say(format_args!("skipped: {test}, {why}"));
}

/// A line on stderr itself: what `eprintln!` prints is hidden while tests pass.
fn say(line: fmt::Arguments<'_>) {
    writeln!(std::io::stderr(), "{line}").ok();
}

async fn execute(url: &str, statements: &[String]) -> Result<(), DbErr> {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    for statement in statements {
        db.execute_unprepared(statement).await?;
    }
    db.close().await
}

pub(crate) fn random_name() -> String {
    // Seeded by the operating system: unlike in every process and at every call.
    let random = RandomState::new().build_hasher().finish();
    format!("scm_test_{}_{random:016x}", std::process::id())
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

#[expect(
    clippy::disallowed_methods,
    reason = "test support: the servers to test on are named by the environment"
)]
pub(crate) fn variable_of_tests(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same database, another schema to begin with.
fn with_schema(url: &str, name: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options[search_path]={name}")
}

/// Writes one test per backend, each with a migrated database of its own:
///
/// ```text
/// on_every_database! {
///     async fn rows_survive(db: TestDb) { … }
/// }
/// ```
///
/// makes `rows_survive::sqlite`, `rows_survive::mysql` and `rows_survive::postgres`. With `empty`
/// before `async` the database has no tables yet. The calling crate needs tokio with `macros` and
/// `rt-multi-thread`.
#[macro_export]
macro_rules! on_every_database {
    () => {};
    ($(#[$meta:meta])* empty async fn $name:ident($db:ident: $ty:ty) $body:block $($rest:tt)*) => {
        $crate::on_every_database!(@one empty, $(#[$meta])* $name, $db, $ty, $body);
        $crate::on_every_database!($($rest)*);
    };
    ($(#[$meta:meta])* async fn $name:ident($db:ident: $ty:ty) $body:block $($rest:tt)*) => {
        $crate::on_every_database!(@one migrated, $(#[$meta])* $name, $db, $ty, $body);
        $crate::on_every_database!($($rest)*);
    };
    (@one $kind:ident, $(#[$meta:meta])* $name:ident, $db:ident, $ty:ty, $body:block) => {
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn run($db: $ty) $body

            async fn on(backend: $crate::db::Backend) {
                if let Some(db) = $crate::db::TestDb::$kind(backend).await {
                    run(db).await;
                }
            }

            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                on($crate::db::Backend::Sqlite).await;
            }

            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mysql() {
                on($crate::db::Backend::Mysql).await;
            }

            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                on($crate::db::Backend::Postgres).await;
            }
        }
    };
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
                "postgres://u:p@h/db?sslmode=require",
                "postgres://u:p@h/x?sslmode=require",
            ),
        ] {
            assert_eq!(with_database(url, "x"), want);
        }
    }
}
