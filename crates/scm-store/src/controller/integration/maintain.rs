//! Upkeep of the whole table, for the operator's commands. Here, in `key_usage` and in `rewrap` is
//! no scope; they give out counts, never rows.

use scm_types::{IntegrationId, RepoUrl, ScmType, WebHosts};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QueryResult,
    QuerySelect,
    sea_query::{Condition, Expr, Query, UpdateStatement},
};

use super::ScmIntegrationController;
use crate::{
    StoreError,
    convert::Row,
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
pub(crate) fn quiet_update() -> UpdateStatement {
    Query::update()
        .table(Entity)
        .value(Column::UpdatedAt, Expr::col(Column::UpdatedAt))
        .to_owned()
}
