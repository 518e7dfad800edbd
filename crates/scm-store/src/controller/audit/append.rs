//! Adding a row to a tenant's chain.

use scm_types::{Actor, AuditActor, AuditRecord, Purpose, RequestId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, QueryFilter, QuerySelect, SqlErr, StatementBuilder,
    sea_query::{Expr, InsertStatement, Query},
};

use super::chain::{GENESIS, Link};
use crate::{
    DriverError, StoreError,
    begin::begin_to_write,
    driver::Meaning,
    entity::{
        scm_audit_head as head,
        scm_audit_log::{Column, Entity},
    },
    query::Bounded,
    value::time,
};

/// A row that is to be added: all of it but for its place in the chain.
pub(crate) struct Draft<'a> {
    /// A tenant, or the platform: the name of its `AuditChain`.
    pub(crate) chain: &'a str,
    /// What it was done to: an integration, or an API key.
    pub(crate) subject: &'a str,
    pub(crate) actor: &'a Actor,
    pub(crate) at: Timestamp,
    pub(crate) record: &'a AuditRecord,
}

/// Runs a write and notes it, both or neither; gives how many rows the write changed. Where it
/// changes none, nothing is noted.
pub(crate) async fn noted<S: StatementBuilder>(
    db: &Bounded,
    write: &S,
    draft: &Draft<'_>,
) -> Result<u64, (Meaning, DriverError)> {
    db.in_turn(draft.chain, |pool| write_and_append(pool, write, draft))
        .await
}

/// Notes what needs no write of ours.
pub(crate) async fn note(db: &Bounded, draft: &Draft<'_>) -> Result<(), StoreError> {
    db.in_turn(draft.chain, |pool| append_alone(pool, draft))
        .await
        .map_err(StoreError::from_driver)
}

async fn write_and_append<S: StatementBuilder>(
    pool: &DatabaseConnection,
    write: &S,
    draft: &Draft<'_>,
) -> Result<u64, DbErr> {
    let chain = Chain::locked(pool, draft.chain).await?;
    match chain.txn.execute(write).await {
        Ok(done) if done.rows_affected() == 0 => chain.leave().await.map(|()| 0),
        Ok(done) => chain.append(draft).await.map(|()| done.rows_affected()),
        Err(error) => {
            // What the write failed with is what matters; a connection that broke rolls back alone.
            chain.leave().await.ok();
            Err(error)
        }
    }
}

async fn append_alone(pool: &DatabaseConnection, draft: &Draft<'_>) -> Result<(), DbErr> {
    Chain::locked(pool, draft.chain).await?.append(draft).await
}

/// A tenant's chain, whose end nobody else can move.
struct Chain {
    txn: DatabaseTransaction,
    end: head::Model,
}

impl Chain {
    async fn locked(pool: &DatabaseConnection, tenant: &str) -> Result<Self, DbErr> {
        let txn = begin_to_write(pool).await?;
        if let Some(end) = end_of(&txn, tenant).await? {
            return Ok(Self { txn, end });
        }
        // The tenant's first act. Not in the transaction: on MySQL those who look for a row that is
        // not there, to make it, lock each other out.
        txn.rollback().await?;
        make_head(pool, tenant).await?;
        let txn = begin_to_write(pool).await?;
        let end = end_of(&txn, tenant).await?;
        let end = end.ok_or(DbErr::RecordNotInserted)?;
        Ok(Self { txn, end })
    }

    /// Adds the row and ends the transaction.
    async fn append(self, draft: &Draft<'_>) -> Result<(), DbErr> {
        match self.add(draft).await {
            Ok(()) => self.txn.commit().await,
            Err(error) => {
                self.leave().await.ok();
                Err(error)
            }
        }
    }

    async fn add(&self, draft: &Draft<'_>) -> Result<(), DbErr> {
        let next = next(&self.end, draft, self.txn.get_database_backend())?;
        let added = self.txn.execute(&next.insert).await;
        added.map_err(|error| match error.sql_err() {
            // Nobody else can have added it: the head was set back by hand. It is no conflict of
            // what the caller writes.
            Some(SqlErr::UniqueConstraintViolation(_)) => DbErr::RecordNotInserted,
            _ => error,
        })?;
        let mut update = Query::update();
        update
            .table(head::Entity)
            .value(head::Column::Sequence, next.sequence)
            .value(head::Column::Hash, next.hash)
            .cond_where(head::Column::TenantId.eq(draft.chain));
        self.txn.execute(&update).await.map(|_| ())
    }

    /// Ends the transaction as if nothing had been.
    async fn leave(self) -> Result<(), DbErr> {
        self.txn.rollback().await
    }
}

/// The end of a chain, locked until the transaction ends.
async fn end_of(txn: &DatabaseTransaction, tenant: &str) -> Result<Option<head::Model>, DbErr> {
    head::Entity::find()
        .filter(head::Column::TenantId.eq(tenant))
        .lock_exclusive()
        .one(txn)
        .await
}

async fn make_head(pool: &DatabaseConnection, tenant: &str) -> Result<(), DbErr> {
    let mut insert = Query::insert();
    insert
        .into_table(head::Entity)
        .columns([
            head::Column::TenantId,
            head::Column::Sequence,
            head::Column::Hash,
        ])
        .values_panic([
            Expr::value(tenant),
            Expr::value(0_i64),
            Expr::value(GENESIS),
        ]);
    match pool.execute(&insert).await {
        Err(error) => match error.sql_err() {
            // Somebody else was faster.
            Some(SqlErr::UniqueConstraintViolation(_)) => Ok(()),
            _ => Err(error),
        },
        Ok(_) => Ok(()),
    }
}

/// A row with its place.
struct Next {
    insert: InsertStatement,
    sequence: i64,
    hash: String,
}

fn next(end: &head::Model, draft: &Draft<'_>, backend: DbBackend) -> Result<Next, DbErr> {
    let Draft { actor, record, .. } = draft;
    let who = AuditActor::from(&actor.who);
    let detail = (!record.detail.is_empty())
        .then(|| serde_json::to_string(&record.detail))
        .transpose()
        .map_err(|error| DbErr::Json(error.to_string()))?;
    let purpose = record.purpose.map(Purpose::as_str);
    let request_id = actor.request_id.as_ref().map(RequestId::as_str);
    let link = Link {
        previous: &end.hash,
        tenant: draft.chain,
        sequence: end.sequence + 1,
        at: draft.at.as_millis(),
        integration: draft.subject,
        action: record.action.as_str(),
        purpose,
        outcome: record.outcome.as_str(),
        code: record.code,
        actor_type: &who.kind,
        actor_id: &who.id,
        request_id,
        detail: detail.as_deref(),
    };
    let hash = link.hash();
    let fields = [
        (Column::TenantId, Expr::value(link.tenant)),
        (Column::Sequence, Expr::value(link.sequence)),
        (Column::At, Expr::value(time(backend, draft.at))),
        (Column::IntegrationId, Expr::value(link.integration)),
        (Column::Action, Expr::value(link.action)),
        (Column::Purpose, Expr::value(link.purpose)),
        (Column::Outcome, Expr::value(link.outcome)),
        (Column::Code, Expr::value(link.code)),
        (Column::ActorType, Expr::value(link.actor_type)),
        (Column::ActorId, Expr::value(link.actor_id)),
        (Column::RequestId, Expr::value(link.request_id)),
        (Column::Detail, Expr::value(link.detail)),
        (Column::Hash, Expr::value(hash.as_str())),
    ];
    let (columns, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let mut insert = Query::insert();
    insert
        .into_table(Entity)
        .columns(columns)
        .values_panic(values);
    Ok(Next {
        insert,
        sequence: link.sequence,
        hash,
    })
}
