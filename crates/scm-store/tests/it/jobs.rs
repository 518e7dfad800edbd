//! Work that is shared by replicas.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use scm_store::{
    ClaimedJob, DuePage, DueRequest, JobController, JobCount, JobDue, JobKind, JobPriority, NewJob,
    StoreError,
};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    Patch, SafeScmIntegration, Timestamp, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, KEYS, by, cipher, scope, tenant};

const HOST: &str = "https://github.com";
const MINUTE: Duration = Duration::from_mins(1);

/// Jobs, and a second server with the same database and keys.
struct Jobs {
    jobs: JobController,
    given: Given,
}

impl Jobs {
    async fn on(db: TestDb) -> Self {
        let given = Given::on(db).await;
        Self {
            jobs: JobController::new(given.pool.clone(), cipher(KEYS)),
            given,
        }
    }

    async fn add(&self, jobs: &[NewJob]) {
        self.jobs.enqueue(jobs).await.unwrap();
    }

    async fn claim(&self, limit: u64) -> Vec<ClaimedJob> {
        self.claim_of(HOST, limit).await
    }

    async fn claim_of(&self, host: &str, limit: u64) -> Vec<ClaimedJob> {
        let lease = JobController::LEASE;
        let claimed = self.jobs.claim(JobKind::Verify, host, limit, lease).await;
        claimed.unwrap()
    }

    async fn one(&self) -> ClaimedJob {
        self.claim(1).await.pop().unwrap()
    }

    /// The time of every job has come: the database's clock cannot be moved, what it is compared
    /// with can.
    async fn passed(&self) {
        let past = match self.given.db.backend {
            Backend::Sqlite => "2001-02-03T04:05:06.007+00:00",
            Backend::Mysql => "2001-02-03 04:05:06.007",
            Backend::Postgres => "2001-02-03 04:05:06.007+00",
        };
        let sql = format!("UPDATE `scm_jobs` SET `dueAt` = '{past}'");
        self.given.execute(&sql).await;
    }

    async fn rows(&self) -> usize {
        self.given
            .rows("SELECT `subject` FROM `scm_jobs`")
            .await
            .len()
    }
}

fn verify(subject: &str) -> NewJob {
    NewJob {
        tenant: Some(tenant("t1")),
        host: HOST.to_owned(),
        ..NewJob::new(JobKind::Verify, subject)
    }
}

fn subjects(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(ClaimedJob::subject).collect()
}

on_every_database! {
    async fn of_16_contenders_each_gets_other_jobs(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let all: Vec<_> = (0..120).map(|number| verify(&format!("i{number}"))).collect();
        jobs.add(&all).await;
        let contender = |number: u64| {
            let jobs = &jobs;
            async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = jobs.claim(1 + number % 3).await;
                    if claimed.is_empty() {
                        return mine;
                    }
                    assert!(claimed.len() as u64 <= 1 + number % 3);
                    mine.extend(claimed);
                }
            }
        };
        let claimed: Vec<_> = join_all((0..16).map(contender)).await.into_iter().flatten().collect();
        let told_apart: BTreeSet<_> = subjects(&claimed).into_iter().collect();
        assert_eq!((claimed.len(), told_apart.len()), (120, 120));
    }

    async fn a_dead_owners_job_is_taken_after_its_lease(db: TestDb) {
        let jobs = Jobs::on(db).await;
        jobs.add(&[verify("i1")]).await;
        let dead = jobs.one().await;
        assert_eq!(dead.tenant(), Some(&tenant("t1")));
        assert!(jobs.claim(9).await.is_empty());
        jobs.passed().await;
        // Late, but nobody was faster: it is still this owner's.
        assert!(jobs.jobs.extend(&dead, MINUTE).await.unwrap());
        assert!(jobs.claim(9).await.is_empty());
        jobs.passed().await;
        let next = jobs.one().await;
        assert_eq!(next.attempts(), 0);

        // Nothing that the first one does counts any more.
        assert!(!jobs.jobs.extend(&dead, MINUTE).await.unwrap());
        assert!(!jobs.jobs.give_back(dead).await.unwrap());
        jobs.passed().await;
        let last = jobs.one().await;
        assert!(!jobs.jobs.fail(next, MINUTE, "timeout").await.unwrap());
        assert_eq!((last.attempts(), last.note()), (0, None));
        assert!(jobs.jobs.finish(last).await.unwrap());
        assert_eq!(jobs.rows().await, 0);
    }

    async fn a_lost_owner_neither_ends_nor_puts_off(db: TestDb) {
        let jobs = Jobs::on(db).await;
        jobs.add(&[verify("i1"), verify("i2")]).await;
        let lost = jobs.claim(2).await;
        jobs.passed().await;
        let taken = jobs.claim(2).await;
        for (job, put_off) in lost.into_iter().zip([false, true]) {
            let done = if put_off {
                jobs.jobs.put_off(job, MINUTE, Some("doubt")).await
            } else {
                jobs.jobs.finish(job).await
            };
            assert!(!done.unwrap());
        }
        assert_eq!(jobs.rows().await, 2);
        for job in taken {
            assert_eq!(job.note(), None);
            assert!(jobs.jobs.finish(job).await.unwrap());
        }
    }

    async fn what_somebody_waits_for_comes_first(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let job = |subject: &str, priority, due| NewJob { priority, due, ..verify(subject) };
        jobs.add(&[
            job("last", JobPriority::Last, JobDue::Since(MINUTE * 900)),
            job("third", JobPriority::Second, JobDue::Since(MINUTE * 9)),
            job("not yet", JobPriority::First, JobDue::After(MINUTE)),
            job("second", JobPriority::Second, JobDue::Since(Duration::from_hours(24 * 400))),
            job("first", JobPriority::First, JobDue::Now),
        ]).await;
        let mut order = Vec::new();
        while let Some(job) = jobs.claim(1).await.pop() {
            order.push(job.subject().to_owned());
        }
        assert_eq!(order, ["first", "second", "third", "last"]);

        jobs.passed().await;
        let together = jobs.claim(3).await;
        assert_eq!(subjects(&together).len(), 3);
        assert!(!subjects(&together).contains(&"last"));
    }

    async fn hosts_and_kinds_are_claimed_apart(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let elsewhere = NewJob { host: "https://gitlab.com".to_owned(), ..verify("i2") };
        jobs.add(&[verify("i1"), elsewhere, NewJob::new(JobKind::Plan, "")]).await;
        assert_eq!(jobs.jobs.hosts(JobKind::Verify).await.unwrap(), [HOST, "https://gitlab.com"]);
        assert_eq!(jobs.jobs.hosts(JobKind::Plan).await.unwrap(), [""]);
        assert!(jobs.jobs.hosts(JobKind::Renew).await.unwrap().is_empty());
        assert_eq!(subjects(&jobs.claim(9).await), ["i1"]);
        assert_eq!(subjects(&jobs.claim_of("https://gitlab.com", 9).await), ["i2"]);
        assert!(jobs.claim_of("", 9).await.is_empty());
        let plan = jobs.jobs.claim(JobKind::Plan, "", 9, MINUTE).await.unwrap();
        assert_eq!(plan.len(), 1);
        assert_eq!((plan[0].tenant(), plan[0].host()), (None, ""));
    }

    async fn a_job_that_is_there_stays_as_it_is(db: TestDb) {
        let jobs = Jobs::on(db).await;
        jobs.add(&[verify("i1")]).await;
        let job = jobs.one().await;
        assert!(jobs.jobs.fail(job, MINUTE * 5, &"x".repeat(99)).await.unwrap());
        jobs.add(&[verify("i1"), verify("i2"), verify("i1")]).await;
        assert_eq!(subjects(&jobs.claim(9).await), ["i2"]);
        jobs.passed().await;
        let again = jobs.claim(9).await.into_iter().find(|job| job.subject() == "i1").unwrap();
        assert_eq!((again.attempts(), again.note()), (1, Some("x".repeat(64).as_str())));

        assert!(jobs.jobs.put_off(again, MINUTE, Some("doubt")).await.unwrap());
        jobs.passed().await;
        let again = jobs.claim(9).await.into_iter().find(|job| job.subject() == "i1").unwrap();
        assert_eq!((again.attempts(), again.note()), (0, Some("doubt")));
        assert!(jobs.jobs.give_back(again).await.unwrap());
        let again = jobs.one().await;
        assert_eq!((again.subject(), again.note()), ("i1", Some("doubt")));
        assert!(again.age() < MINUTE * 5, "{:?}", again.age());
    }

    async fn a_job_can_be_its_makers_from_the_beginning(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let mine = jobs.jobs.enqueue_claimed(verify("i1"), MINUTE).await.unwrap().unwrap();
        assert!(jobs.jobs.enqueue_claimed(verify("i1"), MINUTE).await.unwrap().is_none());
        assert!(jobs.claim(9).await.is_empty());
        jobs.passed().await;
        let taken = jobs.one().await;
        assert!(!jobs.jobs.finish(mine).await.unwrap());
        assert!(jobs.jobs.forget(JobKind::Verify, "i1").await.unwrap());
        assert!(!jobs.jobs.finish(taken).await.unwrap());
    }

    async fn a_payload_is_sealed_for_its_job(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let with = |subject: &str, payload: &str| NewJob {
            payload: Some(payload.to_owned().into()),
            ..verify(subject)
        };
        jobs.add(&[with("i1", "s3cr3t"), verify("i2")]).await;
        let stored = jobs.given.rows("SELECT `payload` FROM `scm_jobs` WHERE `subject` = 'i1'").await;
        let stored: String = stored[0].try_get_by_index(0).unwrap();
        assert!(stored.starts_with("v1.k1.") && !stored.contains("s3cr3t"), "{stored}");
        for job in jobs.claim(9).await {
            let payload = jobs.jobs.payload(&job).unwrap();
            let want = (job.subject() == "i1").then_some("s3cr3t");
            assert_eq!(payload.as_deref().map(String::as_str), want);
        }
        // Put into another job it does not open.
        let sql = format!("UPDATE `scm_jobs` SET `payload` = '{stored}' WHERE `subject` = 'i2'");
        jobs.given.execute(&sql).await;
        jobs.passed().await;
        let mut claimed = jobs.claim(9).await;
        claimed.retain(|job| job.subject() == "i2");
        let error = jobs.jobs.payload(&claimed[0]).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { table: "scm_jobs", .. }), "{error:?}");

        let mine = jobs.jobs.enqueue_claimed(with("i3", "more"), MINUTE).await.unwrap().unwrap();
        assert_eq!(**jobs.jobs.payload(&mine).unwrap().unwrap(), *"more");
    }

    async fn jobs_are_counted_by_kind(db: TestDb) {
        let jobs = Jobs::on(db).await;
        jobs.add(&[verify("i1"), verify("i2"), NewJob::new(JobKind::Reseal, "")]).await;
        let job = jobs.one().await;
        jobs.jobs.fail(job, MINUTE, "timeout").await.unwrap();
        let sql = "INSERT INTO `scm_jobs` (`kind`, `subject`, `dueAt`, `createdAt`) \
                   SELECT 'of_tomorrow', `subject`, `dueAt`, `createdAt` FROM `scm_jobs`";
        assert_eq!(jobs.given.execute(sql).await, 3);
        let mut counts = jobs.jobs.count().await.unwrap();
        counts.sort_by_key(|count| count.kind);
        let count = |kind, jobs, failing| JobCount { kind, jobs, failing };
        assert_eq!(counts, [count(JobKind::Verify, 2, 1), count(JobKind::Reseal, 1, 0)]);
    }
}

/// Integrations that were checked at these minutes; the first was never.
async fn checked(jobs: &Jobs, minutes: &[Option<u32>]) -> Vec<SafeScmIntegration> {
    let mut rows = Vec::new();
    for (number, minute) in minutes.iter().enumerate() {
        let row = jobs
            .given
            .created("t1", &format!("https://github.com/a/r{number}"))
            .await;
        if let Some(minute) = minute {
            let at = match jobs.given.db.backend {
                Backend::Sqlite => format!("2027-01-31T08:{minute:02}:00+00:00"),
                Backend::Mysql => format!("2027-01-31 08:{minute:02}:00"),
                Backend::Postgres => format!("2027-01-31 08:{minute:02}:00+00"),
            };
            let sql = format!(
                "UPDATE `tenant_scm_integrations` SET `lastVerifiedAt` = '{at}', \
                 `verificationStatus` = 'VALID' WHERE `id` = '{}'",
                row.id
            );
            assert_eq!(jobs.given.execute(&sql).await, 1);
        }
        rows.push(row);
    }
    rows
}

fn valid_by(by: &str, limit: u64) -> DueRequest {
    DueRequest {
        status: VerificationStatus::Valid,
        verified_by: Some(Timestamp::parse(by).unwrap()),
        after: None,
        limit,
    }
}

async fn walk(jobs: &Jobs, mut request: DueRequest) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let DuePage { items, next } = jobs.jobs.due_integrations(&request).await.unwrap();
        found.extend(items.into_iter().map(|row| row.repository_url));
        let Some(next) = next else {
            return found;
        };
        request.after = Some(next);
    }
}

on_every_database! {
    async fn what_was_checked_the_longest_ago_is_due_first(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let minutes = [Some(30), Some(10), Some(10), Some(10), Some(20), Some(40), None];
        let rows = checked(&jobs, &minutes).await;
        let url = |number: usize| rows[number].repository_url.clone();
        let mut same: Vec<_> = (1..4).map(|number| (rows[number].id.clone(), url(number))).collect();
        same.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        let mut want: Vec<_> = same.into_iter().map(|(_, url)| url).collect();
        want.extend([url(4), url(0)]);
        for limit in [1, 2, 5, 9] {
            let found = walk(&jobs, valid_by("2027-01-31T08:30:00.000Z", limit)).await;
            assert_eq!(found, want, "{limit}");
        }
        let never = DueRequest {
            status: VerificationStatus::Pending,
            verified_by: None,
            after: None,
            limit: 1,
        };
        assert_eq!(walk(&jobs, never).await, [url(6)]);
    }

    async fn only_what_is_active_is_due(db: TestDb) {
        let jobs = Jobs::on(db).await;
        let rows = checked(&jobs, &[Some(1), Some(2), Some(3)]).await;
        let store = &jobs.given.store;
        let actor = by(&scope("t1"));
        let pause = UpdateScmIntegrationDto {
            is_active: Patch::Value(false),
            ..UpdateScmIntegrationDto::default()
        };
        store.update(&actor, &rows[0].id, &pause, None).await.unwrap();
        store.soft_delete(&actor, &rows[1].id, None).await.unwrap();
        let found = walk(&jobs, valid_by("2027-01-31T09:00:00.000Z", 9)).await;
        assert_eq!(found, [rows[2].repository_url.clone()]);
    }
}
