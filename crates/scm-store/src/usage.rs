//! What a connection pool does, for whoever counts it.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbBackend};

/// The connections of a pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Connections that somebody has.
    pub used: u32,
    /// Connections that nobody has.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
}

/// Looks at the pool; asks the database nothing.
#[must_use]
pub fn pool_usage(db: &DatabaseConnection) -> PoolUsage {
    let (open, idle, most) = match db.get_database_backend() {
        DbBackend::MySql => {
            let pool = db.get_mysql_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
        DbBackend::Postgres => {
            let pool = db.get_postgres_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
        // The third and last that this crate opens.
        _ => {
            let pool = db.get_sqlite_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
    };
    let idle = u32::try_from(idle).unwrap_or(u32::MAX);
    PoolUsage {
        used: open.saturating_sub(idle),
        idle,
        most,
    }
}

/// A statement that the database has carried out, or refused.
#[derive(Debug, Clone, Copy)]
pub struct EndedStatement<'a> {
    sql: &'a str,
    /// How long it took, without the wait for a connection.
    pub took: Duration,
    /// True if the database refused it.
    pub has_failed: bool,
}

impl EndedStatement<'_> {
    /// What it does, in one word: `SELECT`, `INSERT`, `UPDATE`, `DELETE`, or `OTHER`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        let begin = self.sql.trim_start().get(..6).unwrap_or_default();
        let known = ["SELECT", "INSERT", "UPDATE", "DELETE"];
        let known = known
            .into_iter()
            .find(|word| begin.eq_ignore_ascii_case(word));
        known.unwrap_or("OTHER")
    }

    /// The first table that it names; `None` if it names none. Never a value: what follows `FROM`, `INTO`
    /// or `UPDATE` is a name.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        let mut words = self.sql.split_ascii_whitespace();
        let before = |word: &str| ["FROM", "INTO", "UPDATE"].contains(&word);
        words.find(|word| before(word))?;
        let quotes = ['"', '`', '(', ')', ',', ';'];
        let name = words.next()?.trim_matches(quotes);
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (!name.is_empty() && name.bytes().all(letter)).then_some(name)
    }
}

/// Has every statement of this connection, and of clones that are made of it from now on, told. It is
/// called on the statement's way, in its task, and must not wait.
pub fn watch_statements(
    db: &mut DatabaseConnection,
    told: impl Fn(EndedStatement<'_>) + Send + Sync + 'static,
) {
    db.set_metric_callback(move |ended| {
        told(EndedStatement {
            sql: &ended.statement.sql,
            took: ended.elapsed,
            has_failed: ended.failed,
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_told_by_what_it_does_and_where() {
        for (sql, operation, table) in [
            (
                r#"SELECT "id" FROM "scm_jobs" WHERE "x" = ?"#,
                "SELECT",
                Some("scm_jobs"),
            ),
            ("SELECT `id` FROM `scm_jobs`", "SELECT", Some("scm_jobs")),
            (
                r#"INSERT INTO "scm_events" ("a") VALUES (?)"#,
                "INSERT",
                Some("scm_events"),
            ),
            (
                r#"UPDATE "scm_leases" SET "a" = 1"#,
                "UPDATE",
                Some("scm_leases"),
            ),
            ("delete FROM scm_events", "DELETE", Some("scm_events")),
            ("WITH x AS (SELECT 1) SELECT", "OTHER", None),
            ("SELECT a FROM (SELECT 1)", "SELECT", Some("SELECT")),
            ("SELECT 1 FROM 'a secret'", "SELECT", None),
            ("SELECT 1", "SELECT", None),
            ("PING", "OTHER", None),
            ("", "OTHER", None),
            ("äöüäöü", "OTHER", None),
        ] {
            let ended = EndedStatement {
                sql,
                took: Duration::ZERO,
                has_failed: false,
            };
            assert_eq!(
                (ended.operation(), ended.table()),
                (operation, table),
                "{sql}"
            );
        }
    }
}
