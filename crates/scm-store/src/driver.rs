//! What a driver's error means, without what it says.
//!
//! A driver's text can hold SQL, and MySQL puts the row's values into that of a unique violation.
//! So the text is looked at here and dropped: what goes on is a [`DriverError`], made of our own
//! words, the server's code and the constraint's name.

use std::{borrow::Cow, fmt};

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// An error of the database or its driver, in our words: no SQL, no values, no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverError {
    what: &'static str,
    code: Option<String>,
}

/// What is said of a disk without room, wherever the database keeps its files.
const FULL: &str = "the disk is full";

impl DriverError {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, code: None }
    }

    /// True if the database has no room left to write. Reading goes on, and so does writing as soon as
    /// there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.what == FULL
    }

    /// The server's own code for it: SQLSTATE on PostgreSQL, a number elsewhere.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        match &self.code {
            Some(code) => write!(f, " (code {code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DriverError {}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Another row has the same key.
    Unique,
    /// A row points at a parent that is not there. The field, if it can be told.
    NoParent(Option<&'static str>),
    /// Other rows point at this one.
    HasChildren,
    /// The statement did nothing because of another one; it can be run again.
    Contended,
    /// The database is away, overloaded or read-only.
    Away,
    /// None of these.
    Other,
}

/// Sorts an error, and keeps of it what may be shown.
pub(crate) fn classify(error: &DbErr) -> (Meaning, DriverError) {
    match error {
        DbErr::ConnectionAcquire(_) => away("no connection became free in time"),
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => match cause.as_ref() {
            sqlx::Error::Database(database) => of_server(error, database.as_ref()),
            other => classify_sqlx(other),
        },
        // What `controller::audit` says where a chain has no place for the next row.
        DbErr::RecordNotInserted => (
            Meaning::Other,
            DriverError::new("the audit log's head does not fit its rows"),
        ),
        _ => (Meaning::Other, DriverError::new("the driver failed")),
    }
}

/// The same for an error that did not come through the ORM.
pub(crate) fn classify_sqlx(error: &sqlx::Error) -> (Meaning, DriverError) {
    match error {
        sqlx::Error::Database(database) => of_code(database.as_ref(), database.code().as_deref()),
        sqlx::Error::Io(_) => away("the connection broke or was refused"),
        sqlx::Error::Tls(_) => away("the encrypted connection could not be set up"),
        sqlx::Error::PoolTimedOut => away("no connection became free in time"),
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => away("the connection is closed"),
        sqlx::Error::Protocol(_) => away("the server's answer made no sense"),
        sqlx::Error::Configuration(_) => (
            Meaning::Other,
            DriverError::new("the database's settings are not usable"),
        ),
        _ => (Meaning::Other, DriverError::new("the driver failed")),
    }
}

fn away(what: &'static str) -> (Meaning, DriverError) {
    (Meaning::Away, DriverError::new(what))
}

fn of_server(error: &DbErr, database: &dyn sqlx::error::DatabaseError) -> (Meaning, DriverError) {
    let code = code_of(database);
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => (
            Meaning::Unique,
            DriverError {
                what: "a unique key is taken",
                code,
            },
        ),
        _ => of_code(database, code.as_deref()),
    }
}

/// MySQL's SQLSTATE is too coarse; its number tells cases apart.
fn code_of(database: &dyn sqlx::error::DatabaseError) -> Option<String> {
    database
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map(|mysql| mysql.number().to_string())
        .or_else(|| database.code().map(Cow::into_owned))
}

fn of_code(
    database: &dyn sqlx::error::DatabaseError,
    code: Option<&str>,
) -> (Meaning, DriverError) {
    let code = code_of(database).or_else(|| code.map(str::to_owned));
    let (meaning, what) = if database
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .is_some()
    {
        mysql(code.as_deref().unwrap_or_default())
    } else if database
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some()
    {
        match sqlite(code.as_deref().unwrap_or_default()) {
            // One code for a foreign key that restricts and for whatever else a trigger refuses.
            (Meaning::HasChildren, _) if !database.message().contains("FOREIGN KEY") => {
                (Meaning::Other, "a trigger refused the statement")
            }
            other => other,
        }
    } else {
        postgres(code.as_deref().unwrap_or_default())
    };
    let meaning = match meaning {
        Meaning::NoParent(_) => Meaning::NoParent(field_of(database)),
        other => other,
    };
    (meaning, DriverError { what, code })
}

/// Which of our two foreign keys failed. PostgreSQL names it apart, MySQL in its text.
fn field_of(database: &dyn sqlx::error::DatabaseError) -> Option<&'static str> {
    let named = |name| database.constraint() == Some(name) || database.message().contains(name);
    if named("fk_scm_tenant") {
        Some("tenantId")
    } else if named("fk_scm_created_by") {
        Some("createdByAccountId")
    } else {
        None
    }
}

fn mysql(code: &str) -> (Meaning, &'static str) {
    match code {
        "1022" | "1062" | "1169" | "1586" => (Meaning::Unique, "a unique key is taken"),
        "1216" | "1452" => (Meaning::NoParent(None), "a foreign key points nowhere"),
        "1217" | "1451" => (Meaning::HasChildren, "other rows point at this one"),
        // MariaDB with innodb_snapshot_isolation: whoever waited for a lock finds another row.
        "1020" => (Meaning::Contended, "the row changed meanwhile"),
        "1205" => (Meaning::Contended, "a lock was not given in time"),
        "1213" => (Meaning::Contended, "a deadlock was broken up"),
        "1044" | "1045" | "1698" => (Meaning::Away, "the login was refused"),
        "1049" => (Meaning::Away, "there is no such database"),
        "1040" | "1203" | "1226" => (Meaning::Away, "the server takes no more connections"),
        "1927" | "4031" => (Meaning::Away, "the server closed the connection"),
        "1053" | "1077" | "1079" => (Meaning::Away, "the server is shutting down"),
        "1317" | "1969" | "3024" => (Meaning::Away, "the statement took too long"),
        "1290" | "1792" | "1836" => (Meaning::Away, "the server is read-only"),
        "1021" | "1114" => (Meaning::Away, FULL),
        "1146" | "1054" => (Meaning::Other, "the schema is not the expected one"),
        _ => (Meaning::Other, "the server refused the statement"),
    }
}

fn postgres(code: &str) -> (Meaning, &'static str) {
    match code {
        "23505" => (Meaning::Unique, "a unique key is taken"),
        "23503" => (Meaning::NoParent(None), "a foreign key points nowhere"),
        "23001" => (Meaning::HasChildren, "other rows point at this one"),
        "40001" | "40P01" => (Meaning::Contended, "a deadlock was broken up"),
        "55P03" => (Meaning::Contended, "a lock was not given in time"),
        "28000" | "28P01" => (Meaning::Away, "the login was refused"),
        "3D000" => (Meaning::Away, "there is no such database"),
        "57014" => (Meaning::Away, "the statement took too long"),
        "25006" => (Meaning::Away, "the server is read-only"),
        "53100" => (Meaning::Away, FULL),
        "42P01" | "42703" => (Meaning::Other, "the schema is not the expected one"),
        _ => match code.get(..2) {
            Some("08") => (Meaning::Away, "the connection broke"),
            Some("53") => (Meaning::Away, "the server has no resources left"),
            Some("57") => (Meaning::Away, "the server is shutting down or starting"),
            _ => (Meaning::Other, "the server refused the statement"),
        },
    }
}

fn sqlite(code: &str) -> (Meaning, &'static str) {
    match code {
        "1555" | "2067" => (Meaning::Unique, "a unique key is taken"),
        "787" => (Meaning::NoParent(None), "a foreign key points nowhere"),
        "1811" => (Meaning::HasChildren, "other rows point at this one"),
        "5" | "6" | "261" | "262" | "517" | "773" => {
            (Meaning::Contended, "the database file is locked")
        }
        "9" => (Meaning::Away, "the statement took too long"),
        "13" => (Meaning::Away, FULL),
        "14" => (Meaning::Away, "the database file cannot be opened"),
        "1" => (Meaning::Other, "the schema is not the expected one"),
        _ => match code.parse::<i32>().map(|code| code & 0xff) {
            Ok(8) => (Meaning::Away, "the database file is read-only"),
            Ok(10) => (Meaning::Away, "the disk does not read or write"),
            Ok(14) => (Meaning::Away, "the database file cannot be opened"),
            _ => (Meaning::Other, "the database refused the statement"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_database_that_is_away() {
        for ((meaning, what), full) in [
            (mysql("1021"), true),
            (mysql("1114"), true),
            (mysql("1040"), false),
            (postgres("53100"), true),
            (postgres("53300"), false),
            (sqlite("13"), true),
            (sqlite("10"), false),
        ] {
            assert_eq!(meaning, Meaning::Away, "{what}");
            assert_eq!(DriverError::new(what).is_full(), full, "{what}");
        }
    }

    #[test]
    fn a_closed_mysql_connection_is_a_database_that_is_away() {
        for code in ["1053", "1927", "4031"] {
            assert_eq!(mysql(code).0, Meaning::Away, "{code}");
        }
    }
}
