//! Taking a lease, or learning who has it.

use std::time::Duration;

use scm_types::IntegrationId;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QueryResult,
    QuerySelect, QueryTrait, TryGetable,
    sea_query::{Expr, Query},
};

use super::{IDLE, IN_FLIGHT, LEASED, Lease, RenewalController, of};
use crate::{
    DriverError, StoreError,
    controller::clock_sql::{has_passed, in_future, millis_until, now},
    driver::Meaning,
    entity::{
        scm_credential_renewal::{Column, Entity, TABLE},
        tenant_scm_integration as integration,
    },
};

/// How often a lease is tried for that changes hands between two statements.
const ATTEMPTS: usize = 4;

/// How it stands with the right to renew a credential.
#[derive(Debug)]
pub enum Acquired {
    /// It is the caller's.
    Mine(Lease),
    /// Somebody else has it.
    Busy {
        /// For so many more milliseconds, unless it is given back before.
        until_ms: u64,
    },
    /// The last attempt failed, and the time for the next has not come.
    Backoff {
        /// How long until then.
        wait: Duration,
        /// What the attempt failed with, as it was given to [`RenewalController::fail`].
        code: Option<String>,
    },
    /// The credential is not the stored one any more, or there is no such integration.
    Outdated,
}

impl RenewalController {
    /// Takes the lease for renewing the credential of `credential_version`: of any number of
    /// callers at once, one gets it, for [`Self::LEASE`].
    ///
    /// The lease of an owner that died is taken over when its time is over;
    /// [`Lease::was_in_flight`] then tells whether it had begun to call the host.
    ///
    /// Fails with [`StoreError::Corrupt`] if the row makes no sense, and with
    /// [`StoreError::Unavailable`] also if the lease kept changing hands meanwhile.
    pub async fn acquire(
        &self,
        id: &IntegrationId,
        credential_version: i64,
    ) -> Result<Acquired, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut lease = Lease::new(id, credential_version);
            let Some(found) = self.find(id).await? else {
                match self.insert(&lease).await? {
                    Inserted::Yes => return Ok(Acquired::Mine(lease)),
                    Inserted::NoIntegration => return Ok(Acquired::Outdated),
                    Inserted::NotFirst => continue,
                }
            };
            let row = Row::read(&found, id)?;
            if let Some(refusal) = row.stands_against(credential_version) {
                return Ok(refusal);
            }
            // What is known of an older credential says nothing about this one.
            if row.credential_version == credential_version {
                lease.was_in_flight = row.state == IN_FLIGHT;
                lease.failures = row.attempts;
            }
            if self.take_over(&row, &lease).await? {
                return Ok(Acquired::Mine(lease));
            }
        }
        Err(StoreError::Unavailable {
            source: DriverError::new("the lease changed hands again and again"),
        })
    }

    async fn find(&self, id: &IntegrationId) -> Result<Option<QueryResult>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([
                Column::Owner,
                Column::State,
                Column::CredentialVersion,
                Column::Attempts,
                Column::LastError,
            ])
            .expr_as(millis_until(self.backend(), Column::Deadline), HELD)
            .expr_as(millis_until(self.backend(), Column::NextAttemptAt), WAIT)
            .filter(of(id))
            .into_query();
        self.db.run(|pool| pool.query_one(&select)).await
    }

    /// The first renewal of an integration makes the row, if the integration is there.
    async fn insert(&self, lease: &Lease) -> Result<Inserted, StoreError> {
        let mut parent = Query::select();
        parent
            .expr(Expr::value(lease.integration.as_str()))
            .expr(Expr::value(lease.owner.as_str()))
            .expr(in_future(self.backend(), Self::LEASE))
            .expr(Expr::value(LEASED))
            .expr(Expr::value(lease.credential_version))
            .expr(now(self.backend()))
            .expr(Expr::value(0_i32))
            .from(integration::Entity)
            .and_where(integration::Column::Id.eq(lease.integration.as_str()));
        let mut insert = Query::insert();
        insert.into_table(Entity).columns([
            Column::IntegrationId,
            Column::Owner,
            Column::Deadline,
            Column::State,
            Column::CredentialVersion,
            Column::StartedAt,
            Column::Attempts,
        ]);
        insert
            .select_from(parent)
            .map_err(|_| StoreError::Database {
                source: DriverError::new("the statement could not be made"),
            })?;
        match self.db.attempt(|pool| pool.execute(&insert)).await {
            Ok(done) if done.rows_affected() == 0 => Ok(Inserted::NoIntegration),
            Ok(_) => Ok(Inserted::Yes),
            Err((Meaning::Unique, _)) => Ok(Inserted::NotFirst),
            Err(error) => Err(StoreError::from_driver(error)),
        }
    }

    /// Takes a row that nobody holds; false if it is not as it was read any more.
    async fn take_over(&self, row: &Row, lease: &Lease) -> Result<bool, StoreError> {
        let backend = self.backend();
        let nobody = match row.held {
            None => Column::Deadline.is_null(),
            Some(_) => has_passed(backend, Column::Deadline),
        };
        let waited = Condition::any()
            .add(Column::NextAttemptAt.is_null())
            .add(has_passed(backend, Column::NextAttemptAt))
            .add(Column::CredentialVersion.lt(lease.credential_version));
        // A call whose answer is not known stays one, whoever dies next.
        let state = if lease.was_in_flight {
            IN_FLIGHT
        } else {
            LEASED
        };
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Owner, lease.owner.as_str())
            .value(Column::Deadline, in_future(backend, Self::LEASE))
            .value(Column::State, state)
            .value(Column::CredentialVersion, lease.credential_version)
            .value(Column::StartedAt, now(backend))
            .value(
                Column::Attempts,
                i32::try_from(lease.failures).unwrap_or(i32::MAX),
            )
            .cond_where(
                of(&lease.integration)
                    // Another one in every lease; with the state it stands for all that was read.
                    .add(Column::Owner.eq(row.owner.as_str()))
                    .add(Column::State.eq(row.state.as_str()))
                    .add(nobody)
                    .add(waited),
            );
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }
}

enum Inserted {
    Yes,
    NotFirst,
    NoIntegration,
}

/// Milliseconds until the end of the lease.
const HELD: &str = "held";
/// Milliseconds until the next attempt.
pub(super) const WAIT: &str = "wait";

/// The row as it was read.
struct Row {
    owner: String,
    state: String,
    credential_version: i64,
    attempts: u32,
    last_error: Option<String>,
    held: Option<i64>,
    wait: Option<i64>,
}

impl Row {
    fn read(found: &QueryResult, id: &IntegrationId) -> Result<Self, StoreError> {
        let row = Self {
            owner: get(found, id, Column::Owner.as_str())?,
            state: get(found, id, Column::State.as_str())?,
            credential_version: get(found, id, Column::CredentialVersion.as_str())?,
            attempts: u32::try_from(get::<i32>(found, id, Column::Attempts.as_str())?)
                .unwrap_or_default(),
            last_error: get(found, id, Column::LastError.as_str())?,
            held: get(found, id, HELD)?,
            wait: get(found, id, WAIT)?,
        };
        if [IDLE, LEASED, IN_FLIGHT].contains(&row.state.as_str()) {
            Ok(row)
        } else {
            Err(corrupt(id.as_str(), Column::State.as_str()))
        }
    }

    /// Why the credential cannot be renewed now, if it cannot.
    fn stands_against(&self, credential_version: i64) -> Option<Acquired> {
        if let Some(until_ms) = left(self.held) {
            return Some(Acquired::Busy { until_ms });
        }
        if self.credential_version > credential_version {
            return Some(Acquired::Outdated);
        }
        if self.credential_version < credential_version {
            return None;
        }
        left(self.wait).map(|millis| Acquired::Backoff {
            wait: Duration::from_millis(millis),
            code: self.last_error.clone(),
        })
    }
}

/// What is left of a time that has not passed.
pub(super) fn left(millis: Option<i64>) -> Option<u64> {
    millis
        .and_then(|millis| u64::try_from(millis).ok())
        .filter(|millis| *millis > 0)
}

pub(super) fn get<T: TryGetable>(
    row: &QueryResult,
    id: &IntegrationId,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get("", column)
        .map_err(|_| corrupt(id.as_str(), column))
}

pub(super) fn corrupt(id: &str, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column,
        id: id.to_owned(),
    }
}
