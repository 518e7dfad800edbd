//! When a token is renewed, and when a failed renewal is tried again.

use std::time::Duration;

use scm_types::Timestamp;

const FIRST_BACKOFF: Duration = Duration::from_mins(1);
const LONGEST_BACKOFF: Duration = Duration::from_hours(1);

/// What GitLab lets a token live for at the longest, in days, unless it was told otherwise.
const LONGEST_LIFE: u64 = 365;
/// How long a new token is asked for if nobody knows how long the old one lived, in days.
const USUAL_LIFE: u64 = 30;
const DAY: Duration = Duration::from_hours(24);

/// How long before its end a token is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Margin {
    /// So much of its life, in percent, if that is known.
    share: u32,
    /// So long at least, but never more than half of a known life.
    least: Duration,
}

impl Margin {
    /// Callers wait for a refresh in the last fifth, and `least` before the end at the latest.
    pub(super) const fn of_callers(least: Duration) -> Self {
        Self { share: 20, least }
    }

    /// The server refreshes before that, so that no caller has to wait.
    pub(super) fn ahead_of(callers: Duration) -> Self {
        Self {
            share: 30,
            least: callers.saturating_mul(2).max(Duration::from_mins(10)),
        }
    }

    /// A token that rotates itself cannot do so after its end: there has to be time for somebody to
    /// store another one if it fails.
    pub(super) const ROTATION: Self = Self {
        share: 20,
        least: Duration::from_hours(7 * 24),
    };

    /// No token is due longer before its end than this, but for those that live for longer than
    /// GitLab's do.
    pub(super) const LONGEST: Duration = Duration::from_hours(LONGEST_LIFE / 5 * 24);
}

/// Whether a token is within `margin` of its end.
pub(super) fn is_due(
    ends: Option<Timestamp>,
    issued: Option<Timestamp>,
    now: Timestamp,
    margin: Margin,
) -> bool {
    let Some(ends) = ends else {
        return false;
    };
    let life = issued.map(|issued| issued.until(ends));
    let margin = match life.filter(|life| !life.is_zero()) {
        // One that lives shorter than the margin is not renewed with every use.
        Some(life) => (life / 100 * margin.share).max(margin.least).min(life / 2),
        None => margin.least,
    };
    now.until(ends) <= margin
}

/// When the token is to end that takes the place of one with this life: it lives as long. Hosts end
/// tokens at the beginning of a day, so a part of a day counts as one, or lives would shrink.
pub(super) fn next_end(
    ends: Option<Timestamp>,
    issued: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let life = issued.zip(ends).map(|(issued, ends)| issued.until(ends));
    let days = match life.filter(|life| !life.is_zero()) {
        Some(life) => life
            .as_secs()
            .div_ceil(DAY.as_secs())
            .clamp(1, LONGEST_LIFE),
        None => USUAL_LIFE,
    };
    now.plus(Duration::from_hours(days * 24))
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
            let margin = Margin::of_callers(Duration::from_secs(5 * MINUTE));
            let due = is_due(Some(ends), issued, now, margin);
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

    /// `life` and `left` in hours.
    #[track_caller]
    fn check_hours(margin: Margin, life: Option<u64>, left: u64, want: bool) {
        let now = Timestamp::parse("2027-01-31T09:00:00.000Z").unwrap();
        let ends = now.plus(Duration::from_hours(left));
        let issued = life.map(|life| {
            let before = i64::try_from((life - left) * 3_600_000).unwrap();
            Timestamp::from_millis(now.as_millis() - before).unwrap()
        });
        let due = is_due(Some(ends), issued, now, margin);
        assert_eq!(due, want, "life {life:?}, left {left}");
    }

    #[test]
    fn rotated_a_week_before_the_end() {
        const DAYS: u64 = 24;
        let check = |life: Option<u64>, left, want| {
            check_hours(Margin::ROTATION, life, left, want);
        };
        // A year: the last fifth of it.
        check(Some(365 * DAYS), 73 * DAYS + 1, false);
        check(Some(365 * DAYS), 73 * DAYS, true);
        // A month: a fifth would be too little.
        check(Some(30 * DAYS), 7 * DAYS + 1, false);
        check(Some(30 * DAYS), 7 * DAYS, true);
        // A week, GitLab's own choice: not with every use.
        check(Some(7 * DAYS), 7 * DAYS, false);
        check(Some(7 * DAYS), 84 + 1, false);
        check(Some(7 * DAYS), 84, true);
        check(Some(DAYS), 12, true);
        check(Some(DAYS), 13, false);
        // Stored by a user.
        check(None, 7 * DAYS + 1, false);
        check(None, 7 * DAYS, true);
    }

    #[test]
    fn renewed_ahead_of_callers() {
        let margin = |minutes| Margin::ahead_of(Duration::from_secs(minutes * MINUTE));
        check_hours(margin(5), Some(10), 3, true);
        check_hours(margin(5), Some(10), 4, false);
        assert_eq!(margin(1).least, Duration::from_mins(10));
        assert_eq!(margin(60).least, Duration::from_hours(2));
    }

    #[test]
    fn lives_stay_as_long_as_they_were() {
        #[track_caller]
        fn check(life: Option<(&str, &str)>, want: &str) {
            let at = |raw| Timestamp::parse(raw).unwrap();
            let (issued, ends) = life.map(|(issued, ends)| (at(issued), at(ends))).unzip();
            let end = next_end(ends, issued, at("2026-10-30T15:00:00Z"));
            assert!(end.to_string().starts_with(want), "{life:?}: {end}");
        }
        let midnight = "2026-10-30T00:00:00Z";
        check(Some(("2026-09-30T15:00:00Z", midnight)), "2026-11-29");
        check(Some(("2026-09-30T00:00:00Z", midnight)), "2026-11-29");
        check(Some(("2026-10-29T23:59:00Z", midnight)), "2026-10-31");
        check(Some(("2024-10-30T00:00:00Z", midnight)), "2027-10-30");
        // Nobody knows, or what is stored makes no sense.
        check(None, "2026-11-29");
        check(Some(("2026-11-30T00:00:00Z", midnight)), "2026-11-29");
    }

    #[test]
    fn a_token_without_an_end_is_never_due() {
        let now = Timestamp::EPOCH;
        assert!(!is_due(
            None,
            Some(now),
            now,
            Margin::of_callers(Duration::MAX)
        ));
    }

    #[test]
    fn an_end_before_the_beginning_is_no_life() {
        let (past, now) = (Timestamp::EPOCH, Timestamp::LATEST);
        assert!(is_due(
            Some(past),
            Some(now),
            now,
            Margin::of_callers(Duration::ZERO)
        ));
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let minutes = [0, 1, 2, 5, 6, 7, 1_000, u32::MAX].map(|it| backoff(it).as_secs() / MINUTE);
        assert_eq!(minutes, [1, 2, 4, 32, 60, 60, 60, 60]);
    }
}
