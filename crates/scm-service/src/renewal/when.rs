//! When a token is renewed, and when a failed renewal is tried again.

use std::time::Duration;

use scm_types::Timestamp;

const FIRST_BACKOFF: Duration = Duration::from_mins(1);
const LONGEST_BACKOFF: Duration = Duration::from_hours(1);

/// Whether a token is near its end: in the last fifth of its life if that is known, and `least`
/// before its end at the latest.
pub(super) fn is_due(
    ends: Option<Timestamp>,
    issued: Option<Timestamp>,
    now: Timestamp,
    least: Duration,
) -> bool {
    let Some(ends) = ends else {
        return false;
    };
    let life = issued.map(|issued| issued.until(ends));
    let margin = match life.filter(|life| !life.is_zero()) {
        // One that lives shorter than the margin is not renewed with every use.
        Some(life) => (life / 5).max(least).min(life / 2),
        None => least,
    };
    now.until(ends) <= margin
}

/// The pause after so many failures and one more.
pub(super) fn backoff(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.min(16));
    FIRST_BACKOFF.saturating_mul(factor).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    #[test]
    fn renewed_in_the_last_fifth() {
        #[track_caller]
        fn check(life: Option<u64>, left: u64, want: bool) {
            let now = Timestamp::parse("2027-01-31T09:00:00.000Z").unwrap();
            let ends = now.plus(Duration::from_secs(left));
            let issued = life.map(|life| {
                let before = i64::try_from((life - left) * 1_000).unwrap();
                Timestamp::from_millis(now.as_millis() - before).unwrap()
            });
            let due = is_due(Some(ends), issued, now, Duration::from_secs(5 * MINUTE));
            assert_eq!(due, want, "life {life:?}, left {left}");
        }
        // GitHub's eight hours and the two of the others.
        check(Some(480 * MINUTE), 97 * MINUTE, false);
        check(Some(480 * MINUTE), 96 * MINUTE, true);
        check(Some(120 * MINUTE), 25 * MINUTE, false);
        check(Some(120 * MINUTE), 24 * MINUTE, true);
        // A fifth would be too little.
        check(Some(15 * MINUTE), 6 * MINUTE, false);
        check(Some(15 * MINUTE), 5 * MINUTE, true);
        // Five minutes would be too much.
        check(Some(4 * MINUTE), 3 * MINUTE, false);
        check(Some(4 * MINUTE), 2 * MINUTE, true);
        // Stored by a user.
        check(None, 5 * MINUTE + 1, false);
        check(None, 5 * MINUTE, true);
        check(None, 0, true);
    }

    #[test]
    fn a_token_without_an_end_is_never_due() {
        let now = Timestamp::EPOCH;
        assert!(!is_due(None, Some(now), now, Duration::MAX));
    }

    #[test]
    fn an_end_before_the_beginning_is_no_life() {
        let (past, now) = (Timestamp::EPOCH, Timestamp::LATEST);
        assert!(is_due(Some(past), Some(now), now, Duration::ZERO));
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let minutes = [0, 1, 2, 5, 6, 7, 1_000, u32::MAX].map(|it| backoff(it).as_secs() / MINUTE);
        assert_eq!(minutes, [1, 2, 4, 32, 60, 60, 60, 60]);
    }
}
