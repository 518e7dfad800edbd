//! A page of keys comes from its index, whatever the size of the table. Asked of each backend's own
//! optimiser.

use std::{fmt::Write as _, sync::Arc};

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{ApiKeyCursor, ApiKeyFilter, PageLimit, SystemClock, TenantId, TenantScope};
use sea_orm::{ConnectionTrait as _, QueryTrait as _};

use super::ApiKeyController;
use crate::controller::integration::explain::plan_of;

const ROWS: usize = 10_000;

on_every_database! {
    async fn a_page_comes_from_its_index(db: TestDb) {
        let pool = db.connect().await;
        for first in (0..ROWS).step_by(500) {
            let mut sql = "INSERT INTO scm_api_keys (`id`, `tenantId`, `role`, `name`, \
                           `accountId`, `createdAt`) VALUES ".to_owned();
            for row in first..first + 500 {
                let comma = if row == first { "" } else { "," };
                let at = match db.backend {
                    Backend::Mysql => format!("2026-01-{:02} 00:00:00", 1 + row % 28),
                    _ => format!("2026-01-{:02}T00:00:00.000+00:00", 1 + row % 28),
                };
                let tenant = row % 50;
                write!(sql, "{comma}('k{row}', 't{tenant}', 'viewer', 'n', 'a', '{at}')").unwrap();
            }
            if db.backend != Backend::Mysql {
                sql = sql.replace('`', "\"");
            }
            pool.execute_unprepared(&sql).await.unwrap();
        }
        let analyse = match db.backend {
            Backend::Mysql => "ANALYZE TABLE scm_api_keys",
            _ => "ANALYZE scm_api_keys",
        };
        pool.execute_unprepared(analyse).await.unwrap();
        let keys = ApiKeyController::new(pool.clone(), Arc::new(SystemClock));
        let after: ApiKeyCursor = "1768000000000.k5000".parse().unwrap();
        let own = TenantScope::Tenant(TenantId::parse("t7").unwrap());
        for (scope, index) in [
            (own, "idx_scm_api_keys_tenant"),
            (TenantScope::Platform, "idx_scm_api_keys_created"),
        ] {
            for after in [None, Some(after.clone())] {
                let filter = ApiKeyFilter {
                    limit: PageLimit::new(10).unwrap(),
                    after,
                    ..ApiKeyFilter::default()
                };
                let select = keys.page(&scope, &filter);
                let statement = select.build(pool.get_database_backend());
                let plan = plan_of(&pool, db.backend, statement).await;
                assert!(plan.contains(index), "{plan}");
                for sorting in ["TEMP B-TREE", "filesort", "Sort"] {
                    assert!(!plan.contains(sorting), "sorted:\n{plan}");
                }
            }
        }
    }
}
