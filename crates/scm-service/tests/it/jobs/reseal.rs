//! Values that move to another key by themselves.

use std::sync::Arc;

use scm_service::{JobSettings, Services};
use scm_store::{Cipher, JobKind, KeyId, KeyRing, check_canary, connect, key_usage};
use scm_testkit::{db::TestDb, on_every_database};

use super::{all_due, bench, connect_another, work_off};
use crate::bench::Bench;

const OLD: &str = "* k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n";
const BOTH: &str = "k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n\
                    * k2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\n";

/// A server that seals with the second key.
async fn rotated(bench: &Bench, in_use: bool) -> Services {
    let pool = connect(&bench.db.url, &scm_store::ConnectOptions::default())
        .await
        .unwrap();
    let cipher = |keys| Cipher::new(KeyRing::parse(keys).unwrap());
    check_canary(&pool, &cipher(OLD)).await.unwrap();
    if in_use {
        check_canary(&pool, &cipher(BOTH)).await.unwrap();
    }
    Services::builder(pool, Arc::new(cipher(BOTH)))
        .clock(bench.clock.clone())
        .build()
        .unwrap()
}

async fn values(bench: &Bench, key: &str) -> u64 {
    let usage = key_usage(&bench.db.connect().await).await.unwrap();
    usage.of(&KeyId::parse(key).unwrap())
}

on_every_database! {
    async fn values_move_to_the_key_that_is_sealed_with(db: TestDb) {
        let bench = bench(db).await;
        connect_another(&bench, "t2").await;
        assert_eq!(values(&bench, "k1").await, 2);
        let services = rotated(&bench, true).await;
        // Its first look is a while after the first start.
        assert_eq!(work_off(&services).await.of(JobKind::Reseal, "put_off"), 0);
        let off = JobSettings { reseal: false, ..JobSettings::default() };
        all_due(&bench).await;
        assert_eq!(services.work_off_jobs(off).await.of(JobKind::Reseal, "put_off"), 0);
        assert_eq!(values(&bench, "k1").await, 2);

        all_due(&bench).await;
        assert_eq!(work_off(&services).await.of(JobKind::Reseal, "put_off"), 1);
        assert_eq!((values(&bench, "k1").await, values(&bench, "k2").await), (0, 2));
    }
}

#[tokio::test]
async fn nothing_moves_to_a_key_that_is_not_in_use() {
    let bench = super::on_sqlite().await;
    let services = rotated(&bench, false).await;
    work_off(&services).await;
    all_due(&bench).await;
    assert_eq!(work_off(&services).await.of(JobKind::Reseal, "put_off"), 1);
    assert_eq!(values(&bench, "k1").await, 1);
}
