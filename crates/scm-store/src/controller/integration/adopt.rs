//! Secrets that another writer of the table has left in clear, or sealed in its own way.
//!
//! - Nobody uses such a value: opening the row fails. Here it becomes one of ours, or is told.
//! - A value is replaced only if it still stands there, byte for byte, and in the state of the row that
//!   was read: what is written meanwhile wins, and is found the next time.
//! - What was sealed is noted in the audit log, with the names of the columns.

use scm_types::{
    AccessToken, Actor, AuditAction, AuditDetail, AuditRecord, IntegrationId, InvalidSecret,
    RefreshToken, TenantId, VerificationStatus, WebhookSecret,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IdenStatic, Order, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Value,
    prelude::DateTimeUtc,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};
use zeroize::Zeroizing;

use super::{
    ScmIntegrationController, quiet_update,
    scope::{same, time},
};
use crate::{
    StoreError,
    cipher::sealed_with,
    convert::place,
    delivr::{OldValueError, PassPhrase, open},
    entity::tenant_scm_integration::{Column, Entity, TABLE},
    key_usage::SECRETS,
};

/// Secrets can be large: few rows are read at a time.
const ROWS_AT_A_TIME: u64 = 50;

/// How values in clear are gone about.
#[derive(Clone, Default)]
pub struct SealInClear {
    /// What the old server sealed with; without it values that it sealed stay as they are.
    pub pass_phrase: Option<PassPhrase>,
    /// Look and open, change nothing.
    pub dry_run: bool,
}

/// Why a value in a row was not sealed. Says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InClearFault {
    /// It does not open.
    #[error(transparent)]
    Value(#[from] OldValueError),
    /// It is nothing that could be a secret.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The row's own id or tenant cannot be one.
    #[error("makes no sense")]
    Row,
}

/// A row that had a value in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundInClear {
    /// The row's id, as it stands there.
    pub id: String,
    /// Whose row it is.
    pub tenant: String,
    /// The columns that are sealed now; with `dry_run` those that would be.
    pub sealed: Vec<&'static str>,
    /// The columns that stay as they are, and why.
    pub faults: Vec<(&'static str, InClearFault)>,
}

/// What was found and done in all rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealedInClear {
    /// Rows with a value in clear.
    pub rows: u64,
    /// Values that were sealed.
    pub sealed: u64,
    /// Values that stay as they are.
    pub unreadable: u64,
}

impl ScmIntegrationController {
    /// Seals what stands in clear in any row, soft-deleted ones too; `watch` is told of each such row
    /// when it is done. Can be interrupted anywhere and run again: what is sealed is passed over.
    ///
    /// A row that only the other writer has written keeps its status, and its `updatedAt`. In any other
    /// the value is a new credential: the status goes back to PENDING, and what the last check found is
    /// forgotten.
    pub async fn seal_in_clear(
        &self,
        actor: &Actor,
        how: &SealInClear,
        watch: &mut (dyn FnMut(&FoundInClear) + Send),
    ) -> Result<SealedInClear, StoreError> {
        let mut done = SealedInClear::default();
        let mut last: Option<String> = None;
        loop {
            let rows = self.in_clear_behind(last.as_deref()).await?;
            let Some(bottom) = rows.last() else {
                return Ok(done);
            };
            last = Some(id_of(bottom)?);
            for row in rows {
                let stored = Stored::read(&row)?;
                drop(row);
                let Some(found) = self.seal_row(actor, how, &stored).await? else {
                    continue;
                };
                done.rows += 1;
                done.sealed += found.sealed.len() as u64;
                done.unreadable += found.faults.len() as u64;
                watch(&found);
            }
        }
    }

    async fn in_clear_behind(&self, last: Option<&str>) -> Result<Vec<QueryResult>, StoreError> {
        let in_clear = SECRETS.iter().fold(Condition::any(), |any, column| {
            any.add(column.is_not_null().and(column.not_like("v1.%")))
        });
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::TenantId, Column::Version])
            .columns(SECRETS)
            .filter(
                Condition::all()
                    .add(in_clear)
                    .add_option(last.map(|last| Column::Id.gt(last))),
            )
            .order_by(Column::Id, Order::Asc)
            .limit(ROWS_AT_A_TIME);
        self.all(select).await
    }

    /// `None` if there is nothing to do, or if somebody else has changed the row meanwhile.
    async fn seal_row(
        &self,
        actor: &Actor,
        how: &SealInClear,
        stored: &Stored,
    ) -> Result<Option<FoundInClear>, StoreError> {
        let mut found = FoundInClear {
            id: stored.id.clone(),
            tenant: stored.tenant.clone(),
            sealed: Vec::new(),
            faults: Vec::new(),
        };
        let names = (
            IntegrationId::parse(stored.id.as_str()),
            TenantId::parse(stored.tenant.as_str()),
        );
        let (Ok(id), Ok(tenant)) = names else {
            let column = if names.0.is_err() { "id" } else { "tenantId" };
            found.faults.push((column, InClearFault::Row));
            return Ok(Some(found));
        };
        let mut sealed = Vec::new();
        for (column, value) in SECRETS.into_iter().zip(&stored.values) {
            let Some(value) = value.as_ref().filter(|it| sealed_with(it).is_none()) else {
                continue;
            };
            match secret(column, value, how.pass_phrase.as_ref()) {
                Ok(secret) => {
                    let new = self.cipher.seal(&place(&id, &tenant, column), &secret)?;
                    sealed.push((column, value, new));
                }
                Err(fault) => found.faults.push((column.as_str(), fault)),
            }
        }
        found.sealed = sealed.iter().map(|(column, ..)| column.as_str()).collect();
        if !sealed.is_empty() && !how.dry_run {
            let update = self.replacement(stored, &sealed);
            let detail = AuditDetail::default().with("fields", found.sealed.clone());
            let record = AuditRecord::done(AuditAction::CredentialSealed).with(detail);
            let written = self.noted((&tenant, &id), actor, &update, &record).await;
            if written.map_err(StoreError::from_driver)? == 0 {
                return Ok(None);
            }
        }
        let untouched = found.sealed.is_empty() && found.faults.is_empty();
        Ok((!untouched).then_some(found))
    }

    /// The statement that puts sealed values in the place of those that were read.
    fn replacement(
        &self,
        stored: &Stored,
        sealed: &[(Column, &Zeroizing<String>, String)],
    ) -> UpdateStatement {
        let is_credential = |(column, ..): &(Column, _, _)| {
            matches!(column, Column::AccessToken | Column::RefreshToken)
        };
        // Version 1 is that of a row which nobody here has changed.
        let is_new = stored.version > 1 && sealed.iter().any(is_credential);
        let mut update = if is_new {
            new_credential(time(self.backend(), self.now()))
        } else {
            quiet_update()
        };
        let mut unchanged = same(self.backend(), Column::Id, &stored.id)
            .add(same(self.backend(), Column::TenantId, &stored.tenant))
            .add(Column::Version.eq(stored.version));
        for (column, old, new) in sealed {
            update.value(*column, new.as_str());
            unchanged = unchanged.add(same(self.backend(), *column, old));
        }
        if sealed.iter().any(is_credential) {
            update.value(
                Column::CredentialVersion,
                Expr::col(Column::CredentialVersion).add(1),
            );
        }
        update
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .cond_where(unchanged);
        update
    }
}

/// What holds of a credential holds of no other one.
fn new_credential(now: Value) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(Entity)
        .value(
            Column::VerificationStatus,
            VerificationStatus::Pending.as_str(),
        )
        .value(Column::VerificationError, Value::String(None))
        .value(Column::LastVerifiedAt, None::<DateTimeUtc>)
        .value(Column::Capabilities, Value::String(None))
        .value(Column::TokenIssuedAt, None::<DateTimeUtc>)
        .value(Column::UpdatedAt, now);
    update
}

/// A row as it was read.
struct Stored {
    id: String,
    tenant: String,
    version: i64,
    values: [Option<Zeroizing<String>>; SECRETS.len()],
}

impl Stored {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let id = id_of(row)?;
        let corrupt = |column: Column| StoreError::Corrupt {
            table: TABLE,
            column: column.as_str(),
            id: id.clone(),
        };
        let text = |column: Column| {
            let text = row.try_get::<Option<String>>("", column.as_str());
            text.map_err(|_| corrupt(column))
        };
        let mut values = [const { None }; SECRETS.len()];
        for (value, column) in values.iter_mut().zip(SECRETS) {
            *value = text(column)?.map(Zeroizing::new);
        }
        Ok(Self {
            tenant: text(Column::TenantId)?.unwrap_or_default(),
            version: row
                .try_get("", Column::Version.as_str())
                .map_err(|_| corrupt(Column::Version))?,
            values,
            id,
        })
    }
}

fn id_of(row: &QueryResult) -> Result<String, StoreError> {
    let id = row.try_get("", Column::Id.as_str());
    id.map_err(|_| StoreError::Corrupt {
        table: TABLE,
        column: Column::Id.as_str(),
        id: "(unreadable)".to_owned(),
    })
}

/// The secret in a value, if it can be one of its column.
fn secret(
    column: Column,
    value: &str,
    pass_phrase: Option<&PassPhrase>,
) -> Result<Zeroizing<String>, InClearFault> {
    let secret = open(value, pass_phrase)?;
    match column {
        Column::AccessToken => AccessToken::parse(secret.as_str()).map(drop),
        Column::RefreshToken => RefreshToken::parse(secret.as_str()).map(drop),
        _ => WebhookSecret::parse(secret.as_str()).map(drop),
    }?;
    Ok(secret)
}
