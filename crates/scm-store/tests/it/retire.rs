//! A key leaves only when nothing needs it, and in an order that leaves a program that starts.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use scm_store::{
    JobController, JobKind, KeyChanges, KeyFile, KeyFileError, KeyId, KeyRing, KeyRingError,
    KeyState, NewJob, RetireError, RetireStep, RewrapOptions, canary_key_ids, check_canary, retire,
    rewrap,
};
use scm_testkit::{db::TestDb, on_every_database, until};
use tempfile::TempDir;

use crate::given::{Given, KEYS, SECOND, cipher, key_id, rotated};

const WAIT: Duration = Duration::from_millis(20);

/// A key file of its own.
struct Keys {
    directory: TempDir,
}

impl Keys {
    fn with(text: &str) -> Self {
        let keys = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        keys.write(text);
        keys
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    fn write(&self, text: &str) {
        KeyRing::parse(text).unwrap().save(&self.path()).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn open(&self) -> KeyFile {
        KeyFile::open(&self.path()).unwrap()
    }
}

async fn canaries(given: &Given) -> Vec<KeyId> {
    let mut ids = canary_key_ids(&given.pool).await.unwrap();
    ids.sort();
    ids
}

/// Both keys have a canary, the second is current, and a row is sealed with the first.
async fn rotated_with_a_row(db: TestDb) -> Given {
    let given = Given::on(db).await;
    given.created("t1", "https://github.com/a/b").await;
    for keys in [KEYS, &rotated()] {
        check_canary(&given.pool, &cipher(keys)).await.unwrap();
    }
    given
}

async fn rewrapped(given: &Given) {
    let keys = cipher(&rotated());
    rewrap(&given.pool, &keys, &RewrapOptions::default(), &mut |_| {})
        .await
        .unwrap();
}

on_every_database! {
    async fn a_key_that_nothing_needs_leaves(db: TestDb) {
        let given = rotated_with_a_row(db).await;
        let keys = Keys::with(&rotated());
        rewrapped(&given).await;
        let mut steps = Vec::new();
        let mut file = keys.open();
        retire(&given.pool, &mut file, &key_id("k1"), WAIT, &mut |step| steps.push(step)).await.unwrap();
        assert_eq!(steps, [RetireStep::CanaryGone, RetireStep::Settled]);
        assert_eq!(canaries(&given).await, [key_id("k_2")]);
        assert!(KeyRing::load(&keys.path()).unwrap().ids().eq([&key_id("k_2")]));
    }

    async fn it_stays_as_long_as_there_is_a_reason(db: TestDb) {
        let given = rotated_with_a_row(db).await;
        let keys = Keys::with(&rotated());
        let text = keys.text();
        let refused = async |id: &str| {
            retire(&given.pool, &mut keys.open(), &key_id(id), WAIT, &mut |_| {}).await.err().unwrap()
        };
        let error = refused("nobody").await;
        assert!(matches!(&error, RetireError::Ring(KeyRingError::Unknown(_))), "{error}");
        let error = refused("k_2").await;
        assert!(matches!(&error, RetireError::Ring(KeyRingError::IsCurrent(_))), "{error}");
        let error = refused("k1").await;
        assert!(matches!(&error, RetireError::StillNeeded { values: 2, .. }), "{error}");
        assert!(error.to_string().contains("2 stored values need the key k1"), "{error}");
        // Servers that have not begun with the current key go on with this one.
        rewrapped(&given).await;
        given.execute("DELETE FROM `scm_key_canaries` WHERE `keyId` = 'k_2'").await;
        let error = refused("k1").await;
        assert!(matches!(&error, RetireError::CurrentNotInUse(id) if *id == key_id("k_2")), "{error}");
        assert_eq!(canaries(&given).await, [key_id("k1")]);
        assert_eq!(keys.text(), text);
    }

    async fn what_is_sealed_with_it_at_the_last_moment_keeps_it(db: TestDb) {
        let given = rotated_with_a_row(db).await;
        let keys = Keys::with(&rotated());
        let old = given.rows("SELECT `accessToken` FROM `tenant_scm_integrations`").await;
        let old: String = old[0].try_get_by_index(0).unwrap();
        rewrapped(&given).await;
        let sql = format!("UPDATE `tenant_scm_integrations` SET `accessToken` = '{old}'");
        let mut watch = |step| {
            if step == RetireStep::CanaryGone {
                given.meanwhile(&sql);
            }
        };
        let result = retire(&given.pool, &mut keys.open(), &key_id("k1"), WAIT, &mut watch).await;
        let error = result.err().unwrap();
        assert!(matches!(&error, RetireError::StillNeeded { values: 1, .. }), "{error}");
        assert_eq!(canaries(&given).await, [key_id("k1"), key_id("k_2")]);
        assert!(keys.open().ring().contains(&key_id("k1")));
    }

    async fn a_file_that_was_changed_meanwhile_is_left_alone(db: TestDb) {
        let given = rotated_with_a_row(db).await;
        rewrapped(&given).await;
        let third = rotated() + "k3 BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n";
        // With the key still in it, its canary is put back; without it, a canary would keep servers
        // from starting.
        let both = [key_id("k1"), key_id("k_2")];
        for (text, want) in [(third.as_str(), &both[..]), (SECOND, &both[1..])] {
            let keys = Keys::with(&rotated());
            let mut watch = |step| {
                if step == RetireStep::Settled {
                    keys.write(text);
                }
            };
            let result = retire(&given.pool, &mut keys.open(), &key_id("k1"), WAIT, &mut watch).await;
            let error = result.err().unwrap();
            assert!(matches!(&error, RetireError::File(KeyFileError::Changed)), "{error}");
            assert_eq!(canaries(&given).await, want);
            assert!(KeyRing::load(&keys.path()).unwrap().ids().eq(KeyRing::parse(text).unwrap().ids()));
        }
    }

    async fn broken_off_in_the_middle_it_can_be_started_and_finished(db: TestDb) {
        let given = rotated_with_a_row(db).await;
        let keys = Keys::with(&rotated());
        rewrapped(&given).await;
        let gone = AtomicBool::new(false);
        let mut file = keys.open();
        let key = key_id("k1");
        let endless = Duration::from_hours(1);
        let running = async {
            retire(&given.pool, &mut file, &key, endless, &mut |step| {
                gone.store(step == RetireStep::CanaryGone, Ordering::SeqCst);
            })
            .await
        };
        tokio::select! {
            _ = running => panic!("it does not wait"),
            () = until(|| gone.load(Ordering::SeqCst)) => {}
        }
        assert_eq!(canaries(&given).await, [key_id("k_2")]);
        let ring = KeyRing::load(&keys.path()).unwrap();
        assert!(ring.contains(&key));
        let (_, state) = KeyChanges::start(&given.pool, ring, WAIT).await.unwrap();
        assert_eq!(state, KeyState::Current);
        retire(&given.pool, &mut keys.open(), &key, WAIT, &mut |_| {}).await.unwrap();
        assert!(!KeyRing::load(&keys.path()).unwrap().contains(&key));
    }
}

on_every_database! {
    async fn a_key_that_a_job_needs_stays(db: TestDb) {
        let given = rotated_with_a_row(db).await;
        rewrapped(&given).await;
        let jobs = JobController::new(given.pool.clone(), cipher(KEYS));
        let job = NewJob {
            payload: Some("token".to_owned().into()),
            ..NewJob::new(JobKind::WebhookRemoval, "i1:7")
        };
        jobs.enqueue(&[job]).await.unwrap();
        let keys = Keys::with(&rotated());
        let mut file = keys.open();
        let refused = retire(&given.pool, &mut file, &key_id("k1"), WAIT, &mut |_| {}).await;
        assert!(matches!(refused, Err(RetireError::StillNeeded { values: 1, .. })), "{refused:?}");
        assert!(jobs.forget(JobKind::WebhookRemoval, "i1:7").await.unwrap());
        retire(&given.pool, &mut file, &key_id("k1"), WAIT, &mut |_| {}).await.unwrap();
    }
}
