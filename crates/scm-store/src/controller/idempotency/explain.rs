//! A key is found by its primary key and an expired one by its time, whatever the size of the table.
//! Asked of each backend's own optimiser.

use std::fmt::Write;

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryTrait};

use super::{
    Place,
    claim::lookup,
    sweep::{expired, removal},
};
use crate::{controller::integration::explain::plan_of, value::time};

const ROWS: i64 = 10_000;
const FIRST: i64 = 1_800_000_000_000;

/// Keys of a few tenants, one expiring each second.
async fn filled(db: &TestDb) -> DatabaseConnection {
    let pool = db.connect().await;
    for first in (0..ROWS).step_by(500) {
        let mut sql = "INSERT INTO scm_idempotency_keys (`tenantId`, `idempotencyKey`, \
                       `fingerprint`, `owner`, `state`, `createdAt`, `expiresAt`) VALUES "
            .to_owned();
        for row in first..first + 500 {
            let at = at(row).to_utc().format(match db.backend {
                Backend::Mysql => "%Y-%m-%d %H:%M:%S",
                _ => "%Y-%m-%dT%H:%M:%S+00:00",
            });
            let comma = if row == first { "" } else { "," };
            write!(
                sql,
                "{comma} ('t{}', 'k{row}', 'f', 'o{row}', 'done', '{at}', '{at}')",
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
        Backend::Mysql => "ANALYZE TABLE scm_idempotency_keys",
        _ => "ANALYZE scm_idempotency_keys",
    };
    pool.execute_unprepared(analyse).await.unwrap();
    pool
}

fn at(row: i64) -> Timestamp {
    Timestamp::from_millis(FIRST + row * 1_000).unwrap()
}

fn place(row: i64) -> Place {
    Place {
        tenant: format!("t{}", row % 7),
        key: format!("k{row}"),
    }
}

/// One of these is used, and nothing reads the whole table or sorts.
#[track_caller]
fn assert_found_by(plan: &str, indexes: &[&str]) {
    assert!(
        indexes.iter().any(|index| plan.contains(index)),
        "{indexes:?}:\n{plan}"
    );
    for bad in ["SCAN", "Seq Scan", "ALL", "TEMP B-TREE", "filesort", "Sort"] {
        assert!(!plan.contains(bad), "{bad}:\n{plan}");
    }
}

on_every_database! {
    async fn no_statement_reads_the_whole_table(db: TestDb) {
        let pool = filled(&db).await;
        let kind = pool.get_database_backend();
        let by_key = match db.backend {
            Backend::Sqlite => "sqlite_autoindex_scm_idempotency_keys_1",
            Backend::Mysql => "PRIMARY",
            Backend::Postgres => "scm_idempotency_keys_pkey",
        };
        let by_time = "idx_scm_idempotency_expires";

        let plan = plan_of(&pool, db.backend, lookup(&place(4_711)).build(kind)).await;
        assert_found_by(&plan, &[by_key]);

        // Few have expired, or nearly all after a long pause.
        for expired_rows in [150, ROWS - 100] {
            let now = time(kind, at(expired_rows));
            let plan = plan_of(&pool, db.backend, expired(now.clone(), 100).build(kind)).await;
            assert_found_by(&plan, &[by_time]);
            let places: Vec<_> = (0..100).map(place).collect();
            let removal = kind.build(&removal(&places, now));
            let plan = plan_of(&pool, db.backend, removal).await;
            assert_found_by(&plan, &[by_key, by_time]);
        }
    }
}
