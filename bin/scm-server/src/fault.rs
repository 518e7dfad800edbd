//! Where a test stops the program to kill it there. A release build has none of it.
//!
//! `SCM_TEST_FAULT=rewrap:sealed:3` makes the third time that this point is reached the last: the
//! program says so on stderr and waits for its end.

/// Says that a point was reached which a test may want to stop at.
#[cfg(not(debug_assertions))]
pub(crate) fn reached(_point: &str) {}

/// Says that a point was reached which a test may want to stop at.
#[cfg(debug_assertions)]
pub(crate) fn reached(point: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };
    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);

    let wanted = WANTED.get_or_init(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "no setting: it must not be there where people look for one"
        )]
        let wanted = std::env::var("SCM_TEST_FAULT").ok()?;
        let (point, times) = wanted.rsplit_once(':')?;
        Some((point.to_owned(), times.parse().ok()?))
    });
    let Some((wanted, times)) = wanted else {
        return;
    };
    if wanted == point && TIMES.fetch_add(1, Ordering::SeqCst) + 1 == *times {
        #[expect(clippy::print_stderr, reason = "the test waits for this line")]
        {
            eprintln!("fault: {point}");
        }
        loop {
            std::thread::park();
        }
    }
}
