//! A page of the log is read from its index in its order. Asked of each backend's own optimiser.

use std::fmt::Write;

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{AuditCursor, AuditRequest, IntegrationId, PageLimit, TenantId};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryTrait, StatementBuilder};

use super::page::{chain_about, rows};
use crate::controller::integration::explain::plan_of;

const TENANTS: u32 = 20;
const INTEGRATIONS: u32 = 50;
const ROWS: u32 = 20_000;

/// Rows of many tenants and integrations, as a log looks that has been in use.
async fn filled(db: &TestDb) -> DatabaseConnection {
    let pool = db.connect().await;
    let quoted = |sql: String| match db.backend {
        Backend::Mysql => sql,
        _ => sql.replace('`', "\""),
    };
    let at = match db.backend {
        Backend::Mysql => "2027-01-31 09:00:00.000",
        _ => "2027-01-31T09:00:00+00:00",
    };
    for first in (0..ROWS).step_by(500) {
        let mut sql =
            "INSERT INTO `scm_audit_log` (`tenantId`, `sequence`, `at`, `integrationId`, \
                       `action`, `outcome`, `actorType`, `actorId`, `hash`) VALUES "
                .to_owned();
        for row in first..first + 500 {
            let comma = if row == first { "" } else { "," };
            let (tenant, sequence) = (row % TENANTS, row / TENANTS + 1);
            let integration = sequence % INTEGRATIONS;
            write!(
                sql,
                "{comma} ('t{tenant}', {sequence}, '{at}', 'i{tenant}-{integration}', \
                 'credential.opened', 'done', 'member', 'a', 'x')"
            )
            .unwrap();
        }
        pool.execute_unprepared(&quoted(sql)).await.unwrap();
    }
    for tenant in 0..TENANTS {
        let sql = format!(
            "INSERT INTO `scm_audit_heads` (`tenantId`, `sequence`, `hash`) VALUES ('t{tenant}', \
             1000, 'x')"
        );
        pool.execute_unprepared(&quoted(sql)).await.unwrap();
    }
    for table in ["scm_audit_log", "scm_audit_heads"] {
        let analyse = match db.backend {
            Backend::Mysql => format!("ANALYZE TABLE {table}"),
            _ => format!("ANALYZE {table}"),
        };
        pool.execute_unprepared(&analyse).await.unwrap();
    }
    pool
}

on_every_database! {
    async fn a_page_comes_from_its_index(db: TestDb) {
        let pool = filled(&db).await;
        let kind = pool.get_database_backend();
        let tenant = TenantId::parse("t7").unwrap().into();
        let integration = IntegrationId::parse("i7-7").unwrap();
        for after in [None, Some(AuditCursor(500))] {
            let request = AuditRequest {
                limit: PageLimit::new(10).unwrap(),
                after,
            };
            let select = rows(&tenant, &integration, &request);
            let plan = plan_of(&pool, db.backend, select.build(kind)).await;
            assert!(plan.contains("idx_scm_audit_integration"), "{plan}");
            for sorting in ["TEMP B-TREE", "filesort", "Sort"] {
                assert!(!plan.contains(sorting), "sorted:\n{plan}");
            }
            if after.is_some() && db.backend == Backend::Sqlite {
                assert!(plan.contains("sequence<?"), "read from the top:\n{plan}");
            }
        }
    }

    async fn a_chain_is_found_by_one_look_per_tenant(db: TestDb) {
        let pool = filled(&db).await;
        let kind = pool.get_database_backend();
        let gone = chain_about(&IntegrationId::parse("nobody's").unwrap());
        let plan = plan_of(&pool, db.backend, StatementBuilder::build(&gone, &kind)).await;
        assert!(plan.contains("idx_scm_audit_integration"), "{plan}");
    }
}
