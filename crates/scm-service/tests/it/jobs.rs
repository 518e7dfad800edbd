//! Work that nobody asked for, done by one server or by several.

mod adopt;
mod checks;
mod renewals;
mod reseal;
mod sharing;
mod stopping;
mod webhooks;

use std::time::Duration;

use scm_service::{JobReport, JobSettings, Services};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use scm_types::{
    AccessToken, CreateScmIntegrationDto, IntegrationId, SafeScmIntegration, TenantId,
};
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use crate::bench::{Bench, HOUR, platform};

const DAY: Duration = Duration::from_hours(24);

/// A bench whose integration has a plain token, which nobody renews.
async fn bench(db: TestDb) -> Bench {
    let mut bench = Bench::empty(db, GitHost::start(Dialect::Gitlab).await).await;
    bench.id = connect_another(&bench, "t1").await;
    bench
}

async fn on_sqlite() -> Bench {
    bench(TestDb::migrated(Backend::Sqlite).await.unwrap()).await
}

/// The same repository, connected by a tenant, with a token of its own.
async fn connect_another(bench: &Bench, tenant: &str) -> IntegrationId {
    let dto = CreateScmIntegrationDto {
        tenant_id: TenantId::parse(tenant).unwrap(),
        access_token: Some(AccessToken::parse(bench.git.issue_access_token()).unwrap()),
        ..bench.dto()
    };
    bench.services.create(&platform(), dto).await.unwrap().id
}

async fn row(bench: &Bench, id: &IntegrationId) -> SafeScmIntegration {
    bench.services.get(&platform(), id).await.unwrap()
}

/// What is due now is done.
async fn work_off(services: &Services) -> JobReport {
    services.work_off_jobs(JobSettings::default()).await
}

/// The time of every job has come, and a day has gone by.
async fn next_day(bench: &Bench) {
    bench.clock.advance(DAY + HOUR * 3);
    all_due(bench).await;
}

/// The time of every job has come: the database's clock cannot be moved, what it is compared with
/// can.
async fn all_due(bench: &Bench) {
    age(bench, "dueAt").await;
}

async fn age(bench: &Bench, column: &str) {
    let past = match bench.db.backend {
        Backend::Sqlite => "2001-02-03T04:05:06.007+00:00",
        Backend::Mysql => "2001-02-03 04:05:06.007",
        Backend::Postgres => "2001-02-03 04:05:06.007+00",
    };
    execute(
        bench,
        &format!("UPDATE `scm_jobs` SET `{column}` = '{past}'"),
    )
    .await;
}

/// Runs SQL that is written with MySQL's quotes.
async fn execute(bench: &Bench, sql: &str) {
    bench.db.execute_by_hand(&quoted(bench, sql)).await;
}

async fn rows(bench: &Bench, sql: &str) -> Vec<QueryResult> {
    let pool = bench.db.connect().await;
    let statement = Statement::from_string(pool.get_database_backend(), quoted(bench, sql));
    pool.query_all_raw(statement).await.unwrap()
}

/// What is noted of the jobs of a kind: attempts and a word.
async fn notes(bench: &Bench, kind: &str) -> Vec<(i32, Option<String>)> {
    let sql = format!("SELECT `attempts`, `lastError` FROM `scm_jobs` WHERE `kind` = '{kind}'");
    let read = |row: &QueryResult| {
        (
            row.try_get("", "attempts").unwrap(),
            row.try_get("", "lastError").unwrap(),
        )
    };
    rows(bench, &sql).await.iter().map(read).collect()
}

fn quoted(bench: &Bench, sql: &str) -> String {
    match bench.db.backend {
        Backend::Mysql => sql.to_owned(),
        Backend::Sqlite | Backend::Postgres => sql.replace('`', "\""),
    }
}
