//! Places in a host's list, as texts that callers give back.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::CAP;
use crate::page::NextPage;

/// A place in a host's list. Opaque to callers; it names no repository and no address, so a changed
/// one can only lead to another place of the same list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    pub(super) page: Option<NextPage>,
    pub(super) skip: usize,
    // The number of the last page, as far as the host told, so that the pages up to it can be
    // fetched together at once.
    pub(super) last: Option<u64>,
}

/// A text that is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the nextCursor of an earlier answer, unchanged")]
pub struct InvalidListCursor;

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.page.as_ref().map(NextPage::query).unwrap_or_default();
        let page = BASE64_URL_SAFE_NO_PAD.encode(page);
        write!(f, "{}.{}.{page}", self.skip, self.last.unwrap_or_default())
    }
}

impl FromStr for ListCursor {
    type Err = InvalidListCursor;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let mut parts = raw.splitn(3, '.');
        let mut number = || parts.next()?.parse::<u32>().ok();
        let (skip, last) = (number().ok_or(InvalidListCursor)?, number());
        let page = parts.next().ok_or(InvalidListCursor)?;
        let page = BASE64_URL_SAFE_NO_PAD.decode(page).ok();
        let page = page
            .and_then(|page| String::from_utf8(page).ok())
            .ok_or(InvalidListCursor)?;
        let page = if page.is_empty() {
            None
        } else {
            Some(NextPage::of_query(&page).ok_or(InvalidListCursor)?)
        };
        let skip = usize::try_from(skip).map_err(|_| InvalidListCursor)?;
        // Not a page's size: a host that searches itself may give all it found at once.
        if skip > CAP {
            return Err(InvalidListCursor);
        }
        Ok(Self {
            page,
            skip,
            last: last.filter(|last| *last > 0).map(u64::from),
        })
    }
}
