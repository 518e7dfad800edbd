//! Taking a key back.

use scm_types::{Actor, ApiKeyId, AuditAction, AuditDetail, AuditFact, AuditRecord, SafeApiKey};
use sea_orm::{
    ColumnTrait, Value,
    sea_query::{Expr, Query},
};

use super::{ApiKeyController, chain, within};
use crate::{
    StoreError,
    controller::audit::{Draft, noted},
    entity::scm_api_key::{Column, Entity},
    value::time,
};

impl ApiKeyController {
    /// Revokes a key: what it is recognised by is erased. Gives the key as it is now; one that was
    /// revoked before stays as it was. `None` if the scope reaches none.
    pub async fn revoke(
        &self,
        actor: &Actor,
        id: &ApiKeyId,
    ) -> Result<Option<SafeApiKey>, StoreError> {
        let scope = &actor.scope;
        let Some(key) = self.find(scope, id).await? else {
            return Ok(None);
        };
        if key.revoked_at.is_some() {
            return Ok(Some(key));
        }
        let now = self.clock.now();
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::RevokedAt, time(self.backend(), now))
            .value(Column::SecretHash, Expr::value(Value::String(None)))
            .cond_where(within(scope).add(Column::Id.eq(id.as_str())))
            .cond_where(Column::RevokedAt.is_null());
        let detail = AuditDetail::default()
            .with("role", AuditFact::name(key.access.role_name()))
            .with("name", AuditFact::name(key.name.as_str()));
        let chain = chain(&key.access);
        let draft = Draft {
            chain: chain.as_str(),
            subject: id.as_str(),
            actor,
            at: now,
            record: &AuditRecord::done(AuditAction::ApiKeyRevoked).with(detail),
        };
        noted(&self.db, &update, &draft)
            .await
            .map_err(StoreError::from_driver)?;
        self.find(scope, id).await
    }
}
