//! Beginning a request, or learning what became of it.

use scm_types::{Fingerprint, IdempotencyKey, TenantScope, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QueryResult,
    QuerySelect, QueryTrait, Select, TryGetable, Value,
    prelude::DateTimeUtc,
    sea_query::{Expr, Query},
};

use super::{DONE, IdempotencyController, Place, RUNNING, StoredAnswer, Ticket};
use crate::{
    DriverError, StoreError,
    driver::Meaning,
    entity::scm_idempotency_key::{Column, Entity, TABLE},
};

/// How often a key is claimed that changes hands between two statements.
const ATTEMPTS: usize = 4;

/// How it stands with a key.
#[derive(Debug)]
pub enum Claim {
    /// The request is the caller's to run, and then to finish or release with this ticket.
    Run(Ticket),
    /// The same request was answered before.
    Done(StoredAnswer),
    /// The same request runs now.
    Running {
        /// When somebody else may run it, if it has not been answered by then.
        until: Timestamp,
    },
    /// Another request was made under this key.
    Mismatch,
}

impl IdempotencyController {
    /// Claims a key for a request: of any number of callers at once, one is told to run it.
    ///
    /// - Another request under the same key is told so first, whether the first one runs or not.
    /// - A request that has run for [`Self::RUNS_FOR`] is taken over; what its first owner comes to
    ///   is not stored any more.
    /// - After [`Self::KEPT_FOR`] a key is as if it had never been used.
    ///
    /// Once in a minute it also clears up a few keys whose time is over.
    ///
    /// Fails with [`StoreError::Corrupt`] if the stored answer makes no sense, and with
    /// [`StoreError::Unavailable`] also if the key kept changing hands meanwhile.
    pub async fn claim(
        &self,
        scope: &TenantScope,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
    ) -> Result<Claim, StoreError> {
        self.sweep_at_times().await;
        let place = Place::new(scope, key);
        let fingerprint = fingerprint.to_string();
        for _ in 0..ATTEMPTS {
            let ticket = Ticket::new(place.clone());
            if self.insert(&ticket, &fingerprint).await? {
                return Ok(Claim::Run(ticket));
            }
            // Released or swept in between: it is free again.
            let Some(found) = self.find(&place).await? else {
                continue;
            };
            let row = Row {
                row: &found,
                place: &place,
            };
            if let Some(claim) = row.standing(&fingerprint, self.now())? {
                return Ok(claim);
            }
            let owner: String = row.get(Column::Owner)?;
            if self.replace(&owner, &ticket, &fingerprint).await? {
                return Ok(Claim::Run(ticket));
            }
        }
        Err(StoreError::Unavailable {
            source: DriverError::new("the key changed hands again and again"),
        })
    }

    /// False if the key has a row.
    async fn insert(&self, ticket: &Ticket, fingerprint: &str) -> Result<bool, StoreError> {
        let mut columns = vec![Column::TenantId, Column::IdempotencyKey];
        let mut values: Vec<Expr> = vec![
            Expr::value(ticket.place.tenant.as_str()),
            Expr::value(ticket.place.key.as_str()),
        ];
        for (column, value) in self.beginning(ticket, fingerprint) {
            columns.push(column);
            values.push(Expr::value(value));
        }
        let mut insert = Query::insert();
        insert
            .into_table(Entity)
            .columns(columns)
            .values_panic(values);
        match self.db.attempt(|pool| pool.execute(&insert)).await {
            Ok(_) => Ok(true),
            Err((Meaning::Unique, _)) => Ok(false),
            Err(error) => Err(StoreError::from_driver(error)),
        }
    }

    /// Begins anew on a row whose time is over, or whose run is; false if somebody else did.
    ///
    /// The new run is kept as long as any other: it must not expire while it runs.
    async fn replace(
        &self,
        owner: &str,
        ticket: &Ticket,
        fingerprint: &str,
    ) -> Result<bool, StoreError> {
        let now = self.bound(self.now());
        let over = Condition::any()
            .add(Column::ExpiresAt.lte(now.clone()))
            .add(
                Condition::all()
                    .add(Column::State.eq(RUNNING))
                    .add(Column::RunningUntil.lte(now)),
            );
        let mut update = Query::update();
        update
            .table(Entity)
            .values(
                self.beginning(ticket, fingerprint)
                    .map(|(column, value)| (column, Expr::value(value))),
            )
            // The owner stands for all that was read of the row: it is another one in every run.
            .cond_where(ticket.place.row().add(Column::Owner.eq(owner)).add(over));
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }

    /// What every run begins with.
    fn beginning(&self, ticket: &Ticket, fingerprint: &str) -> [(Column, Value); 9] {
        let now = self.now();
        [
            (Column::Fingerprint, fingerprint.into()),
            (Column::Owner, ticket.owner.as_str().into()),
            (Column::State, RUNNING.into()),
            (Column::Status, Value::Int(None)),
            (Column::Headers, Value::String(None)),
            (Column::Body, Value::String(None)),
            (Column::CreatedAt, self.bound(now)),
            (Column::RunningUntil, self.bound(now.plus(Self::RUNS_FOR))),
            (Column::ExpiresAt, self.bound(now.plus(Self::KEPT_FOR))),
        ]
    }

    async fn find(&self, place: &Place) -> Result<Option<QueryResult>, StoreError> {
        let select = lookup(place).into_query();
        self.db.run(|pool| pool.query_one(&select)).await
    }
}

/// The statement behind a claim that was not the first.
pub(super) fn lookup(place: &Place) -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns([
            Column::Owner,
            Column::Fingerprint,
            Column::State,
            Column::Status,
            Column::Headers,
            Column::Body,
            Column::RunningUntil,
            Column::ExpiresAt,
        ])
        .filter(place.row())
}

/// One row while it is read.
struct Row<'a> {
    row: &'a QueryResult,
    place: &'a Place,
}

impl Row<'_> {
    /// What there is to say of the row; `None` if its time is over, or that of its run.
    fn standing(&self, fingerprint: &str, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        if self.time(Column::ExpiresAt)? <= now {
            return Ok(None);
        }
        if self.get::<String>(Column::Fingerprint)? != fingerprint {
            return Ok(Some(Claim::Mismatch));
        }
        match self.get::<String>(Column::State)?.as_str() {
            DONE => Ok(Some(Claim::Done(self.answer()?))),
            RUNNING => {
                let until = self.time(Column::RunningUntil)?;
                Ok((until > now).then_some(Claim::Running { until }))
            }
            _ => Err(self.corrupt(Column::State)),
        }
    }

    fn answer(&self) -> Result<StoredAnswer, StoreError> {
        let status: i32 = self.get(Column::Status)?;
        let headers: String = self.get(Column::Headers)?;
        Ok(StoredAnswer {
            status: u16::try_from(status).map_err(|_| self.corrupt(Column::Status))?,
            headers: serde_json::from_str(&headers).map_err(|_| self.corrupt(Column::Headers))?,
            body: self.get(Column::Body)?,
        })
    }

    fn get<T: TryGetable>(&self, column: Column) -> Result<T, StoreError> {
        self.row
            .try_get("", column.as_str())
            .map_err(|_| self.corrupt(column))
    }

    fn time(&self, column: Column) -> Result<Timestamp, StoreError> {
        Ok(self.get::<DateTimeUtc>(column)?.into())
    }

    fn corrupt(&self, column: Column) -> StoreError {
        StoreError::Corrupt {
            table: TABLE,
            column: column.as_str(),
            id: self.place.key.clone(),
        }
    }
}
