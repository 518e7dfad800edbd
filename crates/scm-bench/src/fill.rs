//! The rows that both databases begin with.
//!
//! - All integrations are on GitHub, active, with a sealed token. Every fourth is INVALID, the rest
//!   VALID, all checked just now, so that no background check is due.
//! - The first integration of the first tenants has a webhook, whose secret the rig knows.

use std::fmt::Write as _;

use crate::database::{Backend, Database};
use scm_store::{Cipher, SecretPlace};
use sea_orm::ConnectionTrait;

/// Rows in one statement.
const AT_ONCE: u32 = 500;

/// So many integrations have a webhook.
pub(crate) const WEBHOOKS: u32 = 64;

/// The tenant of this number.
pub(crate) fn tenant(number: u32) -> String {
    format!("tenant-{number:07}")
}

/// The id of a tenant's integration.
pub(crate) fn integration(tenant: u32, row: u32) -> String {
    format!("bench{tenant:08}{row:08}")
}

/// The repository of a tenant's integration.
pub(crate) fn repository(tenant: u32, row: u32) -> String {
    format!("org-{tenant}/repository-{row}")
}

/// What a tenant's deliveries are signed with.
pub(crate) fn secret(tenant: u32) -> String {
    format!("the-secret-of-webhook-number-{tenant:08}")
}

/// Fills a migrated database.
pub(crate) async fn fill(
    db: &Database,
    cipher: &Cipher,
    tenants: u32,
    rows: u32,
) -> anyhow::Result<()> {
    let pool = db.connect().await?;
    let mut sql = String::new();
    let mut waiting = 0;
    for tenant in 0..tenants {
        for row in 0..rows {
            if waiting == 0 {
                sql.clear();
                sql.push_str(INSERT);
            } else {
                sql.push(',');
            }
            add(&mut sql, db.backend, cipher, (tenant, row), rows)?;
            waiting += 1;
            if waiting == AT_ONCE || (tenant + 1 == tenants && row + 1 == rows) {
                pool.execute_unprepared(&db.quoted(&sql)).await?;
                waiting = 0;
            }
        }
    }
    let analyse = match db.backend {
        Backend::Mysql => "ANALYZE TABLE tenant_scm_integrations",
        _ => "ANALYZE tenant_scm_integrations",
    };
    pool.execute_unprepared(analyse).await?;
    pool.close().await?;
    Ok(())
}

const INSERT: &str = "INSERT INTO tenant_scm_integrations (`id`, `tenantId`, `scmType`, \
    `displayName`, `githubOrganization`, `githubRepository`, `repositoryUrl`, `repositoryKey`, \
    `defaultBranch`, `accessToken`, `isActive`, `verificationStatus`, `lastVerifiedAt`, \
    `createdByAccountId`, `createdAt`, `updatedAt`, `webhookId`, `webhookUrl`, `webhookScheme`, \
    `webhookSecret`) VALUES ";

fn add(
    sql: &mut String,
    backend: Backend,
    cipher: &Cipher,
    (tenant_number, row): (u32, u32),
    rows: u32,
) -> anyhow::Result<()> {
    let (tenant, id) = (tenant(tenant_number), integration(tenant_number, row));
    let seal = |column, secret: &str| {
        let place = SecretPlace {
            table: "tenant_scm_integrations",
            column,
            row: &id,
            tenant: &tenant,
        };
        cipher.seal(&place, secret)
    };
    let token = seal("accessToken", "ghp_0123456789abcdefghijklmnopqrstuvwxyz")?;
    let path = repository(tenant_number, row);
    let status = if row % 4 == 3 { "INVALID" } else { "VALID" };
    // One a second, the last one now; no two rows of a tenant at the same time.
    let back = rows - row;
    let at = match backend {
        Backend::Sqlite => {
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{back} seconds')")
        }
        Backend::Mysql => format!("UTC_TIMESTAMP(3) - INTERVAL {back} SECOND"),
        Backend::Postgres => format!("statement_timestamp() - INTERVAL '{back} seconds'"),
    };
    write!(
        sql,
        "('{id}', '{tenant}', 'GITHUB', '{path}', 'org-{tenant_number}', 'repository-{row}', \
         'https://github.com/{path}', 'https://github.com/{path}', 'main', '{token}', TRUE, \
         '{status}', {at}, 'acc-bench', {at}, {at}"
    )?;
    if row == 0 && tenant_number < WEBHOOKS {
        let sealed = seal("webhookSecret", &secret(tenant_number))?;
        write!(
            sql,
            ", '{tenant_number}', 'https://scm.example.com/webhooks/{id}', 'github', '{sealed}')"
        )?;
    } else {
        sql.push_str(", NULL, NULL, NULL, NULL)");
    }
    Ok(())
}
