//! Tokens that end: found in their order, counted, and warned of once.

use std::time::Duration;

use futures::future::join_all;
use scm_store::{
    Ending, EndingCount, EndingRequest, FailedRenewal, IntegrationCount, RenewalController,
};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    IntegrationId, Patch, ScmIntegrationFilters, ScmType, TenantScope, Timestamp,
    UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, by, new, scope};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Given {
    fn at(&self, from_now: Duration) -> Timestamp {
        scm_types::Clock::now(&*self.clock).plus(from_now)
    }

    /// A row whose token ends so long from now.
    async fn ends(&self, number: usize, from_now: Duration, auto_rotate: bool) -> IntegrationId {
        let mut wanted = new("t1", &format!("https://gitlab.com/a/r{number}"));
        wanted.token_expires_at = Some(self.at(from_now));
        wanted.auto_rotate = auto_rotate;
        wanted.refresh_token = None;
        let created = self.store.create(&by(&scope("t1")), wanted).await;
        created.unwrap().id
    }

    async fn change(&self, id: &IntegrationId, changes: UpdateScmIntegrationDto) {
        let by = by(&TenantScope::Platform);
        self.store.update(&by, id, &changes, None).await.unwrap();
    }

    /// All pages.
    async fn endings(&self, mut request: EndingRequest) -> Vec<Ending> {
        let mut all = Vec::new();
        loop {
            let page = self.store.ending_before(&request).await.unwrap();
            assert!(page.items.len() as u64 <= request.limit);
            all.extend(page.items);
            let Some(next) = page.next else {
                return all;
            };
            request.after = Some(next);
        }
    }

    fn within(&self, days: u32, limit: u64) -> EndingRequest {
        EndingRequest {
            from: None,
            before: self.at(DAY * days),
            renewable: false,
            after: None,
            limit,
        }
    }
}

fn ids(rows: &[Ending]) -> Vec<&IntegrationId> {
    rows.iter().map(|row| &row.id).collect()
}

on_every_database! {
    async fn what_ends_first_comes_first(db: TestDb) {
        let given = Given::on(db).await;
        let mut wanted = Vec::new();
        for number in 0..11_u32 {
            // Four end in the same moment, as at midnight.
            let end = HOUR * (20 - number / 4);
            let id = given.ends(number as usize, end, number % 2 == 0).await;
            wanted.push((given.at(end), id));
        }
        wanted.sort_by(|a, b| (a.0, a.1.as_str()).cmp(&(b.0, b.1.as_str())));
        given.ends(90, DAY * 2, true).await;
        given.created("t1", "https://github.com/a/no-end").await;
        let paused = given.ends(91, HOUR, true).await;
        let pause = UpdateScmIntegrationDto { is_active: Patch::Value(false), ..Default::default() };
        given.change(&paused, pause).await;
        let deleted = given.ends(92, HOUR, true).await;
        given.store.soft_delete(&by(&scope("t1")), &deleted, None).await.unwrap();

        for limit in [1, 2, 3, 4, 5, 11, 12] {
            let found = given.endings(given.within(1, limit)).await;
            let want: Vec<_> = wanted.iter().map(|(_, id)| id).collect();
            assert_eq!(ids(&found), want, "{limit}");
        }
        let mut request = given.within(1, 3);
        request.renewable = true;
        let found = given.endings(request.clone()).await;
        assert_eq!(found.len(), 6);
        assert!(found.iter().all(|row| row.auto_rotate && !row.has_refresh_token));
        request.from = Some(given.at(HOUR * 19));
        assert!(given.endings(request).await.iter().all(|row| row.ends >= given.at(HOUR * 19)));

        let (one, id) = (&found[0], &found[0].id);
        assert_eq!(given.store.ending(id).await.unwrap().as_ref(), Some(one));
        assert_eq!(given.store.ending(&paused).await.unwrap(), None);
        assert_eq!(given.store.ending(&deleted).await.unwrap(), None);
    }

    async fn lists_show_what_ends_before_a_time(db: TestDb) {
        let given = Given::on(db).await;
        let soon = given.ends(1, HOUR, false).await;
        given.tick();
        let later = given.ends(2, HOUR * 2, false).await;
        given.created("t1", "https://github.com/a/no-end").await;
        let before = async |from_now| {
            let filters = ScmIntegrationFilters {
                expiring_before: Some(given.at(from_now)),
                ..ScmIntegrationFilters::default()
            };
            given.ids(&scope("t1"), &filters).await
        };
        assert_eq!(before(HOUR * 3).await, [later.clone(), soon.clone()]);
        assert_eq!(before(HOUR * 2).await, [soon]);
        assert_eq!(before(Duration::ZERO).await, []);
    }

    async fn ends_are_counted_by_days(db: TestDb) {
        let given = Given::on(db).await;
        for (number, end) in [HOUR, DAY, DAY + HOUR, DAY * 7, DAY * 8].into_iter().enumerate() {
            given.ends(number, end, number == 1).await;
        }
        given.tick();
        let count = async |days| given.store.count_ending([days, 30]).await.unwrap()[0];
        let of = |renewable, other| EndingCount { renewable, other };
        assert_eq!(count(1).await, of(1, 1));
        assert_eq!(count(2).await, of(1, 2));
        assert_eq!(count(7).await, of(1, 3));
        assert_eq!(given.store.count_ending([1, 7, 14]).await.unwrap(), [of(1, 1), of(1, 3), of(1, 4)]);
        // What has ended does not end any more.
        given.clock.advance(DAY);
        assert_eq!(count(14).await, of(0, 3));
    }

    async fn connections_are_counted_by_product_status_and_pause(db: TestDb) {
        let given = Given::on(db).await;
        given.created("t1", "https://github.com/a/one").await;
        given.created("t2", "https://github.com/a/one").await;
        let paused = given.ends(91, HOUR, true).await;
        let pause = UpdateScmIntegrationDto { is_active: Patch::Value(false), ..Default::default() };
        given.change(&paused, pause).await;
        let deleted = given.ends(92, HOUR, true).await;
        given.store.soft_delete(&by(&scope("t1")), &deleted, None).await.unwrap();
        let sql = "UPDATE `tenant_scm_integrations` SET `webhookId` = '1' WHERE `tenantId` = 't2'";
        assert_eq!(given.execute(sql).await, 1);
        let mut counts = given.store.count_all().await.unwrap();
        counts.sort_by_key(|count| !count.is_active);
        let count = |scm_type, is_active, integrations, webhooks| IntegrationCount {
            scm_type,
            status: VerificationStatus::Pending,
            is_active,
            integrations,
            webhooks,
        };
        let want = [count(ScmType::Github, true, 2, 1), count(ScmType::Gitlab, false, 1, 0)];
        assert_eq!(counts, want);
    }

    async fn of_many_servers_one_warns(db: TestDb) {
        let given = Given::on(db).await;
        let id = given.ends(1, DAY, false).await;
        let row = given.store.ending(&id).await.unwrap().unwrap();
        let before = given.store.find_by_id(&scope("t1"), &id).await.unwrap();
        let noted = join_all((0..16).map(|_| given.store.note_warning(&row, "1@x"))).await;
        let noted = noted.into_iter().filter(|it| *it.as_ref().unwrap()).count();
        assert_eq!(noted, 1);
        let after = given.store.ending(&id).await.unwrap().unwrap();
        assert_eq!(after.warning.as_deref(), Some("1@x"));
        assert_eq!(given.store.find_by_id(&scope("t1"), &id).await.unwrap(), before);
        // Another end than the one that was read.
        let end = Patch::Value(given.at(DAY * 2));
        let change = UpdateScmIntegrationDto { token_expires_at: end, ..Default::default() };
        given.change(&id, change).await;
        assert!(!given.store.note_warning(&after, "1@y").await.unwrap());
    }

    async fn renewals_that_failed_are_told(db: TestDb) {
        let given = Given::on(db).await;
        let leases = RenewalController::new(given.pool.clone());
        let mut rows = Vec::new();
        for (number, backoff) in [HOUR, Duration::ZERO].into_iter().enumerate() {
            let id = given.ends(number, HOUR, true).await;
            let scm_store::Acquired::Mine(lease) = leases.acquire(&id, 1).await.unwrap() else {
                panic!("nobody else has it");
            };
            leases.fail(lease, "timeout", backoff, true).await.unwrap();
            rows.push(given.store.ending(&id).await.unwrap().unwrap());
        }
        let good = given.ends(9, HOUR, true).await;
        let all = [rows[0].id.clone(), rows[1].id.clone(), good];
        let failed = leases.failed(&all).await.unwrap();
        let of = |row: &Ending| failed.iter().find(|it| it.is_of(row)).cloned();
        let (held, free): (FailedRenewal, _) = (of(&rows[0]).unwrap(), of(&rows[1]).unwrap());
        assert!(held.wait.is_some_and(|wait| wait > HOUR / 2), "{held:?}");
        assert_eq!((free.wait, free.code.as_str(), failed.len()), (None, "timeout", 2));
        assert_eq!(leases.failed(&[]).await.unwrap(), []);
    }
}
