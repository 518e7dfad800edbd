//! What is known of the branches and tags of a repository, and how far it can be relied on.
//!
//! - What is known moves with what is told: with a delivery in the transaction that settles it, with
//!   a comparison in the transaction that tells its difference.
//! - Who writes has decided by what it read before. The integration's row of `scm_ref_checks` counts
//!   the writes: of two who decided by the same state, the second writes nothing and decides again.
//! - Until a listing was written whole there is no baseline, and no difference is told.
//! - How old something is, is told by the database's clock.

mod ask;
mod due;
mod read;
mod write;

use std::{sync::Arc, time::Duration};

use ring::digest::{SHA256, digest};
use scm_types::{CommitSha, FullRef, IntegrationId};
use sea_orm::{
    DatabaseConnection, DbBackend, QueryResult, TryGetable,
    sea_query::{DeleteStatement, Expr, ExprTrait, IntoColumnRef, IntoTableRef, Query},
};

use crate::{
    Cipher, ConnectOptions, StoreError,
    entity::{scm_known_ref, scm_redelivery, scm_ref_check},
    query::Bounded,
};

pub use ask::Asked;
pub use due::{CheckDue, CheckTarget};
pub(crate) use write::moved;
pub use write::{Conclusion, FoundEvents, RefMoves, RefTally, RefWrite};

/// Keeps what is known of branches and tags. Clones share the pool and the keys.
#[derive(Clone)]
pub struct RefController {
    db: Bounded,
    cipher: Arc<Cipher>,
}

/// Who has last said what a ref stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefSource {
    /// The host's list; nothing was told of it.
    Listing,
    /// A delivery.
    Delivery,
    /// A comparison, which told it.
    Reconciled,
}

impl RefSource {
    const ALL: [Self; 3] = [Self::Listing, Self::Delivery, Self::Reconciled];

    fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Delivery => "delivery",
            Self::Reconciled => "reconciled",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

/// What is known of a branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefRecord {
    /// Whether it is there.
    pub present: bool,
    /// The commit that it stands for, or stood for until it went; `None` if nobody has told it.
    pub commit: Option<CommitSha>,
    /// Of a ref that was [reconciled](RefSource::Reconciled): what it stood for before that, as far
    /// as late deliveries have caught up. Of any other: what a delivery said that did not follow on
    /// `commit`, and may be older or newer.
    pub other: Option<CommitSha>,
    /// Who has said so.
    pub source: RefSource,
}

/// A branch or a tag, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRef {
    /// Which one.
    pub name: FullRef,
    /// What is known.
    pub record: RefRecord,
    /// How long ago it was written.
    pub age: Duration,
}

impl RefController {
    /// The most refs of one repository that are kept.
    pub const CAP: usize = 10_000;

    /// A controller on a pool, with the time limit of
    /// [`ScmIntegrationController::new`](crate::ScmIntegrationController::new).
    #[must_use]
    pub fn new(db: DatabaseConnection, cipher: Arc<Cipher>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            cipher,
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }
}

/// What stands for a text in a key: 64 lower-case hexadecimal digits.
fn digest_of(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let digits = digest
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// A time that was so many milliseconds ahead lies so far back.
fn age(millis: i64) -> Duration {
    Duration::from_millis(millis.saturating_neg().try_into().unwrap_or_default())
}

fn get<T: TryGetable>(
    row: &QueryResult,
    table: &'static str,
    id: &str,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get("", column)
        .map_err(|_| corrupt(table, id, column))
}

fn corrupt(table: &'static str, id: &str, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table,
        column,
        id: id.to_owned(),
    }
}

/// Forgets what is known of an integration that is no more, or has no webhook any more.
pub(crate) fn removals(id: &IntegrationId) -> [DeleteStatement; 3] {
    [
        of(
            scm_known_ref::Entity,
            scm_known_ref::Column::IntegrationId,
            id,
        ),
        of(
            scm_redelivery::Entity,
            scm_redelivery::Column::IntegrationId,
            id,
        ),
        of(
            scm_ref_check::Entity,
            scm_ref_check::Column::IntegrationId,
            id,
        ),
    ]
}

fn of(table: impl IntoTableRef, column: impl IntoColumnRef, id: &IntegrationId) -> DeleteStatement {
    let mut delete = Query::delete();
    delete
        .from_table(table)
        .and_where(Expr::col(column).eq(id.as_str()));
    delete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_everybody() {
        assert_eq!(
            digest_of("refs/heads/main"),
            "f921bd05e68b03740c450e565e0e6173e546193170b2dd404ddb6f153e9b5bf3"
        );
    }
}
