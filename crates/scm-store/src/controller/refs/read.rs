//! Reading what is known.

use std::time::Duration;

use scm_types::{CommitSha, FullRef, IntegrationId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QueryResult, QuerySelect,
    QueryTrait, Select,
};

use super::{
    KnownRef, RefController, RefRecord, RefSource, age, corrupt, digest_of, get, write::RefTally,
};
use crate::{
    StoreError,
    controller::clock_sql::millis_until,
    entity::{
        scm_known_ref::{Column, Entity, TABLE},
        scm_ref_check,
    },
};

/// How many names a statement holds.
const NAMES_AT_A_TIME: usize = 500;

const AGE: &str = "age";

impl RefController {
    /// How far the refs of an integration are known; `None` if nobody has begun with it.
    pub async fn tally(&self, id: &IntegrationId) -> Result<Option<RefTally>, StoreError> {
        use scm_ref_check::{Column, Entity, TABLE};
        let select = Entity::find()
            .select_only()
            .columns([Column::Version, Column::Baseline, Column::TooMany])
            .expr_as(millis_until(self.backend(), Column::CheckedAt), AGE)
            .filter(Column::IntegrationId.eq(id.as_str()))
            .into_query();
        let Some(row) = self.db.run(|pool| pool.query_one(&select)).await? else {
            return Ok(None);
        };
        let checked: Option<i64> = get(&row, TABLE, id.as_str(), AGE)?;
        let flag = |column: Column| get(&row, TABLE, id.as_str(), column.as_str());
        Ok(Some(RefTally {
            version: get(&row, TABLE, id.as_str(), Column::Version.as_str())?,
            baseline: flag(Column::Baseline)?,
            too_many: flag(Column::TooMany)?,
            checked: checked.map(age),
        }))
    }

    /// What is known of these refs; of those of which nothing is known there is nothing.
    pub async fn known(
        &self,
        id: &IntegrationId,
        names: &[FullRef],
    ) -> Result<Vec<KnownRef>, StoreError> {
        let mut known = Vec::with_capacity(names.len());
        for names in names.chunks(NAMES_AT_A_TIME) {
            let digests = names.iter().map(|name| digest_of(&name.to_string()));
            let select = self.refs_of(id).filter(Column::Digest.is_in(digests));
            known.extend(self.read(id, select).await?);
        }
        Ok(known)
    }

    /// All that is known of an integration's refs.
    pub async fn all_known(&self, id: &IntegrationId) -> Result<Vec<KnownRef>, StoreError> {
        self.read(id, self.refs_of(id)).await
    }

    fn refs_of(&self, id: &IntegrationId) -> Select<Entity> {
        Entity::find()
            .select_only()
            .columns([
                Column::Name,
                Column::CommitSha,
                Column::OtherSha,
                Column::Present,
                Column::Source,
            ])
            .expr_as(millis_until(self.backend(), Column::UpdatedAt), AGE)
            .filter(Column::IntegrationId.eq(id.as_str()))
    }

    async fn read(
        &self,
        id: &IntegrationId,
        select: Select<Entity>,
    ) -> Result<Vec<KnownRef>, StoreError> {
        let select = select.into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        rows.iter().map(|row| known_ref(row, id)).collect()
    }
}

fn known_ref(row: &QueryResult, id: &IntegrationId) -> Result<KnownRef, StoreError> {
    let id = id.as_str();
    let text = |column: Column| get::<String>(row, TABLE, id, column.as_str());
    let commit = |column: Column| {
        let raw: Option<String> = get(row, TABLE, id, column.as_str())?;
        let parsed = raw.as_deref().map(CommitSha::parse).transpose();
        parsed.map_err(|_| corrupt(TABLE, id, column.as_str()))
    };
    let name = FullRef::parse(&text(Column::Name)?);
    let source = RefSource::parse(&text(Column::Source)?);
    let written: Duration = age(get(row, TABLE, id, AGE)?);
    Ok(KnownRef {
        name: name.ok_or_else(|| corrupt(TABLE, id, Column::Name.as_str()))?,
        record: RefRecord {
            present: get(row, TABLE, id, Column::Present.as_str())?,
            commit: commit(Column::CommitSha)?,
            other: commit(Column::OtherSha)?,
            source: source.ok_or_else(|| corrupt(TABLE, id, Column::Source.as_str()))?,
        },
        age: written,
    })
}
