//! The lists are read from their index in its order: no sorting, and a page far down starts at its
//! cursor and not at the top. Asked of each backend's own optimiser.

use std::fmt::Write;

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    IntegrationId, PageCursor, PageLimit, PageRequest, ScmIntegrationFilters, TenantId,
    TenantScope, Timestamp,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryTrait, Statement, TransactionTrait};

use super::{EndingPlace, EndingRequest, ending::ending, find::list};

const TENANTS: u32 = 20;
const ROWS: u32 = 20_000;

/// Rows of many tenants, spread over time, as a table looks that has been in use.
async fn filled(db: &TestDb) -> DatabaseConnection {
    let pool = db.connect().await;
    for first in (0..ROWS).step_by(500) {
        let mut sql = "INSERT INTO tenant_scm_integrations (`id`, `tenantId`, `scmType`, \
                       `displayName`, `repositoryUrl`, `createdByAccountId`, `createdAt`, \
                       `updatedAt`) VALUES "
            .to_owned();
        for row in first..first + 500 {
            let at = Timestamp::from_millis(1_700_000_000_000 + i64::from(row) * 60_000).unwrap();
            let at = at.to_utc().format(match db.backend {
                Backend::Mysql => "%Y-%m-%d %H:%M:%S%.3f",
                _ => "%Y-%m-%dT%H:%M:%S+00:00",
            });
            let comma = if row == first { "" } else { "," };
            let tenant = row % TENANTS;
            write!(
                sql,
                "{comma} ('r{row:05}', 't{tenant}', 'GITHUB', 'n', 'https://h/{row}', 'a', '{at}', '{at}')"
            )
            .unwrap();
        }
        if db.backend != Backend::Mysql {
            sql = sql.replace('`', "\"");
        }
        pool.execute_unprepared(&sql).await.unwrap();
    }
    let analyse = match db.backend {
        Backend::Mysql => "ANALYZE TABLE tenant_scm_integrations",
        _ => "ANALYZE tenant_scm_integrations",
    };
    pool.execute_unprepared(analyse).await.unwrap();
    pool
}

/// The plan of a page as one text.
async fn plan(
    pool: &DatabaseConnection,
    backend: Backend,
    scope: &TenantScope,
    filters: &ScmIntegrationFilters,
    page: &PageRequest,
) -> String {
    let kind = pool.get_database_backend();
    plan_of(pool, backend, list(kind, scope, filters, page).build(kind)).await
}

/// The optimiser's plan as one text.
pub(in crate::controller) async fn plan_of(
    pool: &DatabaseConnection,
    backend: Backend,
    explained: Statement,
) -> String {
    let (explain, columns): (_, &[&str]) = match backend {
        Backend::Sqlite => ("EXPLAIN QUERY PLAN", &["detail"]),
        Backend::Mysql => ("EXPLAIN", &["type", "key", "Extra"]),
        Backend::Postgres => ("EXPLAIN", &["QUERY PLAN"]),
    };
    let statement = Statement {
        sql: format!("{explain} {}", explained.sql),
        ..explained
    };
    let session = pool.begin().await.unwrap();
    if backend == Backend::Postgres {
        // What random access costs on today's disks; the default is of the last century's, and
        // makes sorting a whole tenant look cheap.
        session
            .execute_unprepared("SET LOCAL random_page_cost = 1.1")
            .await
            .unwrap();
    }
    let rows = session.query_all_raw(statement).await.unwrap();
    let cells = rows.iter().flat_map(|row| {
        columns.iter().map(|column| {
            let cell: Option<String> = row.try_get("", column).unwrap();
            cell.unwrap_or_default()
        })
    });
    cells.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_unsorted(plan: &str, index: &str) {
    assert!(plan.contains(index), "{index} is not used:\n{plan}");
    for sorting in ["TEMP B-TREE", "filesort", "Sort"] {
        assert!(!plan.contains(sorting), "{index}: sorted:\n{plan}");
    }
}

on_every_database! {
    async fn lists_come_from_their_index(db: TestDb) {
        let pool = filled(&db).await;
        let tenant = TenantScope::Tenant(TenantId::parse("t7").unwrap());
        let filters = ScmIntegrationFilters::default();
        let cursor = PageCursor {
            created_at: Timestamp::from_millis(1_700_000_000_000 + 10_007 * 60_000).unwrap(),
            id: IntegrationId::parse("r10007").unwrap(),
        };
        for after in [None, Some(cursor)] {
            // A page of a part of the tenant's rows: whoever asks for all of them may get a sort.
            let page = PageRequest {
                limit: PageLimit::new(50).unwrap(),
                after,
            };
            for (scope, index) in [
                (&tenant, "idx_scm_tenant_created"),
                (&TenantScope::Platform, "idx_scm_created"),
            ] {
                let plan = plan(&pool, db.backend, scope, &filters, &page).await;
                assert_unsorted(&plan, index);
                if page.after.is_some() {
                    assert_starts_at_cursor(db.backend, &plan);
                }
            }
        }
    }
}

on_every_database! {
    async fn ends_come_from_their_index(db: TestDb) {
        let pool = filled(&db).await;
        let sql = "UPDATE tenant_scm_integrations SET `tokenExpiresAt` = `createdAt`, `autoRotate` = TRUE";
        let analyse = match db.backend {
            Backend::Mysql => "ANALYZE TABLE tenant_scm_integrations",
            _ => "ANALYZE tenant_scm_integrations",
        };
        let sql = if db.backend == Backend::Mysql { sql.to_owned() } else { sql.replace('`', "\"") };
        for statement in [sql.as_str(), analyse] {
            pool.execute_unprepared(statement).await.unwrap();
        }
        let end = |row: i64| Timestamp::from_millis(1_700_000_000_000 + row * 60_000).unwrap();
        let place = EndingPlace {
            ends: end(10_007),
            id: IntegrationId::parse("r10007").unwrap(),
        };
        for after in [None, Some(place)] {
            let request = EndingRequest {
                from: None,
                before: end(12_000),
                renewable: true,
                after,
                limit: 50,
            };
            let kind = pool.get_database_backend();
            let plan = plan_of(&pool, db.backend, ending(kind, &request).build(kind)).await;
            assert_unsorted(&plan, "idx_scm_token_expires");
        }
    }
}

/// The cursor narrows the search in the index; it is not a filter on everything above it.
#[track_caller]
fn assert_starts_at_cursor(backend: Backend, plan: &str) {
    let sign = match backend {
        Backend::Sqlite => "(createdAt,id)<(?,?)",
        Backend::Mysql => "range",
        Backend::Postgres => "ROW(\"createdAt\"",
    };
    let narrowed = plan
        .lines()
        .any(|line| line.contains(sign) && !line.contains("Filter"));
    let narrowed = narrowed || (backend == Backend::Sqlite && plan.contains("createdAt<?"));
    assert!(narrowed, "read from the top:\n{plan}");
}
