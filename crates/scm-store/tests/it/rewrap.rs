//! Every value moves to the current key, whatever else happens to it.

use std::collections::BTreeMap;

use scm_store::{
    Cipher, JobController, JobKind, KeyUsage, NewJob, RewrapError, RewrapOptions, RewrapStep,
    Rewrapped, SecretPlace, check_canary, forget_canary, key_usage, rewrap,
};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    AccessToken, Patch, Purpose, RefreshToken, SafeScmIntegration, UpdateScmIntegrationDto,
    WebhookSecret,
};

use crate::given::{Given, KEYS, SECOND, by, cipher, key_id, rotated, scope, tenant, token};

const TABLE: &str = "tenant_scm_integrations";

fn options(batch: u64) -> RewrapOptions {
    RewrapOptions {
        batch: batch.try_into().unwrap(),
        dry_run: false,
    }
}

/// The keys after a rotation, in use.
async fn second(given: &Given) -> std::sync::Arc<Cipher> {
    check_canary(&given.pool, &cipher(KEYS)).await.unwrap();
    let keys = cipher(&rotated());
    check_canary(&given.pool, &keys).await.unwrap();
    keys
}

async fn reseal(given: &Given, keys: &Cipher) -> Rewrapped {
    rewrap(&given.pool, keys, &options(3), &mut |_| {})
        .await
        .unwrap()
}

fn sealed_elsewhere(
    keys: &Cipher,
    row: &SafeScmIntegration,
    column: &'static str,
    text: &str,
) -> String {
    let place = SecretPlace {
        table: TABLE,
        column,
        row: row.id.as_str(),
        tenant: row.tenant_id.as_str(),
    };
    keys.seal(&place, text).unwrap()
}

async fn set(given: &Given, row: &SafeScmIntegration, column: &str, value: &str) {
    let sql = format!(
        "UPDATE `{TABLE}` SET `{column}` = '{value}' WHERE `id` = '{}'",
        row.id
    );
    assert_eq!(given.execute(&sql).await, 1);
}

fn usage(values: &[(&str, u64)], unsealed: u64) -> KeyUsage {
    let values: BTreeMap<_, _> = values
        .iter()
        .map(|(id, values)| (key_id(id), *values))
        .collect();
    KeyUsage { values, unsealed }
}

on_every_database! {
    async fn all_three_secrets_move_and_nothing_else_changes(db: TestDb) {
        let given = Given::on(db).await;
        let mut rows = Vec::new();
        for number in 0..25 {
            let tenant = format!("t{}", number % 3);
            rows.push(given.created(&tenant, &format!("https://github.com/a/r{number}")).await);
        }
        let hook = sealed_elsewhere(&cipher(KEYS), &rows[1], "webhookSecret", "hook");
        set(&given, &rows[1], "webhookSecret", &hook).await;
        set(&given, &rows[0], "refreshToken", "plain").await;
        given.store.soft_delete(&by(&scope("t2")), &rows[2].id, None).await.unwrap();
        let before = given.found(&rows[1]).await;
        let left = given.rows(&format!("SELECT `id` FROM `{TABLE}` WHERE `accessToken` IS NOT NULL")).await.len();
        let values = 2 * left as u64;
        let keys = second(&given).await;
        assert_eq!(key_usage(&given.pool).await.unwrap(), usage(&[("k1", values)], 1));

        let dry = RewrapOptions { dry_run: true, ..options(7) };
        let mut told = Vec::new();
        let mut steps = [0; 3];
        let mut watch = |step: RewrapStep<'_>| match step {
            RewrapStep::Unreadable { id, column } => told.push((id.to_owned(), column)),
            RewrapStep::Batch => steps[0] += 1,
            RewrapStep::Sealed | RewrapStep::Written => steps[1] += 1,
            RewrapStep::Done(_) => steps[2] += 1,
        };
        let done = rewrap(&given.pool, &keys, &dry, &mut watch).await.unwrap();
        let total = left as u64;
        let want = Rewrapped { total, rows: total, resealed: values, unreadable: 1, left: 0 };
        assert_eq!(done, want);
        assert_eq!(told, [(rows[0].id.to_string(), "refreshToken")]);
        // One more look each at the deliveries and the events, of which there are none.
        assert_eq!(steps, [8, 0, 4]);
        assert_eq!(key_usage(&given.pool).await.unwrap(), usage(&[("k1", values)], 1));

        assert_eq!(reseal(&given, &keys).await, want);
        assert_eq!(key_usage(&given.pool).await.unwrap(), usage(&[("k_2", values)], 1));
        assert_eq!(reseal(&given, &keys).await, Rewrapped { resealed: 0, ..want });
        // What the row says is what it said, its times too, and the old key is not needed any more.
        assert_eq!(given.found(&rows[1]).await, before);
        assert_eq!(given.text("refreshToken", &rows[0].id).await.as_deref(), Some("plain"));
        let store = given.with_keys(SECOND);
        let opened = store.find_with_secrets(&by(&scope("t1")), &rows[1].id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.as_ref().map(AccessToken::expose), Some("ghp_first"));
        assert_eq!(opened.refresh_token.as_ref().map(RefreshToken::expose), Some("ghr_first"));
        assert_eq!(opened.webhook_secret.as_ref().map(WebhookSecret::expose), Some("hook"));
    }

    async fn what_was_changed_meanwhile_is_looked_at_again(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let keys = second(&given).await;
        // Another server, which still seals with the old key, and one that has the new one.
        for (with, secret) in [(cipher(KEYS), "ghp_old"), (cipher(&rotated()), "ghp_new")] {
            set(&given, &row, "refreshToken", &sealed_elsewhere(&cipher(KEYS), &row, "refreshToken", "r")).await;
            let sql = format!(
                "UPDATE `{TABLE}` SET `accessToken` = '{}'",
                sealed_elsewhere(&with, &row, "accessToken", secret)
            );
            let mut first = true;
            let mut watch = |step: RewrapStep<'_>| {
                if matches!(step, RewrapStep::Sealed) && std::mem::take(&mut first) {
                    given.meanwhile(&sql);
                }
            };
            let done = rewrap(&given.pool, &keys, &options(3), &mut watch).await.unwrap();
            assert_eq!(done.left, 0);
            assert!(!first);
            let store = given.with_keys(SECOND);
            let opened = store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
            assert_eq!(opened.access_token.unwrap().expose(), secret);
            assert_eq!(opened.refresh_token.unwrap().expose(), "r");
        }
        // A row that is gone is nothing to seal.
        set(&given, &row, "accessToken", &sealed_elsewhere(&cipher(KEYS), &row, "accessToken", "x")).await;
        let delete = format!("DELETE FROM `{TABLE}`");
        let mut first = true;
        let mut watch = |step: RewrapStep<'_>| {
            if matches!(step, RewrapStep::Sealed) && std::mem::take(&mut first) {
                given.meanwhile(&delete);
            }
        };
        let done = rewrap(&given.pool, &keys, &options(3), &mut watch).await.unwrap();
        assert_eq!((done.resealed, first), (0, false));
    }

    async fn two_at_once_beside_writers_lose_nothing(db: TestDb) {
        let given = Given::on(db).await;
        let mut rows = Vec::new();
        for number in 0..12 {
            rows.push(given.created("t1", &format!("https://github.com/a/r{number}")).await);
        }
        let keys = second(&given).await;
        // One server is late and goes on sealing with the old key.
        let writers = [KEYS.to_owned() + SECOND, rotated()].map(|keys| {
            let (store, rows) = (given.with_keys(&keys), rows.clone());
            tokio::spawn(async move {
                for round in 0..4 {
                    for row in &rows {
                        let changes = UpdateScmIntegrationDto {
                            access_token: Patch::Value(token(&format!("ghp_{round}"))),
                            ..UpdateScmIntegrationDto::default()
                        };
                        let scope = scope("t1");
                        store.update(&by(&scope), &row.id, &changes, None).await.unwrap().unwrap();
                        store.find_with_secrets(&by(&scope), &row.id, Purpose::Read).await.unwrap().unwrap();
                    }
                }
            })
        });
        let (one, two) = futures::join!(reseal(&given, &keys), reseal(&given, &keys));
        assert_eq!((one.unreadable, two.unreadable), (0, 0));
        for writer in writers {
            writer.await.unwrap();
        }
        let done = reseal(&given, &keys).await;
        assert_eq!((done.unreadable, done.left), (0, 0));
        assert_eq!(key_usage(&given.pool).await.unwrap(), usage(&[("k_2", 24)], 0));
        let store = given.with_keys(SECOND);
        for row in &rows {
            let opened = store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
            assert_eq!(opened.access_token.unwrap().expose(), "ghp_3");
        }
    }

    async fn a_key_without_a_canary_seals_nothing(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let keys = cipher(&rotated());
        let result = rewrap(&given.pool, &keys, &options(3), &mut |_| {}).await;
        assert!(matches!(&result, Err(RewrapError::NotInUse(id)) if *id == key_id("k_2")), "{result:?}");
        // Retired while it is being sealed with.
        let keys = second(&given).await;
        let mut watch = |step: RewrapStep<'_>| {
            if matches!(step, RewrapStep::Sealed) {
                given.meanwhile("DELETE FROM `scm_key_canaries` WHERE `keyId` = 'k_2'");
            }
        };
        let result = rewrap(&given.pool, &keys, &options(3), &mut watch).await;
        assert!(matches!(&result, Err(RewrapError::NotInUse(id)) if *id == key_id("k_2")), "{result:?}");
        assert!(given.text("accessToken", &row.id).await.unwrap().starts_with("v1.k1."));
        forget_canary(&given.pool, &key_id("k1")).await.unwrap();
    }

    async fn what_does_not_open_stops_nothing(db: TestDb) {
        let given = Given::on(db).await;
        let mut rows = Vec::new();
        for number in 0..6 {
            rows.push(given.created("t1", &format!("https://github.com/a/r{number}")).await);
        }
        rows.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        let foreign = cipher("* k9 CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk");
        set(&given, &rows[1], "accessToken", &sealed_elsewhere(&foreign, &rows[1], "accessToken", "x")).await;
        set(&given, &rows[2], "accessToken", "").await;
        set(&given, &rows[3], "tenantId", "t2").await;
        // An old writer's id that this program would not make.
        set(&given, &rows[5], "id", "a b").await;
        let keys = second(&given).await;
        let mut told = Vec::new();
        let mut watch = |step: RewrapStep<'_>| {
            if let RewrapStep::Unreadable { id, column } = step {
                told.push((id.to_owned(), column));
            }
        };
        let done = rewrap(&given.pool, &keys, &options(2), &mut watch).await.unwrap();
        told.sort();
        let id = |row: usize| rows[row].id.to_string();
        let mut want = vec![
            (id(1), "accessToken"),
            (id(2), "accessToken"),
            (id(3), "accessToken"),
            (id(3), "refreshToken"),
            ("a b".to_owned(), "accessToken"),
            ("a b".to_owned(), "refreshToken"),
        ];
        want.sort();
        assert_eq!(told, want);
        assert_eq!(done, Rewrapped { total: 6, rows: 6, resealed: 6, unreadable: 6, left: 0 });
        let now = key_usage(&given.pool).await.unwrap();
        assert_eq!(now, usage(&[("k1", 4), ("k9", 1), ("k_2", 6)], 1));
        assert_eq!((now.of(&key_id("k9")), now.of(&key_id("none")), now.besides(&key_id("k_2"))), (1, 0, 6));
    }

    async fn names_that_differ_in_case_are_two_keys(db: TestDb) {
        let given = Given::on(db).await;
        given.created("t1", "https://github.com/a/b").await;
        check_canary(&given.pool, &cipher(KEYS)).await.unwrap();
        let keys = cipher(&(KEYS.replace('*', " ") + "* K1 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"));
        check_canary(&given.pool, &keys).await.unwrap();
        assert_eq!(reseal(&given, &keys).await.resealed, 2);
        assert_eq!(key_usage(&given.pool).await.unwrap(), usage(&[("K1", 2)], 0));
    }

    async fn an_empty_table_is_done_at_once(db: TestDb) {
        let given = Given::on(db).await;
        let keys = second(&given).await;
        assert_eq!(reseal(&given, &keys).await, Rewrapped::default());
        assert_eq!(key_usage(&given.pool).await.unwrap(), KeyUsage::default());
    }
}

on_every_database! {
    async fn what_jobs_were_given_is_sealed_anew_and_keeps_its_key(db: TestDb) {
        let given = Given::on(db).await;
        let old = JobController::new(given.pool.clone(), cipher(KEYS));
        let subjects = ["a", "b", "c", "d", "e"];
        let job = |subject: &str| NewJob {
            tenant: Some(tenant("t1")),
            payload: Some(format!("secret of {subject}").into()),
            ..NewJob::new(JobKind::WebhookRemoval, subject)
        };
        old.enqueue(&subjects.map(job)).await.unwrap();
        old.enqueue(&[NewJob::new(JobKind::Plan, "")]).await.unwrap();
        given.execute("UPDATE `scm_jobs` SET `payload` = 'v1.k1.AAAA' WHERE `subject` = 'c'").await;
        let keys = second(&given).await;
        let usage = key_usage(&given.pool).await.unwrap();
        assert_eq!((usage.of(&key_id("k1")), usage.unsealed), (5, 0));

        let dry = RewrapOptions { dry_run: true, ..options(2) };
        let done = rewrap(&given.pool, &keys, &dry, &mut |_| {}).await.unwrap();
        assert_eq!((done.total, done.rows, done.resealed, done.unreadable), (5, 5, 4, 1));
        assert_eq!(key_usage(&given.pool).await.unwrap(), usage);

        let mut unreadable = Vec::new();
        let watch = &mut |step: RewrapStep<'_>| {
            if let RewrapStep::Unreadable { id, column } = step {
                unreadable.push(format!("{column} of {id}"));
            }
        };
        let done = rewrap(&given.pool, &keys, &options(2), watch).await.unwrap();
        assert_eq!((done.resealed, done.unreadable, done.left), (4, 1, 0));
        assert_eq!(unreadable, ["payload of c"]);
        let usage = key_usage(&given.pool).await.unwrap();
        assert_eq!((usage.of(&key_id("k_2")), usage.of(&key_id("k1"))), (4, 1));

        let new = JobController::new(given.pool.clone(), keys);
        let lease = JobController::LEASE;
        let claimed = new.claim(JobKind::WebhookRemoval, "", 9, lease).await.unwrap();
        assert_eq!(claimed.len(), 5);
        for job in claimed.iter().filter(|job| job.subject() != "c") {
            let payload = new.payload(job).unwrap().unwrap();
            assert_eq!(*payload, format!("secret of {}", job.subject()));
        }
    }
}
