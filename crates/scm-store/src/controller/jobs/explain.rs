//! A claim and the search for what is due cost the same whatever the size of the tables. Asked of
//! each backend's own optimiser.

use std::fmt::Write;

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{IntegrationId, Timestamp, VerificationStatus};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryTrait};

use super::{
    DuePlace, DueRequest, JobController, JobKind, JobPriority,
    claim::{Wanted, at_once, locked, next_host},
    due::due,
};
use crate::controller::integration::explain::plan_of;

const ROWS: u32 = 20_000;

/// Jobs of a slow host that has nearly all of them, and of some others; a few are due.
async fn filled_with_jobs(db: &TestDb) -> DatabaseConnection {
    fill(
        db,
        "scm_jobs",
        "`kind`, `subject`, `host`, `priority`, `dueAt`, `createdAt`",
        |row| {
            let host = if row % 50 == 0 { row % 3_000 } else { 7 };
            let kind = if row % 11 == 0 { "renew" } else { "verify" };
            let at = at(db, row);
            format!("'{kind}', 'i{row}', 'h{host}', {}, '{at}', '{at}'", row % 3)
        },
    )
    .await
}

/// Integrations of which each was checked a minute after the one before.
async fn filled_with_integrations(db: &TestDb) -> DatabaseConnection {
    let columns = "`id`, `tenantId`, `scmType`, `displayName`, `repositoryUrl`, \
                   `createdByAccountId`, `createdAt`, `updatedAt`, `lastVerifiedAt`, \
                   `verificationStatus`, `accessToken`";
    fill(db, "tenant_scm_integrations", columns, |row| {
        let (at, tenant) = (at(db, row), row % 20);
        let status = if row % 9 == 0 { "PENDING" } else { "VALID" };
        format!(
            "'r{row:05}', 't{tenant}', 'GITHUB', 'n', 'https://h/{row}', 'a', '{at}', '{at}', \
             '{at}', '{status}', 'x'"
        )
    })
    .await
}

fn time_of(row: u32) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::from(row) * 60_000).unwrap()
}

fn at(db: &TestDb, row: u32) -> String {
    let form = match db.backend {
        Backend::Mysql => "%Y-%m-%d %H:%M:%S",
        _ => "%Y-%m-%dT%H:%M:%S.000+00:00",
    };
    time_of(row).to_utc().format(form).to_string()
}

async fn fill(
    db: &TestDb,
    table: &str,
    columns: &str,
    row: impl Fn(u32) -> String,
) -> DatabaseConnection {
    let pool = db.connect().await;
    let quoted = |sql: String| match db.backend {
        Backend::Mysql => sql,
        _ => sql.replace('`', "\""),
    };
    for first in (0..ROWS).step_by(500) {
        let mut sql = format!("INSERT INTO {table} ({columns}) VALUES ");
        for number in first..first + 500 {
            let comma = if number == first { "" } else { "," };
            write!(sql, "{comma} ({})", row(number)).unwrap();
        }
        pool.execute_unprepared(&quoted(sql)).await.unwrap();
    }
    let analyse = match db.backend {
        Backend::Mysql => format!("ANALYZE TABLE {table}"),
        _ => format!("ANALYZE {table}"),
    };
    pool.execute_unprepared(&analyse).await.unwrap();
    pool
}

/// The index is used, and nothing reads the whole table or sorts it.
#[track_caller]
fn assert_found_by(plan: &str, index: &str) {
    assert!(plan.contains(index), "{index}:\n{plan}");
    for bad in ["SCAN", "Seq Scan", "ALL", "TEMP B-TREE", "filesort", "Sort"] {
        assert!(!plan.contains(bad), "{bad}:\n{plan}");
    }
}

on_every_database! {
    async fn a_claim_reads_what_it_takes(db: TestDb) {
        let pool = filled_with_jobs(&db).await;
        let kind = pool.get_database_backend();
        for host in ["h7", "h50"] {
            let wanted = Wanted { kind: JobKind::Verify, host, priority: JobPriority::Second, limit: 2 };
            let statement = match db.backend {
                Backend::Mysql => kind.build(&locked(&wanted)),
                _ => kind.build(&at_once(kind, &wanted, "me", JobController::LEASE)),
            };
            let plan = plan_of(&pool, db.backend, statement).await;
            assert_found_by(&plan, "idx_scm_jobs_due");
        }
    }

    async fn the_next_host_is_found_without_its_jobs(db: TestDb) {
        let pool = filled_with_jobs(&db).await;
        let kind = pool.get_database_backend();
        for last in [None, Some("h7")] {
            let select = next_host(JobKind::Verify, last).build(kind);
            let plan = plan_of(&pool, db.backend, select).await;
            match db.backend {
                // Read once, while the plan is made.
                Backend::Mysql => assert!(plan.contains("Select tables optimized away"), "{plan}"),
                _ => assert_found_by(&plan, "idx_scm_jobs_due"),
            }
            if db.backend == Backend::Postgres {
                assert!(plan.contains("Limit"), "{plan}");
            }
        }
    }

    async fn what_is_due_is_read_from_its_place_on(db: TestDb) {
        let pool = filled_with_integrations(&db).await;
        let kind = pool.get_database_backend();
        for row in [1, ROWS / 2] {
            let request = DueRequest {
                status: VerificationStatus::Valid,
                verified_by: Some(time_of(ROWS - 100)),
                after: Some(DuePlace {
                    verified: Some(time_of(row)),
                    id: IntegrationId::parse(format!("r{row:05}")).unwrap(),
                }),
                limit: 100,
            };
            let plan = plan_of(&pool, db.backend, due(kind, &request).build(kind)).await;
            assert!(plan.contains("idx_scm_verification"), "{plan}");
            // Rows of the same time are put in order; all others come so from the index.
            for bad in ["SCAN", "Seq Scan", "ALL", "filesort"] {
                assert!(!plan.contains(bad), "{bad}:\n{plan}");
            }
            if db.backend == Backend::Sqlite {
                assert!(plan.contains("LAST TERM OF ORDER BY") || !plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
    }
}
