//! Wrong keys are noticed at start.

use scm_store::{
    CanaryError, CanaryState, Cipher, KeyId, StoreError, canaries_open, check_canary, forget_canary,
};
use scm_testkit::{db::TestDb, on_every_database};

use crate::given::{Given, KEYS, OTHER_KEYS, cipher};

fn ids(raw: &[&str]) -> Vec<KeyId> {
    raw.iter().map(|id| KeyId::parse(id).unwrap()).collect()
}

async fn check(given: &Given, keys: &Cipher) -> Result<CanaryState, CanaryError> {
    check_canary(&given.pool, keys).await
}

#[track_caller]
fn assert_wrong(result: Result<CanaryState, CanaryError>, want: [&[&str]; 3]) {
    match result {
        Err(CanaryError::WrongKeys {
            expected,
            found,
            failed,
        }) => {
            assert_eq!([expected, found, failed], want.map(ids));
        }
        other => panic!("{other:?}"),
    }
}

on_every_database! {
    async fn the_first_start_writes_and_later_ones_open(db: TestDb) {
        let given = Given::on(db).await;
        assert_eq!(check(&given, &cipher(KEYS)).await.unwrap(), CanaryState::Written);
        assert_eq!(check(&given, &cipher(KEYS)).await.unwrap(), CanaryState::Opened);
    }

    async fn wrong_keys_are_named(db: TestDb) {
        let given = Given::on(db).await;
        check(&given, &cipher(KEYS)).await.unwrap();
        // Another key under the same name, and a key that nobody knows.
        assert_wrong(check(&given, &cipher(OTHER_KEYS)).await, [&["k1"], &["k1"], &["k1"]]);
        let stranger = cipher("k9 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
        let result = check(&given, &stranger).await;
        let text = result.as_ref().unwrap_err().to_string();
        assert_wrong(result, [&["k1"], &["k9"], &["k1"]]);
        assert!(text.contains("it needs k1") && text.contains("given are k9"), "{text}");
        assert_eq!(check(&given, &cipher(KEYS)).await.unwrap(), CanaryState::Opened);
    }

    async fn looking_writes_nothing(db: TestDb) {
        let given = Given::on(db).await;
        let keys = cipher(KEYS);
        check(&given, &keys).await.unwrap();
        assert!(canaries_open(&given.pool, &keys).await.unwrap());
        let wrong = canaries_open(&given.pool, &cipher(OTHER_KEYS)).await;
        assert!(matches!(wrong, Err(CanaryError::WrongKeys { .. })), "{wrong:?}");
        assert!(forget_canary(&given.pool, &ids(&["k1"])[0]).await.unwrap());
        for _ in 0..2 {
            assert!(!canaries_open(&given.pool, &keys).await.unwrap());
        }
        assert!(given.rows("SELECT `keyId` FROM `scm_key_canaries`").await.is_empty());
    }

    async fn a_rotated_key_stays_needed_until_it_is_forgotten(db: TestDb) {
        let given = Given::on(db).await;
        check(&given, &cipher(KEYS)).await.unwrap();
        let new = "* k2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\n";
        let both = cipher(&(KEYS.replace('*', " ") + new));
        assert_eq!(check(&given, &both).await.unwrap(), CanaryState::Written);
        assert_eq!(check(&given, &both).await.unwrap(), CanaryState::Opened);
        assert_wrong(check(&given, &cipher(new)).await, [&["k1", "k2"], &["k2"], &["k1"]]);
        let old = &ids(&["k1"])[0];
        assert!(forget_canary(&given.pool, old).await.unwrap());
        assert!(!forget_canary(&given.pool, old).await.unwrap());
        assert_eq!(check(&given, &cipher(new)).await.unwrap(), CanaryState::Opened);
    }

    async fn a_canary_cannot_stand_in_for_another(db: TestDb) {
        let given = Given::on(db).await;
        check(&given, &cipher(KEYS)).await.unwrap();
        given
            .execute(
                "INSERT INTO `scm_key_canaries` (`keyId`, `sealedValue`) \
                 SELECT 'k2', `sealedValue` FROM `scm_key_canaries`",
            )
            .await;
        assert_wrong(check(&given, &cipher(KEYS)).await, [&["k1", "k2"], &["k1"], &["k2"]]);
    }

    async fn many_starts_at_once_agree(db: TestDb) {
        let given = Given::on(db).await;
        let starts = (0..8).map(|_| {
            let (pool, keys) = (given.pool.clone(), cipher(KEYS));
            tokio::spawn(async move { check_canary(&pool, &keys).await })
        });
        let mut written = 0;
        for start in starts.collect::<Vec<_>>() {
            if start.await.unwrap().unwrap() == CanaryState::Written {
                written += 1;
            }
        }
        assert_eq!(written, 1);
    }

    empty async fn without_the_table_it_is_told(db: TestDb) {
        let given = Given::on(db).await;
        let result = check(&given, &cipher(KEYS)).await;
        assert!(
            matches!(result, Err(CanaryError::Store(StoreError::Database { .. }))),
            "{result:?}"
        );
    }
}
