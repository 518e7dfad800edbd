//! Points in time, always UTC and always whole milliseconds: what the databases can all store, so
//! that a value written and read back is the same value.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time in RFC 3339 form, such as 2027-01-31T09:00:00.000Z")]
pub struct InvalidTimestamp;

/// A point in time: UTC, whole milliseconds, year 1 to 9999. JSON is RFC 3339, as
/// `2027-01-31T09:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// 0001-01-01T00:00:00.000Z, the earliest that RFC 3339 can say.
    pub const EARLIEST: Self = at(-62_135_596_800_000);

    /// 9999-12-31T23:59:59.999Z, the latest that every database and RFC 3339 can say.
    pub const LATEST: Self = at(253_402_300_799_999);

    /// Parses RFC 3339; any offset is accepted and turned into UTC, what is finer than a
    /// millisecond is cut.
    pub fn parse(raw: &str) -> Result<Self, InvalidTimestamp> {
        let parsed = DateTime::parse_from_rfc3339(raw).map_err(|_| InvalidTimestamp)?;
        let utc = parsed.with_timezone(&Utc);
        // What MySQL's DATETIME and four-digit years can hold.
        if !(1..=9999).contains(&chrono::Datelike::year(&utc)) {
            return Err(InvalidTimestamp);
        }
        Ok(utc.into())
    }

    /// From milliseconds since the Unix epoch; `None` outside the years 1 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        let utc = DateTime::from_timestamp_millis(millis)?;
        (1..=9999)
            .contains(&chrono::Datelike::year(&utc))
            .then_some(Self(utc))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// The same point as chrono's type.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        self.0
    }

    /// The point `duration` later, or the latest one there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let later = chrono::Duration::from_std(duration)
            .ok()
            .and_then(|duration| self.0.checked_add_signed(duration))
            .map_or(Self::LATEST, Self::from);
        later.min(Self::LATEST)
    }

    /// The point `duration` earlier, or the earliest one there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let earlier = chrono::Duration::from_std(duration)
            .ok()
            .and_then(|duration| self.0.checked_sub_signed(duration))
            .map_or(Self::EARLIEST, Self::from);
        earlier.max(Self::EARLIEST)
    }

    /// How long until `later`; zero if it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        (later.0 - self.0).to_std().unwrap_or_default()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// What is outside the years 1 to 9999 becomes the nearest point inside; a leap second becomes
    /// the last millisecond before it, for not every database can store one.
    fn from(value: DateTime<Utc>) -> Self {
        let millis = value.nanosecond().min(999_999_999) / 1_000_000;
        let whole = value.with_nanosecond(millis * 1_000_000).unwrap_or(value);
        Self(whole).clamp(Self::EARLIEST, Self::LATEST)
    }
}

const fn at(millis: i64) -> Timestamp {
    match DateTime::from_timestamp_millis(millis) {
        Some(time) => Timestamp(time),
        None => Timestamp::EPOCH,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_in_and_out() {
        #[track_caller]
        fn check(raw: &str, want: Option<&str>) {
            let got = Timestamp::parse(raw).ok().map(|time| time.to_string());
            assert_eq!(got.as_deref(), want, "{raw:?}");
        }
        check("2027-01-31T09:00:00Z", Some("2027-01-31T09:00:00.000Z"));
        check(
            "2027-01-31T11:00:00.123456+02:00",
            Some("2027-01-31T09:00:00.123Z"),
        );
        check("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59.999Z"));
        check("9999-12-31T23:59:59.999Z", Some("9999-12-31T23:59:59.999Z"));
        check("9999-12-31T23:59:59-01:00", None);
        check("2027-01-31", None);
        check("2027-02-30T00:00:00Z", None);
        check("0000-01-01T00:00:00Z", None);
        check("", None);
    }

    #[test]
    fn nothing_is_later_than_the_latest() {
        let late = Timestamp::LATEST.plus(Duration::MAX);
        assert_eq!(late, Timestamp::LATEST);
        assert_eq!(late.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(
            Timestamp::EPOCH.plus(Duration::from_secs(u64::MAX)),
            Timestamp::LATEST
        );
    }

    proptest::proptest! {
        #[test]
        fn every_time_parses_from_its_own_text(seconds in -80_000_000_000_i64..300_000_000_000, nanos in 0_u32..2_000_000_000) {
            if let Some(time) = DateTime::from_timestamp(seconds, nanos) {
                let time = Timestamp::from(time);
                proptest::prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
            }
        }
    }
}
