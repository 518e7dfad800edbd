//! The steps on every backend: up, down and up again, races, crashes, adopted tables, old writers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adopted;
mod foreign_keys;
mod old_writer;
mod schema;
mod steps;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

/// Runs SQL that is written with MySQL's quotes.
async fn execute(db: &DatabaseConnection, sql: &str) -> Result<u64, DbErr> {
    let sql = quoted(db, sql);
    Ok(db.execute_unprepared(&sql).await?.rows_affected())
}

fn quoted(db: &DatabaseConnection, sql: &str) -> String {
    match db.get_database_backend() {
        DbBackend::MySql => sql.to_owned(),
        _ => sql.replace('`', "\""),
    }
}

/// A row with what the original code always sends, and nothing that it does not know.
fn insert_as_before(id: &str, tenant: &str, url: &str) -> String {
    format!(
        "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, `displayName`, \
         `repositoryUrl`, `defaultBranch`, `accessToken`, `isActive`, `verificationStatus`, \
         `createdByAccountId`, `createdAt`, `updatedAt`) VALUES ('{id}', '{tenant}', 'GITHUB', \
         'Mobile App', '{url}', 'main', 'sealed by the old code', TRUE, 'PENDING', 'acc_1', \
         '2026-01-02 03:04:05', '2026-01-02 03:04:05')"
    )
}
