//! What hosts were asked to deliver again.

use std::{collections::HashMap, time::Duration};

use scm_types::IntegrationId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};

use super::{RefController, age, digest_of, get};
use crate::{
    StoreError,
    controller::clock_sql::{millis_until, now},
    entity::scm_redelivery::{Column, Entity},
};

const TABLE: &str = "scm_redeliveries";
const AGE: &str = "age";
const KEYS_AT_A_TIME: usize = 500;

/// That a delivery was asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// How often.
    pub asks: u32,
    /// How long ago it was asked for last.
    pub age: Duration,
}

impl RefController {
    /// Which of these deliveries were asked for again, by their keys at the host.
    pub async fn asked(
        &self,
        id: &IntegrationId,
        keys: &[&str],
    ) -> Result<HashMap<String, Asked>, StoreError> {
        let mut asked = HashMap::new();
        for keys in keys.chunks(KEYS_AT_A_TIME) {
            let by_digest: HashMap<String, &str> =
                keys.iter().map(|key| (digest_of(key), *key)).collect();
            let select = Entity::find()
                .select_only()
                .columns([Column::Digest, Column::Asks])
                .expr_as(millis_until(self.backend(), Column::AskedAt), AGE)
                .filter(Column::IntegrationId.eq(id.as_str()))
                .filter(Column::Digest.is_in(by_digest.keys().map(String::as_str)))
                .into_query();
            for row in self.db.run(|pool| pool.query_all(&select)).await? {
                let digest: String = get(&row, TABLE, id.as_str(), Column::Digest.as_str())?;
                let asks: i32 = get(&row, TABLE, id.as_str(), Column::Asks.as_str())?;
                if let Some(key) = by_digest.get(&digest) {
                    let it = Asked {
                        asks: u32::try_from(asks).unwrap_or_default(),
                        age: age(get(&row, TABLE, id.as_str(), AGE)?),
                    };
                    asked.insert((*key).to_owned(), it);
                }
            }
        }
        Ok(asked)
    }

    /// Notes that a delivery was asked for again, once more.
    pub async fn note_asked(&self, id: &IntegrationId, key: &str) -> Result<(), StoreError> {
        let further = Expr::col((Entity, Column::Asks)).add(1);
        let mut upsert = Query::insert();
        upsert
            .into_table(Entity)
            .columns([
                Column::IntegrationId,
                Column::Digest,
                Column::Asks,
                Column::AskedAt,
            ])
            .values_panic([
                Expr::value(id.as_str()),
                Expr::value(digest_of(key)),
                Expr::value(1_i32),
                now(self.backend()),
            ])
            .on_conflict(
                OnConflict::columns([Column::IntegrationId, Column::Digest])
                    .value(Column::Asks, further)
                    .value(Column::AskedAt, now(self.backend()))
                    .to_owned(),
            );
        self.db.run(|pool| pool.execute(&upsert)).await?;
        Ok(())
    }
}
