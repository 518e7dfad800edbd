//! When a job is done, and when it is tried again: a little apart from others, so that what was
//! made together does not come together for ever.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use scm_types::Timestamp;

const FIRST_BACKOFF: Duration = Duration::from_mins(1);
const LONGEST_BACKOFF: Duration = Duration::from_hours(6);

/// The pause after so many failures and one more, up to a quarter longer.
pub(super) fn backoff(subject: &str, failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.min(16));
    spread(subject, FIRST_BACKOFF.saturating_mul(factor)).min(LONGEST_BACKOFF)
}

/// A wait and up to a quarter of it more, always the same for a subject.
pub(super) fn spread(subject: &str, wait: Duration) -> Duration {
    wait + wait.mul_f64(share(subject) / 4.0)
}

/// When an integration is due that was last checked at this time: an interval later, up to a tenth
/// of it earlier or later, always the same for an integration.
pub(super) fn due_at(id: &str, verified: Timestamp, interval: Duration) -> Timestamp {
    verified.plus(due_after(id, interval))
}

/// How long after its last look an integration is due: an interval, up to a tenth less or more.
pub(crate) fn due_after(id: &str, interval: Duration) -> Duration {
    interval.mul_f64(0.9 + share(id) / 5.0)
}

/// The shortest of all intervals that [`due_at`] gives.
pub(crate) fn shortest(interval: Duration) -> Duration {
    interval.mul_f64(0.9)
}

/// Between a half and one and a half of a pause, another one each time.
pub(super) fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(());
    pause.mul_f64(0.5 + fraction(random))
}

/// A number from 0 to 1 that hangs on the text alone, alike in every version of this program.
fn share(text: &str) -> f64 {
    // FNV-1a, and a finish that lets texts which differ in their end differ in front.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    fraction(mixed ^ (mixed >> 33))
}

fn fraction(number: u64) -> f64 {
    // As many bits as the number holds without rounding.
    let bits = u32::try_from(number >> 32).unwrap_or(u32::MAX);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn pauses_double_up_to_six_hours() {
        for (failures, minutes) in [(0, 1), (1, 2), (2, 4), (8, 256)] {
            let least = Duration::from_mins(minutes);
            for subject in ["a", "b", "V1StGXR8_Z5jdHi6B-myT"] {
                let pause = backoff(subject, failures);
                assert!(
                    (least..=least * 5 / 4).contains(&pause),
                    "{failures}: {pause:?}"
                );
                assert_eq!(backoff(subject, failures), pause, "always the same");
            }
        }
        for failures in [9, 10, 1_000, u32::MAX] {
            assert_eq!(backoff("a", failures), LONGEST_BACKOFF);
        }
    }

    #[test]
    fn checks_are_spread_over_a_fifth_of_the_interval() {
        let last = Timestamp::parse("2027-01-31T09:00:00.000Z").unwrap();
        let mut parts = [0; 10];
        for number in 0..10_000 {
            let at = due_at(&format!("i{number}"), last, DAY);
            let after = last.until(at);
            assert!(
                (shortest(DAY)..=DAY * 11 / 10).contains(&after),
                "{after:?}"
            );
            let into = after.as_secs_f64() - shortest(DAY).as_secs_f64();
            let part = into / (DAY.as_secs_f64() / 5.0) * 10.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 10"
            )]
            let part = (part as usize).min(9);
            parts[part] += 1;
        }
        for part in parts {
            assert!((850..=1_150).contains(&part), "{parts:?}");
        }
    }

    #[test]
    fn pauses_between_looks_differ() {
        let pause = Duration::from_secs(10);
        let pauses: Vec<_> = (0..50).map(|_| jittered(pause)).collect();
        for it in &pauses {
            assert!((pause / 2..=pause * 3 / 2).contains(it), "{it:?}");
        }
        assert!(pauses.iter().any(|it| *it != pauses[0]));
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
    }
}
