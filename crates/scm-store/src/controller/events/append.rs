//! Telling events: within the transaction that settles the delivery that they come from, or that
//! ends the comparison that found them.

use scm_types::{IntegrationId, ScmEvent, TenantId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, InsertStatement, OnConflict, Query},
};

use super::{corrupt, place};
use crate::{
    Cipher, StoreError,
    controller::{clock_sql::now, inbox::Claimed},
    entity::{scm_event, scm_event_head},
    id::new_owner,
    value::time,
};

/// Rows of one statement: each has eight values, and a statement holds so many.
const ROWS_AT_A_TIME: usize = 500;

/// Events of one delivery or one comparison, sealed, without their numbers yet.
pub(crate) struct NewEvents {
    tenant: TenantId,
    integration: String,
    delivery: Option<String>,
    /// `None` is now, by the database's clock.
    occurred_at: Option<Timestamp>,
    /// Id, kind and sealed body of each.
    events: Vec<(String, &'static str, String)>,
}

impl NewEvents {
    pub(crate) fn seal(
        cipher: &Cipher,
        from: &Claimed,
        events: &[ScmEvent],
    ) -> Result<Self, StoreError> {
        Ok(Self {
            events: sealed(cipher, &from.tenant_id, events)?,
            tenant: from.tenant_id.clone(),
            integration: from.integration_id.to_string(),
            delivery: Some(from.id.clone()),
            occurred_at: Some(from.received_at),
        })
    }

    /// Events that no delivery told.
    pub(crate) fn seal_found(
        cipher: &Cipher,
        tenant: &TenantId,
        integration: &IntegrationId,
        events: &[ScmEvent],
    ) -> Result<Self, StoreError> {
        Ok(Self {
            events: sealed(cipher, tenant, events)?,
            tenant: tenant.clone(),
            integration: integration.to_string(),
            delivery: None,
            occurred_at: None,
        })
    }

    /// Numbers them and writes them. Other writers of the tenant wait for the transaction's end.
    pub(crate) async fn append(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        let last = self.reserve(transaction).await?;
        let backend = transaction.get_database_backend();
        let mut first = last + 1 - self.count();
        for events in self.events.chunks(ROWS_AT_A_TIME) {
            let insert = self.insertion(backend, first, events);
            transaction.execute(&insert).await?;
            first += i64::try_from(events.len()).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    fn insertion(
        &self,
        backend: DbBackend,
        first: i64,
        events: &[(String, &'static str, String)],
    ) -> InsertStatement {
        let mut insert = Query::insert();
        insert.into_table(scm_event::Entity).columns([
            scm_event::Column::TenantId,
            scm_event::Column::Sequence,
            scm_event::Column::Id,
            scm_event::Column::IntegrationId,
            scm_event::Column::DeliveryId,
            scm_event::Column::Kind,
            scm_event::Column::OccurredAt,
            scm_event::Column::Body,
        ]);
        for (sequence, (id, kind, body)) in (first..).zip(events) {
            insert.values_panic([
                Expr::value(self.tenant.as_str()),
                Expr::value(sequence),
                Expr::value(id.as_str()),
                Expr::value(self.integration.as_str()),
                Expr::value(self.delivery.as_deref()),
                Expr::value(*kind),
                match self.occurred_at {
                    Some(at) => Expr::value(time(backend, at)),
                    None => now(backend),
                },
                Expr::value(body.as_str()),
            ]);
        }
        insert
    }

    fn count(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    /// Takes as many numbers as there are events, and gives the last one.
    async fn reserve(&self, transaction: &DatabaseTransaction) -> Result<i64, DbErr> {
        use scm_event_head::{Column, Entity, TABLE};
        let further = Expr::col((TABLE, Column::Sequence)).add(self.count());
        let mut upsert = Query::insert();
        upsert
            .into_table(Entity)
            .columns([Column::TenantId, Column::Sequence])
            .values_panic([Expr::value(self.tenant.as_str()), Expr::value(self.count())])
            .on_conflict(
                OnConflict::column(Column::TenantId)
                    .value(Column::Sequence, further)
                    .to_owned(),
            );
        transaction.execute(&upsert).await?;
        let select = Entity::find()
            .select_only()
            .column(Column::Sequence)
            .filter(Column::TenantId.eq(self.tenant.as_str()))
            .into_query();
        let found = transaction.query_one(&select).await?;
        let head = found.ok_or_else(|| DbErr::RecordNotFound("the head of a tenant".to_owned()))?;
        head.try_get("", "sequence")
    }
}

/// Id, kind and sealed body of each.
fn sealed(
    cipher: &Cipher,
    tenant: &TenantId,
    events: &[ScmEvent],
) -> Result<Vec<(String, &'static str, String)>, StoreError> {
    let sealed = events.iter().map(|event| {
        let id = new_owner();
        // Text keys only: writing it cannot fail.
        let body = serde_json::to_string(event).map_err(|_| corrupt(&id, "body"))?;
        let body = cipher.seal(&place(&id, tenant), &body)?;
        Ok((id, event.kind.as_str(), body))
    });
    sealed.collect()
}
