//! What a database says of itself, for whoever looks for what is wrong. Only read.
//!
//! - The schema may be missing, older or newer: nothing here needs one of its tables.
//! - Everything that is told is a name, a number or a setting; no row is looked at.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};

use crate::{StoreError, canary::bounded, driver::classify, query::Bounded};

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Product and version.
    pub product: String,
    /// The database's clock, in milliseconds since the Unix epoch.
    pub now_millis: i64,
    /// The server's time zone; `None` for an embedded database, which has none.
    pub time_zone: Option<String>,
    /// The character set that new tables have, or the database's encoding.
    pub encoding: String,
    /// Text columns of the service's tables that are not compared and stored as they should be.
    pub odd_columns: Vec<OddColumn>,
    /// How an embedded database keeps its journal.
    pub journal_mode: Option<String>,
    /// How many connections the server takes from everybody.
    pub max_connections: Option<u64>,
    /// The largest statement that the server takes, in bytes.
    pub max_packet: Option<u64>,
}

/// A text column in another character set or order than the schema gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddColumn {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// Its collation.
    pub collation: String,
    /// True if it cannot hold every script; else it only compares otherwise.
    pub loses_text: bool,
}

/// Asks a database about itself.
pub async fn database_facts(db: &DatabaseConnection) -> Result<DatabaseFacts, StoreError> {
    let asked = Asked(bounded(db));
    match db.get_database_backend() {
        DbBackend::MySql => mysql(&asked).await,
        DbBackend::Postgres => postgres(&asked).await,
        _ => sqlite(&asked).await,
    }
}

async fn sqlite(db: &Asked) -> Result<DatabaseFacts, StoreError> {
    Ok(DatabaseFacts {
        product: format!("SQLite {}", db.text("SELECT sqlite_version()").await?),
        now_millis: db
            .number("SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)")
            .await?,
        time_zone: None,
        encoding: db.text("PRAGMA encoding").await?,
        odd_columns: Vec::new(),
        journal_mode: Some(db.text("PRAGMA journal_mode").await?),
        max_connections: None,
        max_packet: None,
    })
}

async fn mysql(db: &Asked) -> Result<DatabaseFacts, StoreError> {
    let version = db.text("SELECT VERSION()").await?;
    let product = if version.contains("MariaDB") {
        format!("MariaDB {}", version.split('-').next().unwrap_or_default())
    } else {
        format!("MySQL {version}")
    };
    let odd = "SELECT CAST(TABLE_NAME AS CHAR), CAST(COLUMN_NAME AS CHAR), \
               CAST(COLLATION_NAME AS CHAR), \
               CAST(CASE WHEN CHARACTER_SET_NAME = 'utf8mb4' THEN 0 ELSE 1 END AS SIGNED) \
               FROM information_schema.COLUMNS \
               WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL \
               AND COLLATION_NAME NOT LIKE 'utf8mb4%bin' \
               AND (TABLE_NAME LIKE 'scm\\_%' OR TABLE_NAME = 'tenant_scm_integrations') \
               AND TABLE_NAME <> 'scm_migrations' ORDER BY 1, 2";
    Ok(DatabaseFacts {
        product,
        now_millis: db
            .number(
                "SELECT CAST(FLOOR(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) \
                 / 1000) AS SIGNED)",
            )
            .await?,
        time_zone: Some(
            db.text(
                "SELECT CASE WHEN @@global.time_zone = 'SYSTEM' THEN @@global.system_time_zone \
                 ELSE @@global.time_zone END",
            )
            .await?,
        ),
        encoding: db.text("SELECT @@character_set_database").await?,
        odd_columns: db.odd_columns(odd).await?,
        journal_mode: None,
        max_connections: db.count("SELECT CAST(@@max_connections AS SIGNED)").await?,
        max_packet: db
            .count("SELECT CAST(@@global.max_allowed_packet AS SIGNED)")
            .await?,
    })
}

async fn postgres(db: &Asked) -> Result<DatabaseFacts, StoreError> {
    let version = db.text("SELECT current_setting('server_version')").await?;
    // The columns that ids and URLs are compared in; the rest is only stored.
    let odd = "SELECT table_name::text, column_name::text, COALESCE(collation_name, 'default')::text, \
               CAST(0 AS BIGINT) FROM information_schema.columns \
               WHERE table_schema = CURRENT_SCHEMA() AND collation_name IS DISTINCT FROM 'C' \
               AND data_type = 'character varying' \
               AND (table_name LIKE 'scm\\_%' OR table_name = 'tenant_scm_integrations') \
               AND column_name IN ('id', 'tenantId', 'integrationId', 'repositoryKey') ORDER BY 1, 2";
    Ok(DatabaseFacts {
        product: format!(
            "PostgreSQL {}",
            version.split(' ').next().unwrap_or_default()
        ),
        now_millis: db
            .number("SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)")
            .await?,
        // The session's own, unless the login or the database says otherwise the server's.
        time_zone: Some(db.text("SELECT current_setting('TimeZone')").await?),
        encoding: db.text("SELECT current_setting('server_encoding')").await?,
        odd_columns: db.odd_columns(odd).await?,
        journal_mode: None,
        max_connections: db
            .count("SELECT CAST(current_setting('max_connections') AS BIGINT)")
            .await?,
        max_packet: None,
    })
}

/// A database that is asked with fixed texts.
struct Asked(Bounded);

impl Asked {
    async fn rows(&self, sql: &'static str) -> Result<Vec<QueryResult>, StoreError> {
        self.0
            .run(|pool| {
                pool.query_all_raw(Statement::from_string(pool.get_database_backend(), sql))
            })
            .await
    }

    async fn text(&self, sql: &'static str) -> Result<String, StoreError> {
        let rows = self.rows(sql).await?;
        Ok(rows
            .first()
            .map(|row| at(row, 0))
            .transpose()?
            .unwrap_or_default())
    }

    async fn number(&self, sql: &'static str) -> Result<i64, StoreError> {
        let rows = self.rows(sql).await?;
        Ok(rows
            .first()
            .map(|row| at(row, 0))
            .transpose()?
            .unwrap_or_default())
    }

    async fn count(&self, sql: &'static str) -> Result<Option<u64>, StoreError> {
        Ok(u64::try_from(self.number(sql).await?).ok())
    }

    async fn odd_columns(&self, sql: &'static str) -> Result<Vec<OddColumn>, StoreError> {
        let rows = self.rows(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(OddColumn {
                    table: at(row, 0)?,
                    column: at(row, 1)?,
                    collation: at(row, 2)?,
                    loses_text: at::<i64>(row, 3)? != 0,
                })
            })
            .collect()
    }
}

fn at<T: sea_orm::TryGetable>(row: &QueryResult, index: usize) -> Result<T, StoreError> {
    row.try_get_by_index(index)
        .map_err(|error| StoreError::from_driver(classify(&error)))
}
