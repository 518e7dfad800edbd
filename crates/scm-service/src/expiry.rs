//! Tokens that end, and that nobody renews: told before it happens.
//!
//! - What the server renews by itself is no news; it becomes some when the host refuses to renew it.
//! - A warning is given once for an integration and a threshold, by one of all replicas. A new end,
//!   and so a new token, begins anew.

use std::time::Duration;

use scm_store::{Ending, EndingRequest};
use scm_types::Timestamp;

use crate::{ServiceError, Services, renewal::is_refused};

/// Warnings are given so many days before a token's end.
const THRESHOLDS: [u64; 3] = [1, 7, 14];

/// Behind the last moment of the first threshold.
const FARTHEST: Duration = Duration::from_millis(14 * 24 * 3_600_000 + 1);

/// How many days ahead is counted.
const BUCKETS: [u64; 4] = [1, 7, 14, 30];

const ROWS_AT_A_TIME: u64 = 500;

/// How many active integrations have a token that ends soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiring {
    /// Within so many days from now; those of the shorter times are among them.
    pub within_days: u64,
    /// Tokens that have a refresh token or `autoRotate`.
    pub renewable: u64,
    /// Tokens that somebody has to replace.
    pub other: u64,
}

impl Services {
    /// Warns in the log of every token that ends within 14, 7 or 1 days and that the server does not
    /// renew by itself; gives the number of warnings. To be called now and then, by any number of
    /// replicas.
    pub async fn warn_of_expiry(&self) -> Result<u64, ServiceError> {
        let now = self.clock.now();
        let mut request = EndingRequest {
            from: Some(now),
            before: now.plus(FARTHEST),
            renewable: false,
            after: None,
            limit: ROWS_AT_A_TIME,
        };
        let mut warnings = 0;
        loop {
            let page = self.integrations.ending_before(&request).await?;
            let failed = self.failed_renewals(&page.items).await?;
            for row in &page.items {
                let refused = failed.iter().any(|it| it.is_of(row) && is_refused(it));
                if (refused || !self.renews(row)) && self.warn(row, now).await? {
                    warnings += 1;
                }
            }
            if page.next.is_none() {
                return Ok(warnings);
            }
            request.after = page.next;
        }
    }

    /// How many tokens end within 1, 7, 14 and 30 days.
    pub async fn expiring(&self) -> Result<Vec<Expiring>, ServiceError> {
        let counts = self.integrations.count_ending(BUCKETS).await?;
        let buckets = BUCKETS.into_iter().zip(counts);
        Ok(buckets
            .map(|(within_days, count)| Expiring {
                within_days,
                renewable: count.renewable,
                other: count.other,
            })
            .collect())
    }

    /// Warns, unless this was done before; true if it was done now.
    async fn warn(&self, row: &Ending, now: Timestamp) -> Result<bool, ServiceError> {
        let Some(warning) = Warning::due(row, now) else {
            return Ok(false);
        };
        if !self.integrations.note_warning(row, &warning.text()).await? {
            return Ok(false);
        }
        tracing::warn!(
            id = %row.id,
            scm_type = %row.scm_type,
            days = warning.days,
            ends = %row.ends,
            "an access token ends soon; somebody has to store a new one"
        );
        Ok(true)
    }
}

/// A warning: its threshold, and the end that it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Warning {
    days: u64,
    ends: Timestamp,
}

impl Warning {
    /// The warning that is to be given, if it was not given yet.
    fn due(row: &Ending, now: Timestamp) -> Option<Self> {
        let left = now.until(row.ends);
        let mut thresholds = THRESHOLDS.into_iter();
        let days = thresholds.find(|days| left <= Duration::from_hours(days * 24))?;
        let last = row.warning.as_deref().and_then(Self::parse);
        let given = last.is_some_and(|last| last.ends == row.ends && last.days <= days);
        (!given).then_some(Self {
            days,
            ends: row.ends,
        })
    }

    /// As it is stored.
    fn text(self) -> String {
        format!("{}@{}", self.days, self.ends)
    }

    /// What is not understood was not said.
    fn parse(text: &str) -> Option<Self> {
        let (days, ends) = text.split_once('@')?;
        Some(Self {
            days: days.parse().ok()?,
            ends: Timestamp::parse(ends).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use scm_types::{IntegrationId, ScmType, TenantId, VerificationStatus};

    use super::*;

    fn row(ends: &str, warning: Option<&str>) -> Ending {
        Ending {
            id: IntegrationId::parse("i1").unwrap(),
            tenant_id: TenantId::parse("t1").unwrap(),
            scm_type: ScmType::Gitlab,
            repository_url: "https://gitlab.com/g/p".to_owned(),
            verification_status: VerificationStatus::Valid,
            ends: Timestamp::parse(ends).unwrap(),
            issued: None,
            credential_version: 1,
            has_refresh_token: false,
            auto_rotate: false,
            warning: warning.map(str::to_owned),
        }
    }

    #[test]
    fn each_threshold_once_for_each_end() {
        #[track_caller]
        fn check(ends: &str, last: Option<&str>, want: Option<&str>) {
            let now = Timestamp::parse("2026-10-30T15:00:00Z").unwrap();
            let warning = Warning::due(&row(ends, last), now).map(Warning::text);
            assert_eq!(warning.as_deref(), want, "{ends} {last:?}");
        }
        const WEEK: &str = "2026-11-06T15:00:00Z";
        const SAID: Option<&str> = Some("7@2026-11-06T15:00:00.000Z");
        check("2026-11-13T15:00:00.001Z", None, None);
        check(
            "2026-11-13T15:00:00Z",
            None,
            Some("14@2026-11-13T15:00:00.000Z"),
        );
        check(
            "2026-11-06T15:00:00.001Z",
            None,
            Some("14@2026-11-06T15:00:00.001Z"),
        );
        check(WEEK, None, SAID);
        check(WEEK, SAID, None);
        check(WEEK, Some("14@2026-11-06T15:00:00.000Z"), SAID);
        // Not one that is less urgent, as of a server whose clock is behind.
        check(WEEK, Some("1@2026-11-06T15:00:00.000Z"), None);
        // Another end, or another program's words.
        check(WEEK, Some("7@2026-11-05T15:00:00.000Z"), SAID);
        check(WEEK, Some("x"), SAID);
        check(
            "2026-10-31T15:00:00Z",
            None,
            Some("1@2026-10-31T15:00:00.000Z"),
        );
    }
}
