//! A pool for each worker; on SQLite it reads, and there is one writer for all.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, MySqlPool, PgPool, Row as _, SqlitePool, mysql::MySqlPoolOptions,
    postgres::PgPoolOptions, sqlite::SqlitePoolOptions,
};

use super::{
    Failed,
    delivery::Delivery,
    row::{COLUMNS, Safe, Time},
    sqlite::{self, Writer, Written},
};

/// Connections of one worker.
const CONNECTIONS: u32 = 8;

/// The storage of one worker.
pub(super) enum Store {
    Mysql(MySqlPool, Arc<Statements>),
    Postgres(PgPool, Arc<Statements>),
    Sqlite(SqlitePool, Arc<Statements>, Writer),
}

/// The texts, which the driver prepares once for each connection.
pub(super) struct Statements {
    get: String,
    list: String,
    filtered: String,
    rename: String,
    create: String,
    deliver: String,
}

impl Statements {
    fn new(placeholder: fn(usize) -> String, quote: &str, now: &str) -> Self {
        let own = |sql: String| sql.replace('`', quote);
        let places = |from: usize, count: usize| {
            let places: Vec<_> = (from..from + count).map(placeholder).collect();
            places.join(", ")
        };
        let select = format!("SELECT {COLUMNS} FROM tenant_scm_integrations WHERE ");
        let listed = "`deletedAt` IS NULL ORDER BY `createdAt` DESC, `id` DESC LIMIT 1001";
        Self {
            get: own(format!("{select} `id` = {}", placeholder(1))),
            list: own(format!(
                "{select} `tenantId` = {} AND {listed}",
                placeholder(1)
            )),
            filtered: own(format!(
                "{select} `tenantId` = {} AND `verificationStatus` = {} AND {listed}",
                placeholder(1),
                placeholder(2)
            )),
            rename: own(format!(
                "UPDATE tenant_scm_integrations SET `displayName` = {}, `version` = `version` + 1, \
                 `updatedAt` = {now} WHERE `id` = {}",
                placeholder(1),
                placeholder(2)
            )),
            create: own(format!(
                "INSERT INTO tenant_scm_integrations (`id`, `tenantId`, `scmType`, `displayName`, \
                 `githubOrganization`, `githubRepository`, `repositoryUrl`, `repositoryKey`, \
                 `defaultBranch`, `accessToken`, `isActive`, `verificationStatus`, \
                 `createdByAccountId`, `createdAt`, `updatedAt`) VALUES ({})",
                places(1, 15)
            )),
            deliver: own(format!(
                "INSERT INTO scm_webhook_deliveries (`id`, `tenantId`, `integrationId`, \
                 `deliveryId`, `digest`, `size`, `payload`, `event`, `state`, `attempts`, \
                 `receivedAt`, `nextAttemptAt`) VALUES ({}, 'push', 'pending', 0, {now}, {now})",
                places(1, 7)
            )),
        }
    }
}

/// Reads a row of either driver.
macro_rules! safe {
    ($row:expr) => {{
        let row = $row;
        let time = |at: usize| -> Result<Option<Time>, sqlx::Error> {
            Ok(row.try_get::<Option<DateTime<Utc>>, _>(at)?.map(Time))
        };
        let status: String = row.try_get(18)?;
        Ok::<Safe, sqlx::Error>(Safe {
            id: row.try_get(0)?,
            tenant_id: row.try_get(1)?,
            scm_type: row.try_get(2)?,
            display_name: row.try_get(3)?,
            github_organization: row.try_get(4)?,
            github_repository: row.try_get(5)?,
            github_installation_id: row.try_get(6)?,
            gitlab_project_id: row.try_get(7)?,
            gitlab_group_id: row.try_get(8)?,
            bitbucket_workspace: row.try_get(9)?,
            bitbucket_repository: row.try_get(10)?,
            repository_url: row.try_get(11)?,
            default_branch: row.try_get(12)?,
            token_expires_at: time(13)?,
            auto_rotate: row.try_get(14)?,
            webhook_id: row.try_get(15)?,
            webhook_url: row.try_get(16)?,
            is_active: row.try_get(17)?,
            has_valid_token: status != "INVALID",
            verification_status: status,
            last_verified_at: time(19)?,
            verification_error: row.try_get(20)?,
            created_by_account_id: row.try_get(21)?,
            created_at: Time(row.try_get(22)?),
            updated_at: Time(row.try_get(23)?),
            is_token_expired: false,
        })
    }};
}

/// The same for all drivers.
macro_rules! read {
    ($store:expr, $pool:ident, $statements:ident => $body:expr) => {
        match $store {
            Store::Mysql($pool, $statements) => $body,
            Store::Postgres($pool, $statements) => $body,
            Store::Sqlite($pool, $statements, _) => $body,
        }
    };
}

/// The same for all drivers; what is moved into the writer must be owned.
macro_rules! write {
    ($store:expr, $statement:ident $(, $value:expr)*) => {
        match $store {
            Store::Mysql(pool, statements) => {
                query(&statements.$statement)$(.bind($value))*.execute(pool).await?;
            }
            Store::Postgres(pool, statements) => {
                query(&statements.$statement)$(.bind($value))*.execute(pool).await?;
            }
            Store::Sqlite(_, statements, writer) => {
                let statements = Arc::clone(statements);
                let mut values = sqlx::sqlite::SqliteArguments::default();
                $(sqlx::Arguments::add(&mut values, $value).map_err(|error| -> Failed { error })?;)*
                let written = writer.write(move |connection| -> Written<'_> {
                    Box::pin(async move {
                        let text = AssertSqlSafe(statements.$statement.as_str());
                        let query = sqlx::query_with(text, values);
                        query.execute(connection).await.map(|_| ())
                    })
                });
                written.await?;
            }
        }
    };
}

fn query<DB: sqlx::Database>(
    text: &str,
) -> sqlx::query::Query<'_, DB, <DB as sqlx::Database>::Arguments> {
    sqlx::query(AssertSqlSafe(text))
}

impl Store {
    pub(super) fn open(url: &str, writer: Option<Writer>) -> Result<Self, Failed> {
        // What comes back is not asked whether it lives, and neither is what goes out.
        let wait = Duration::from_secs(10);
        if let Some(writer) = writer {
            let pool = SqlitePoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(wait)
                .test_before_acquire(false);
            let pool = pool.connect_lazy_with(sqlite::options(url)?);
            let now = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')";
            let statements = Statements::new(|_| "?".to_owned(), "\"", now);
            return Ok(Self::Sqlite(pool, Arc::new(statements), writer));
        }
        Ok(if url.starts_with("postgres") {
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(wait)
                .test_before_acquire(false);
            let statements = Statements::new(|at| format!("${at}"), "\"", "statement_timestamp()");
            Self::Postgres(pool.connect_lazy(url)?, Arc::new(statements))
        } else {
            let pool = MySqlPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(wait)
                .test_before_acquire(false);
            let statements = Statements::new(|_| "?".to_owned(), "`", "UTC_TIMESTAMP(3)");
            Self::Mysql(pool.connect_lazy(url)?, Arc::new(statements))
        })
    }

    pub(super) async fn get(&self, id: &str) -> Result<Option<Safe>, Failed> {
        Ok(read!(self, pool, statements => {
            let row = query(&statements.get).bind(id).fetch_optional(pool).await?;
            row.map(|row| safe!(row)).transpose()?
        }))
    }

    pub(super) async fn list(
        &self,
        tenant: &str,
        status: Option<&str>,
    ) -> Result<Vec<Safe>, Failed> {
        Ok(read!(self, pool, statements => {
            let query = match status {
                Some(status) => query(&statements.filtered).bind(tenant).bind(status),
                None => query(&statements.list).bind(tenant),
            };
            let rows = query.fetch_all(pool).await?;
            rows.iter().map(|row| safe!(row)).collect::<Result<_, _>>()?
        }))
    }

    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<Option<Safe>, Failed> {
        write!(self, rename, name.to_owned(), id.to_owned());
        self.get(id).await
    }

    pub(super) async fn create(&self, row: &Safe, token: &str) -> Result<(), Failed> {
        write!(
            self,
            create,
            row.id.clone(),
            row.tenant_id.clone(),
            row.scm_type.clone(),
            row.display_name.clone(),
            row.github_organization.clone(),
            row.github_repository.clone(),
            row.repository_url.clone(),
            row.repository_url.to_lowercase(),
            row.default_branch.clone(),
            token.to_owned(),
            row.is_active,
            row.verification_status.clone(),
            row.created_by_account_id.clone(),
            row.created_at.0,
            row.updated_at.0
        );
        Ok(())
    }

    pub(super) async fn deliver(&self, new: Delivery) -> Result<(), Failed> {
        write!(
            self,
            deliver,
            new.id, new.tenant, new.integration, new.host_id, new.digest, new.size, new.payload
        );
        Ok(())
    }
}
