//! Keys are exchanged while programs run, each of them at its own time.

use std::{sync::Arc, time::Duration};

use scm_store::{
    CanaryError, Cipher, KeyChangeError, KeyChanges, KeyRing, KeyState, ScmIntegrationController,
    SealError, SecretPlace, canary_key_ids, forget_canary, key_canaries, rewrap,
};
use scm_testkit::{db::TestDb, on_every_database};

use crate::given::{Given, KEYS, SECOND, by, cipher, key_id, rotated, scope};

const AT_ONCE: Duration = Duration::ZERO;
const NEVER: Duration = Duration::from_hours(1);
const PLACE: SecretPlace<'static> = SecretPlace {
    table: "t",
    column: "c",
    row: "r",
    tenant: "x",
};

fn ring(keys: &str) -> KeyRing {
    KeyRing::parse(keys).unwrap()
}

fn added() -> String {
    KEYS.to_owned() + SECOND
}

async fn start(given: &Given, keys: &str, settle: Duration) -> KeyChanges {
    KeyChanges::start(&given.pool, ring(keys), settle)
        .await
        .unwrap()
        .0
}

fn seals_with(cipher: &Cipher) -> String {
    let sealed = cipher.seal(&PLACE, "x").unwrap();
    sealed.split('.').nth(1).unwrap().to_owned()
}

fn settling() -> KeyState {
    KeyState::Settling {
        next: key_id("k_2"),
        sealing: key_id("k1"),
    }
}

/// A controller that goes on with the same cipher.
fn store(given: &Given, changes: &KeyChanges) -> ScmIntegrationController {
    ScmIntegrationController::new(given.pool.clone(), changes.cipher(), given.clock.clone())
}

/// Every order in which two replicas can take `stages` files, neither more than one behind.
fn orders(stages: usize) -> Vec<Vec<usize>> {
    fn go(at: [usize; 2], stages: usize, order: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if at == [stages, stages] {
            found.push(order.clone());
            return;
        }
        for replica in 0..2 {
            let mut next = at;
            next[replica] += 1;
            if next[replica] <= stages && next[0].abs_diff(next[1]) <= 1 {
                order.push(replica);
                go(next, stages, order, found);
                order.pop();
            }
        }
    }
    let mut found = Vec::new();
    go([0, 0], stages, &mut Vec::new(), &mut found);
    found
}

on_every_database! {
    async fn two_replicas_open_what_the_other_wrote_in_every_order(db: TestDb) {
        let given = Given::on(db).await;
        let orders = orders(3);
        assert_eq!(orders.len(), 8);
        // Added, promoted, retired.
        let files = [added(), rotated(), SECOND.to_owned()];
        for order in orders {
            given.execute("DELETE FROM `scm_key_canaries`").await;
            let mut replicas = [
                start(&given, KEYS, AT_ONCE).await,
                start(&given, KEYS, AT_ONCE).await,
            ];
            let mut at = [0, 0];
            let mut values: Vec<(Arc<Cipher>, String)> = Vec::new();
            for replica in &order {
                let next = at[*replica];
                if next == 2 && at == [2, 2] {
                    // What the commands do before a key is retired: nothing needs it, and its
                    // canary is gone.
                    values.retain(|(_, sealed)| sealed.starts_with("v1.k_2."));
                    forget_canary(&given.pool, &key_id("k1")).await.unwrap();
                }
                replicas[*replica].take(ring(&files[next])).await.unwrap();
                at[*replica] += 1;
                for writer in &replicas {
                    let cipher = writer.cipher();
                    let sealed = cipher.seal(&PLACE, "secret").unwrap();
                    values.push((cipher, sealed));
                }
                for reader in &replicas {
                    for (_, sealed) in &values {
                        let opened = reader.cipher().open(&PLACE, sealed);
                        assert!(opened.is_ok(), "{order:?} at {at:?}");
                    }
                }
            }
            assert!(replicas.iter().all(|replica| seals_with(&replica.cipher()) == "k_2"));
        }
    }

    async fn a_key_in_one_step_is_first_read_with(db: TestDb) {
        let given = Given::on(db).await;
        let settle = Duration::from_millis(300);
        let mut one = start(&given, KEYS, settle).await;
        let mut two = start(&given, KEYS, settle).await;
        assert_eq!(one.take(ring(&rotated())).await.unwrap(), settling());
        assert_eq!(seals_with(&one.cipher()), "k1");
        let written = one.cipher().seal(&PLACE, "x").unwrap();
        assert!(two.cipher().open(&PLACE, &written).is_ok(), "who has not looked yet can read it");
        assert_eq!(canary_key_ids(&given.pool).await.unwrap(), [key_id("k1")]);
        assert_eq!(two.take(ring(&rotated())).await.unwrap(), settling());
        tokio::time::sleep(settle).await;
        assert_eq!(one.take(ring(&rotated())).await.unwrap(), KeyState::Current);
        assert_eq!(seals_with(&one.cipher()), "k_2");
        let written = one.cipher().seal(&PLACE, "x").unwrap();
        assert!(two.cipher().open(&PLACE, &written).is_ok());
        // Whoever sees the canary need not wait any more, and neither need a new start. Who has not
        // got the key is told.
        let late = KeyChanges::start(&given.pool, ring(KEYS), NEVER).await.err().unwrap();
        assert!(late.to_string().contains("it needs k1, k_2"), "{late}");
        assert_eq!(two.take(ring(&rotated())).await.unwrap(), KeyState::Current);
        let (_, state) = KeyChanges::start(&given.pool, ring(&rotated()), NEVER).await.unwrap();
        assert_eq!(state, KeyState::Current);
    }

    async fn a_start_in_the_middle_waits_too(db: TestDb) {
        let given = Given::on(db).await;
        start(&given, KEYS, NEVER).await;
        let (mut changes, state) =
            KeyChanges::start(&given.pool, ring(&rotated()), NEVER).await.unwrap();
        assert_eq!((state, seals_with(&changes.cipher())), (settling(), "k1".to_owned()));
        assert_eq!(changes.take(ring(&rotated())).await.unwrap(), settling());
        // A key that was there to read with for long enough is used as soon as it is promoted.
        let mut changes = start(&given, &added(), AT_ONCE).await;
        assert_eq!(changes.take(ring(&rotated())).await.unwrap(), KeyState::Current);
        // Another key under its name was not.
        given.execute("DELETE FROM `scm_key_canaries` WHERE `keyId` = 'k_2'").await;
        let mut changes = start(&given, &added(), AT_ONCE).await;
        let other = rotated().replace("AwMD", "BAQE");
        assert_eq!(changes.take(ring(&other)).await.unwrap(), settling());
    }

    async fn where_nothing_was_sealed_a_key_is_used_at_once(db: TestDb) {
        let given = Given::on(db).await;
        let starts = (0..6).map(|_| {
            let pool = given.pool.clone();
            tokio::spawn(async move { KeyChanges::start(&pool, ring(KEYS), NEVER).await.map(|(_, state)| state) })
        });
        for start in starts.collect::<Vec<_>>() {
            assert_eq!(start.await.unwrap().unwrap(), KeyState::Current);
        }
        assert_eq!(canary_key_ids(&given.pool).await.unwrap(), [key_id("k1")]);
    }

    async fn a_ring_that_lost_a_needed_key_is_refused(db: TestDb) {
        let given = Given::on(db).await;
        let mut changes = start(&given, &added(), AT_ONCE).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        assert_eq!(changes.take(ring(&rotated())).await.unwrap(), KeyState::Current);
        let other = rotated().replace("AQEB", "BAQE");
        for lost in [SECOND, &other] {
            let error = changes.take(ring(lost)).await.err().unwrap();
            assert!(
                matches!(&error, KeyChangeError::Canary(CanaryError::WrongKeys { failed, .. })
                    if *failed == [key_id("k1")]),
                "{error}"
            );
        }
        // Without its canary too.
        forget_canary(&given.pool, &key_id("k1")).await.unwrap();
        for lost in [SECOND, &other] {
            let error = changes.take(ring(lost)).await.err().unwrap();
            assert!(
                matches!(&error, KeyChangeError::StillNeeded { key, values: 2 } if *key == key_id("k1")),
                "{error}"
            );
            let text = format!("{error} {error:?}");
            assert!(text.contains("k1") && !text.contains("AQEB") && !text.contains("BAQE"), "{text}");
        }
        // What is held goes on.
        assert_eq!(seals_with(&changes.cipher()), "k_2");
        let store = store(&given, &changes);
        let opened = store.find_with_secrets(&by(&scope("t1")), &row.id, scm_types::Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_first");
        // As soon as nothing needs it, it may go.
        rewrap(&given.pool, &changes.cipher(), &scm_store::RewrapOptions::default(), &mut |_| {}).await.unwrap();
        assert_eq!(changes.take(ring(SECOND)).await.unwrap(), KeyState::Current);
        assert!(store.find_with_secrets(&by(&scope("t1")), &row.id, scm_types::Purpose::Read).await.unwrap().is_some());
        assert_eq!(changes.cipher().ring().ids().count(), 1);
    }

    async fn a_key_that_was_retired_elsewhere_is_not_sealed_with(db: TestDb) {
        let given = Given::on(db).await;
        let mut late = start(&given, &added(), AT_ONCE).await;
        let mut other = start(&given, &added(), AT_ONCE).await;
        other.take(ring(&rotated())).await.unwrap();
        forget_canary(&given.pool, &key_id("k1")).await.unwrap();
        // Its own file still says that k1 is the current key.
        for _ in 0..3 {
            let want = KeyState::Retired { key: key_id("k1"), sealing: Some(key_id("k_2")) };
            assert_eq!(late.take(ring(&added())).await.unwrap(), want);
            assert_eq!(seals_with(&late.cipher()), "k_2");
            assert_eq!(canary_key_ids(&given.pool).await.unwrap(), [key_id("k_2")]);
        }
        // With the keys that it holds, it notices it as well; here there is nothing to fall back on.
        forget_canary(&given.pool, &key_id("k_2")).await.unwrap();
        let want = KeyState::Retired { key: key_id("k_2"), sealing: None };
        assert_eq!(late.look().await.unwrap(), want);
        assert_eq!(late.cipher().seal(&PLACE, "x"), Err(SealError::NoKey));
        assert!(late.cipher().open(&PLACE, &other.cipher().seal(&PLACE, "x").unwrap()).is_ok());
        assert!(canary_key_ids(&given.pool).await.unwrap().is_empty());
        // Somebody puts it back.
        start(&given, &rotated(), AT_ONCE).await;
        assert_eq!(late.take(ring(&rotated())).await.unwrap(), KeyState::Current);
        assert_eq!(seals_with(&late.cipher()), "k_2");
    }

    async fn canaries_are_told_as_these_keys_see_them(db: TestDb) {
        let given = Given::on(db).await;
        start(&given, &added(), AT_ONCE).await.take(ring(&rotated())).await.unwrap();
        let seen = async |keys: &str| {
            let found = key_canaries(&given.pool, &ring(keys)).await.unwrap();
            found.into_iter().map(|found| (found.key.to_string(), found.opens)).collect::<Vec<_>>()
        };
        let want = |one, two| [("k1".to_owned(), one), ("k_2".to_owned(), two)];
        assert_eq!(seen(&rotated()).await, want(true, true));
        assert_eq!(seen(SECOND).await, want(false, true));
        assert_eq!(seen(&KEYS.replace("AQEB", "BAQE")).await, want(false, false));
    }
}

#[test]
fn a_ring_is_exchanged_under_those_who_use_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = TestDb::migrated(scm_testkit::db::Backend::Sqlite)
            .await
            .unwrap();
        let given = Given::on(db).await;
        let mut changes = start(&given, &added(), AT_ONCE).await;
        let (cipher, reference) = (changes.cipher(), cipher(&added()));
        let user = std::thread::spawn(move || {
            for _ in 0..20_000 {
                let sealed = cipher.seal(&PLACE, "secret").unwrap();
                // The name of the key is that of the key that was used.
                assert_eq!(*reference.open(&PLACE, &sealed).unwrap(), "secret");
                assert!(cipher.open(&PLACE, &sealed).is_ok());
            }
        });
        while !user.is_finished() {
            changes.take(ring(&rotated())).await.unwrap();
            changes.take(ring(&added())).await.unwrap();
        }
        user.join().unwrap();
    });
}
