//! Paging by key: a page starts behind the last row of the one before, never at an offset.

use std::{fmt, str::FromStr};

use crate::{IntegrationId, Timestamp};

/// A page request that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPage {
    /// Not a number from 1 to 1,000.
    #[error("must be a number from 1 to 1000")]
    Limit,
    /// Not a cursor that this service gave out.
    #[error("must be the nextCursor of an earlier answer, unchanged")]
    Cursor,
}

/// Rows on a page: 1 to 1,000, by default 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u16);

impl PageLimit {
    /// The largest and the default page.
    pub const MAX: Self = Self(1_000);

    /// A limit of 1 to 1,000 rows.
    pub fn new(rows: u64) -> Result<Self, InvalidPage> {
        match u16::try_from(rows) {
            Ok(rows @ 1..=1_000) => Ok(Self(rows)),
            _ => Err(InvalidPage::Limit),
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self::MAX
    }
}

/// The place behind which a page starts. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCursor {
    /// When the last row seen was created.
    pub created_at: Timestamp,
    /// The last row seen.
    pub id: IntegrationId,
}

impl fmt::Display for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at.as_millis(), self.id)
    }
}

impl FromStr for PageCursor {
    type Err = InvalidPage;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (millis, id) = raw.split_once('.').ok_or(InvalidPage::Cursor)?;
        let millis = millis.parse().map_err(|_| InvalidPage::Cursor)?;
        Ok(Self {
            created_at: Timestamp::from_millis(millis).ok_or(InvalidPage::Cursor)?,
            id: IntegrationId::parse(id).map_err(|_| InvalidPage::Cursor)?,
        })
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// How many rows at the most.
    pub limit: PageLimit,
    /// Where to start; `None` is the newest row.
    pub after: Option<PageCursor>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<PageCursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were() {
        let cursor = PageCursor {
            created_at: Timestamp::parse("2027-01-31T09:00:00.123Z").unwrap(),
            id: IntegrationId::parse("V1St.GXR8_Z5").unwrap(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for raw in ["", ".", "12", "x.y", "12.", "99999999999999999.a", "12.a b"] {
            assert_eq!(
                raw.parse::<PageCursor>(),
                Err(InvalidPage::Cursor),
                "{raw:?}"
            );
        }
    }

    #[test]
    fn limits() {
        for (rows, ok) in [
            (0, false),
            (1, true),
            (1_000, true),
            (1_001, false),
            (u64::MAX, false),
        ] {
            assert_eq!(PageLimit::new(rows).is_ok(), ok, "{rows}");
        }
    }
}
