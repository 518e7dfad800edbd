//! `Retry-After` (RFC 9110 section 10.2.3).

use std::time::Duration;

use scm_types::Timestamp;

/// Longer waits are not believed.
const MAX: Duration = Duration::from_hours(24);

/// The wait that the header asks for: seconds or a date, at most a day. `None` if it is neither.
#[must_use]
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        let date = Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).ok()?)?;
        now.until(date)
    };
    Some(wait.min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        #[track_caller]
        fn check(value: &str, want: Option<u64>) {
            let now = Timestamp::parse("2026-10-30T16:00:00Z").unwrap();
            let got = parse_retry_after(value, now);
            assert_eq!(got, want.map(Duration::from_secs), "{value:?}");
        }
        check("42", Some(42));
        check(" 0 ", Some(0));
        check("Fri, 30 Oct 2026 16:00:05 GMT", Some(5));
        check("Fri, 30 Oct 2026 15:59:00 GMT", Some(0));
        check("Friday, 30-Oct-26 16:01:00 GMT", Some(60));
        check("99999999999999999999999", Some(86_400));
        check("Sat, 30 Oct 2060 16:00:05 GMT", Some(86_400));
        check("", None);
        check("soon", None);
        check("-1", None);
        check("1.5", None);
        check("2026-10-30T16:00:00Z", None);
    }
}
