//! What is due is found, and a list is read, from an index in its order, whatever else is in the
//! table. Asked of each backend's own optimiser.

use std::fmt::Write;

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    DeliveryCursor, DeliveryState, IntegrationId, PageLimit, TenantId, TenantScope, Timestamp,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryTrait};

use super::{
    claim::{head_of, heads},
    list::{DeliveryFilter, page},
    sweep::old,
};
use crate::controller::integration::explain::plan_of;

const ROWS: i64 = 10_000;
const FIRST: i64 = 1_800_000_000_000;

/// Deliveries to five integrations, one a second; about one in a hundred is pending.
async fn filled(db: &TestDb) -> DatabaseConnection {
    let pool = db.connect().await;
    for first in (0..ROWS).step_by(500) {
        let mut sql = "INSERT INTO scm_webhook_deliveries (`id`, `tenantId`, `integrationId`, \
                       `deliveryId`, `digest`, `event`, `state`, `receivedAt`, `nextAttemptAt`, \
                       `size`, `payload`) VALUES "
            .to_owned();
        for row in first..first + 500 {
            let at = at(row).to_utc().format(match db.backend {
                Backend::Mysql => "%Y-%m-%d %H:%M:%S",
                _ => "%Y-%m-%dT%H:%M:%S+00:00",
            });
            let comma = if row == first { "" } else { "," };
            let state = if row % 97 == 0 { "pending" } else { "done" };
            let integration = row % 5;
            write!(
                sql,
                "{comma} ('d{row:05}', 't{}', 'i{integration:02}', 'k{row}', '{row:064}', 'e', \
                 '{state}', '{at}', '{at}', 1, 'v1.k.x')",
                row % 7
            )
            .unwrap();
        }
        if db.backend != Backend::Mysql {
            sql = sql.replace('`', "\"");
        }
        pool.execute_unprepared(&sql).await.unwrap();
    }
    let analyse = match db.backend {
        Backend::Mysql => "ANALYZE TABLE scm_webhook_deliveries",
        _ => "ANALYZE scm_webhook_deliveries",
    };
    pool.execute_unprepared(analyse).await.unwrap();
    pool
}

fn at(row: i64) -> Timestamp {
    Timestamp::from_millis(FIRST + row * 1_000).unwrap()
}

/// The index is used, and nothing reads the whole table or sorts.
#[track_caller]
fn assert_found_by(what: &str, plan: &str, index: &str) {
    assert!(plan.contains(index), "{what}, {index}:\n{plan}");
    for bad in ["SCAN", "Seq Scan", "ALL", "TEMP B-TREE", "filesort", "Sort"] {
        assert!(!plan.contains(bad), "{what}, {bad}:\n{plan}");
    }
}

on_every_database! {
    async fn no_statement_reads_the_whole_table(db: TestDb) {
        let pool = filled(&db).await;
        let kind = pool.get_database_backend();
        let integration = IntegrationId::parse("i00").unwrap();
        let by_state = "idx_scm_delivery_state";

        for (what, after) in [("the first head", None), ("a further head", Some(&integration))] {
            let plan = plan_of(&pool, db.backend, heads(after).build(kind)).await;
            assert_found_by(what, &plan, by_state);
        }
        let plan = plan_of(&pool, db.backend, head_of(&integration).build(kind)).await;
        assert_found_by("the head of one", &plan, by_state);

        let scope = TenantScope::Tenant(TenantId::parse("t0").unwrap());
        let cursor = DeliveryCursor { received_at: at(5_000), id: "d05000".to_owned() };
        for after in [None, Some(cursor)] {
            for (state, index) in [
                (None, "idx_scm_delivery_list"),
                (Some(DeliveryState::Done), "idx_scm_delivery_"),
            ] {
                let filter = DeliveryFilter {
                    state,
                    limit: PageLimit::new(20).unwrap(),
                    after: after.clone(),
                };
                let select = page(kind, &scope, &integration, &filter);
                let plan = plan_of(&pool, db.backend, select.build(kind)).await;
                assert_found_by("a page", &plan, index);
            }
        }
        // Nothing is that old but what came before all.
        let plan = plan_of(&pool, db.backend, old(kind, std::time::Duration::from_hours(1), 100).build(kind)).await;
        assert_found_by("what is old", &plan, "idx_scm_delivery_received");
    }
}
