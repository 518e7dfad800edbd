//! The signs of GitHub's rate limits ("Rate limits for the REST API").

use std::time::Duration;

use scm_types::Timestamp;

use crate::{
    rate_limit::{Limit, remaining, until_epoch},
    transport::{Answer, parse_retry_after},
};

/// First pause after a secondary limit that names no time ("Rate limits for the REST API").
const SECONDARY: Duration = Duration::from_mins(1);

/// The signs of a rate limit.
pub(super) fn limit(answer: &Answer, now: Timestamp) -> Limit {
    if answer.status.as_u16() == 401 {
        return Limit::Clear; // counted against nobody's limit, not this credential's
    }
    let refused = matches!(answer.status.as_u16(), 403 | 429);
    let spent = left(answer) == Some(0);
    let reset = answer
        .number("x-ratelimit-reset")
        .and_then(|seconds| until_epoch(seconds, now));
    let retry_after = answer
        .header("retry-after")
        .and_then(|value| parse_retry_after(value, now));
    if !refused {
        // Another resource's last call leaves room for ours.
        let core = answer
            .header("x-ratelimit-resource")
            .is_none_or(|resource| resource == "core");
        let reset = reset.filter(|until| core && *until > now);
        return match reset.zip(left(answer)) {
            Some((until, 0)) => Limit::Exhausted { until },
            Some((until, calls)) => Limit::Left {
                calls,
                of: answer.number("x-ratelimit-limit").and_then(remaining),
                until,
            },
            None => Limit::Clear,
        };
    }
    let reset_wait = reset.filter(|_| spent).map(|until| now.until(until));
    match retry_after.max(reset_wait) {
        Some(wait) => Limit::Refused { wait },
        None if spent || answer.status.as_u16() == 429 || names_a_limit(answer) => {
            Limit::RefusedGrowing { first: SECONDARY }
        }
        None => Limit::Clear,
    }
}

fn left(answer: &Answer) -> Option<u32> {
    remaining(answer.number("x-ratelimit-remaining")?)
}

/// The text is no contract, so it is only asked where no header tells.
fn names_a_limit(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(4096)]).to_lowercase();
    text.contains("secondary rate limit")
        || text.contains("secondary-rate-limits")
        || text.contains("abuse detection")
        || text.contains("api rate limit exceeded")
        // After many refused credentials from one address, good ones are refused for a while, too.
        || text.contains("maximum number of login attempts exceeded")
}

/// A 401 counted against the limit of nobody: now and then also good tokens get it.
pub(super) fn doubtful(answer: &Answer) -> bool {
    answer.status.as_u16() == 401 && answer.number("x-ratelimit-limit") == Some(60)
}

#[cfg(test)]
mod tests {
    use super::{super::error::tests::answer, *};

    #[test]
    fn limits() {
        #[track_caller]
        fn check(status: u16, headers: &[(&str, &str)], body: &str, want: Limit) {
            let now = Timestamp::parse("2026-10-30T16:00:00Z").unwrap(); // 1793376000
            assert_eq!(limit(&answer(status, headers, body), now), want);
        }
        let growing = Limit::RefusedGrowing { first: SECONDARY };
        let wait = |seconds| Limit::Refused {
            wait: Duration::from_secs(seconds),
        };
        let spent = ("x-ratelimit-remaining", "0");
        let reset = ("x-ratelimit-reset", "1793376100");
        let until = Timestamp::parse("2026-10-30T16:01:41Z").unwrap();
        let some = ("x-ratelimit-remaining", "7");
        let left_of = |of| Limit::Left {
            calls: 7,
            of,
            until,
        };
        let left = left_of(None);
        check(200, &[some, reset], "", left);
        let all = ("x-ratelimit-limit", "5000");
        check(200, &[some, all, reset], "", left_of(Some(5_000)));
        check(304, &[some, reset], "", left);
        check(422, &[some, reset], "", left);
        check(200, &[some], "", Limit::Clear);
        check(200, &[some, ("x-ratelimit-reset", "1")], "", Limit::Clear);
        let graphql = ("x-ratelimit-resource", "graphql");
        check(200, &[some, reset, graphql], "", Limit::Clear);
        check(200, &[spent, reset], "", Limit::Exhausted { until });
        check(
            200,
            &[spent, reset, ("x-ratelimit-resource", "search")],
            "",
            Limit::Clear,
        );
        check(200, &[spent, ("x-ratelimit-reset", "1")], "", Limit::Clear);
        check(403, &[spent, reset], "", wait(101));
        let other = ("x-ratelimit-resource", "graphql");
        check(403, &[spent, reset, other], "", wait(101));
        check(403, &[spent], "", growing);
        check(403, &[spent, other], "", growing);
        check(
            403,
            &[("x-ratelimit-remaining", "9")],
            r#"{"message":"Maximum number of login attempts exceeded. Please try again later."}"#,
            growing,
        );
        check(429, &[("retry-after", "30")], "", wait(30));
        check(403, &[("retry-after", "300"), spent, reset], "", wait(300));
        check(
            403,
            &[],
            "You have exceeded a secondary rate limit.",
            growing,
        );
        check(429, &[], "", growing);
        check(
            403,
            &[("x-ratelimit-remaining", "9")],
            "Forbidden",
            Limit::Clear,
        );
        check(404, &[], "secondary rate limit", Limit::Clear);
        check(401, &[spent, reset], "", Limit::Clear);
    }
}
