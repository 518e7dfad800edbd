//! Upkeep of the whole table, for the operator's commands. The one place without a scope; it gives
//! out counts, never rows.

use scm_types::{IntegrationId, RepoUrl, ScmType, WebHosts};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QueryResult,
    QuerySelect,
    sea_query::{Condition, Expr, ExprTrait, LikeExpr, Query, UpdateStatement},
};

use super::ScmIntegrationController;
use crate::{
    KeyId, StoreError,
    cipher::sealed_with,
    convert::{Row, place},
    entity::tenant_scm_integration::{Column, Entity},
};

/// What [`ScmIntegrationController::fill_repository_keys`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilledKeys {
    /// Rows that have a key now.
    pub filled: u64,
    /// Rows whose URL is on no known host, or is not of the row's kind.
    pub not_understood: u64,
    /// Rows that are a second one for their repository, in another spelling.
    pub duplicates: u64,
}

/// What [`ScmIntegrationController::reseal`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Secrets that are sealed with the current key now.
    pub resealed: u64,
    /// Secrets that do not open; the log names them.
    pub unreadable: u64,
}

const SECRETS: [Column; 3] = [
    Column::AccessToken,
    Column::RefreshToken,
    Column::WebhookSecret,
];
const ROWS_AT_A_TIME: u64 = 200;

impl ScmIntegrationController {
    /// Gives rows of an old writer the key that makes two spellings of a URL the same repository.
    /// Neither their version nor their `updatedAt` changes. Can be run at any time, and again.
    pub async fn fill_repository_keys(&self, hosts: &WebHosts) -> Result<FilledKeys, StoreError> {
        let columns = [Column::Id, Column::ScmType, Column::RepositoryUrl];
        let wanted = Condition::all().add(Column::RepositoryKey.is_null());
        let mut done = FilledKeys::default();
        let mut last = None;
        loop {
            let rows = self.rows_behind(last.as_ref(), &columns, &wanted).await?;
            if rows.is_empty() {
                return Ok(done);
            }
            for found in &rows {
                let row = Row::new(found)?;
                let url = row.text(Column::RepositoryUrl)?.unwrap_or_default();
                let kind = row.text(Column::ScmType)?.unwrap_or_default();
                let id = row.into_id();
                let parsed = RepoUrl::parse(&url, hosts).ok();
                let of_kind = |url: &RepoUrl| kind.parse::<ScmType>().ok() == Some(url.scm_type());
                match parsed.filter(of_kind) {
                    None => done.not_understood += 1,
                    Some(parsed) => match self.fill(&id, &url, &parsed).await {
                        Ok(filled) => done.filled += filled,
                        Err(StoreError::Conflict) => done.duplicates += 1,
                        Err(error) => return Err(error),
                    },
                }
                last = Some(id);
            }
        }
    }

    async fn fill(&self, id: &IntegrationId, read: &str, url: &RepoUrl) -> Result<u64, StoreError> {
        let mut update = quiet_update();
        update.value(Column::RepositoryKey, url.key()).cond_where(
            Condition::all()
                .add(Column::Id.eq(id.as_str()))
                .add(Column::RepositoryUrl.eq(read))
                .add(Column::RepositoryKey.is_null()),
        );
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected())
    }

    /// Seals every secret with the current key that is sealed with another one of the ring. The
    /// rows' versions do not change, for what they say does not. Can be run at any time, and again.
    ///
    /// A secret that is changed meanwhile stays as it was changed.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let columns = [
            Column::Id,
            Column::TenantId,
            SECRETS[0],
            SECRETS[1],
            SECRETS[2],
        ];
        let wanted = SECRETS.iter().fold(Condition::any(), |any, secret| {
            any.add(secret.is_not_null())
        });
        let mut done = Resealed::default();
        let mut last = None;
        loop {
            let rows = self.rows_behind(last.as_ref(), &columns, &wanted).await?;
            if rows.is_empty() {
                return Ok(done);
            }
            for found in &rows {
                let row = Row::new(found)?;
                for secret in SECRETS {
                    self.reseal_one(&row, secret, &mut done).await?;
                }
                last = Some(row.into_id());
            }
        }
    }

    async fn reseal_one(
        &self,
        row: &Row<'_>,
        column: Column,
        done: &mut Resealed,
    ) -> Result<(), StoreError> {
        let Some(sealed) = row.text(column)? else {
            return Ok(());
        };
        if sealed_with(&sealed).as_ref() == Some(self.cipher.ring().current_id()) {
            return Ok(());
        }
        let tenant = row.tenant()?;
        let Ok(secret) = self.cipher.open(&place(row.id(), &tenant, column), &sealed) else {
            done.unreadable += 1;
            return Ok(());
        };
        let anew = self.sealed(row.id(), &tenant, column, Some(&secret))?;
        let mut update = quiet_update();
        update.value(column, anew).cond_where(
            Condition::all()
                .add(Column::Id.eq(row.id().as_str()))
                .add(column.eq(sealed)),
        );
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        done.resealed += written.rows_affected();
        Ok(())
    }

    /// How many secrets are sealed with this key. At zero it can be forgotten and taken out.
    pub async fn secrets_sealed_with(&self, key: &KeyId) -> Result<u64, StoreError> {
        // `_` is allowed in a key's name and stands for any character in a pattern.
        let pattern = format!("v1.{}.%", key.as_str().replace('_', "!_"));
        let mut secrets = 0;
        for column in SECRETS {
            let select = Entity::find()
                .select_only()
                .expr_as(Expr::col(Column::Id).count(), "secrets")
                .filter(Expr::col(column).like(LikeExpr::new(pattern.as_str()).escape('!')));
            let found = self.one(select).await?;
            let count: i64 = found
                .and_then(|row| row.try_get_by_index(0).ok())
                .unwrap_or_default();
            secrets += u64::try_from(count).unwrap_or_default();
        }
        Ok(secrets)
    }

    /// The next rows of the whole table, by id.
    async fn rows_behind(
        &self,
        last: Option<&IntegrationId>,
        columns: &[Column],
        wanted: &Condition,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns(columns.iter().copied())
            .filter(
                Condition::all()
                    .add(wanted.clone())
                    .add_option(last.map(|last| Column::Id.gt(last.as_str()))),
            )
            .order_by(Column::Id, Order::Asc)
            .limit(ROWS_AT_A_TIME);
        self.all(select).await
    }
}

/// An update that leaves `updatedAt` alone, which MySQL otherwise sets by itself.
fn quiet_update() -> UpdateStatement {
    Query::update()
        .table(Entity)
        .value(Column::UpdatedAt, Expr::col(Column::UpdatedAt))
        .to_owned()
}
