//! What one token costs: `cargo bench -p scm-store --bench open`.
//!
//! The data key is derived each time. `open_with_many_keys` takes the last of sixteen keys, and
//! `open_beside_a_writer` runs beside a thread that does nothing but seal.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark without its keys measures nothing"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use divan::{Bencher, black_box};
use scm_store::{Cipher, KeyId, KeyRing, SecretPlace};

fn main() {
    divan::main();
}

const PLACE: SecretPlace<'static> = SecretPlace {
    table: "tenant_scm_integrations",
    column: "accessToken",
    row: "V1StGXR8_Z5jdHi6B-myT",
    tenant: "NJEG6wOk7e",
};

/// As long as a fine-grained token of GitHub.
const TOKEN: &str = "github_pat_11AAAAAAA0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn ring() -> KeyRing {
    KeyRing::generate(KeyId::random()).unwrap()
}

fn sealed(cipher: &Cipher) -> String {
    cipher.seal(&PLACE, TOKEN).unwrap()
}

#[divan::bench]
fn seal(bencher: Bencher<'_, '_>) {
    let cipher = Cipher::new(ring());
    bencher.bench_local(|| cipher.seal(black_box(&PLACE), black_box(TOKEN)));
}

#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let cipher = Cipher::new(ring());
    let sealed = sealed(&cipher);
    bencher.bench_local(|| cipher.open(black_box(&PLACE), black_box(&sealed)));
}

#[divan::bench]
fn open_with_many_keys(bencher: Bencher<'_, '_>) {
    let mut ring = ring();
    let sealed = sealed(&Cipher::new(KeyRing::parse(&ring.to_file_text()).unwrap()));
    for _ in 0..15 {
        let id = KeyId::random();
        ring.add(id.clone()).unwrap();
        ring.promote(&id).unwrap();
    }
    let cipher = Cipher::new(ring);
    bencher.bench_local(|| cipher.open(black_box(&PLACE), black_box(&sealed)));
}

#[divan::bench]
fn open_beside_a_writer(bencher: Bencher<'_, '_>) {
    let cipher = Arc::new(Cipher::new(ring()));
    let sealed = sealed(&cipher);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (cipher, stop) = (Arc::clone(&cipher), Arc::clone(&stop));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                black_box(cipher.seal(&PLACE, TOKEN)).ok();
            }
        })
    };
    bencher.bench_local(|| cipher.open(black_box(&PLACE), black_box(&sealed)));
    stop.store(true, Ordering::Relaxed);
    writer.join().ok();
}
