//! The canary: one sealed, known text per master key. It tells at start whether the keys given are
//! those that the secrets were sealed with, before the first secret fails to open.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic, QueryFilter,
    QueryOrder, sea_query::Query,
};

use scm_types::Timestamp;

use crate::{
    Cipher, KeyId, KeyRing, SecretPlace, StoreError,
    cipher::{open_with, seal_with, sealed_with},
    entity::scm_key_canary::{Column, Entity, Model, TABLE},
    query::Bounded,
};

/// The keys are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryState {
    /// There was no canary for the current key; there is one now.
    Written,
    /// Every canary opened, the current key's among them.
    Opened,
}

/// The keys are not those that the database's secrets were sealed with, or it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// A key that sealed secrets is missing, or another key has its name.
    #[error(
        "the keys given are not those of this database: it needs {}, given are {}; not usable: {}",
        list(expected),
        list(found),
        list(failed)
    )]
    WrongKeys {
        /// The keys that the database's secrets were sealed with.
        expected: Vec<KeyId>,
        /// The keys that were given.
        found: Vec<KeyId>,
        /// Those of the first that were not given, or are different under the same name.
        failed: Vec<KeyId>,
    },
    /// The database did not answer, or has no table for canaries yet.
    #[error("the key canaries cannot be read")]
    Store(#[from] StoreError),
}

fn list(ids: &[KeyId]) -> String {
    ids.iter().map(KeyId::as_str).collect::<Vec<_>>().join(", ")
}

/// A key's canary, as somebody with these keys sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCanary {
    /// The key that it is of.
    pub key: KeyId,
    /// True if it opens with the key of that name that was given.
    pub opens: bool,
}

const KNOWN_TEXT: &str = "canary";
const LIMIT: Duration = Duration::from_secs(15);

/// Opens every canary there is, and writes one for the current key if it has none yet.
///
/// Fails with [`CanaryError::WrongKeys`] if one of them does not open: then no secret sealed with
/// that key would either, and the program must not start.
pub async fn check_canary(
    db: &DatabaseConnection,
    cipher: &Cipher,
) -> Result<CanaryState, CanaryError> {
    let ring = cipher.ring();
    ensure(&bounded(db), &ring, ring.current_id()).await
}

/// True if every canary opens and the current key has one; reads only. Fails as [`check_canary`]
/// does.
pub async fn canaries_open(db: &DatabaseConnection, cipher: &Cipher) -> Result<bool, CanaryError> {
    let ring = cipher.ring();
    let canaries = read(&bounded(db)).await?;
    Ok(open_all(&canaries, &ring)?.contains(ring.current_id()))
}

/// Opens canaries that stand somewhere else than in a database, each given as the name of its key and what
/// it has sealed. Fails with [`CanaryError::WrongKeys`] if one of them does not open.
pub fn open_canaries<'a>(
    canaries: impl IntoIterator<Item = (&'a str, &'a str)>,
    ring: &KeyRing,
) -> Result<(), CanaryError> {
    let canaries = canaries.into_iter().map(|(key, sealed)| Model {
        key_id: key.to_owned(),
        sealed_value: sealed.to_owned(),
        created_at: Timestamp::EPOCH.to_utc(),
    });
    let canaries: Vec<_> = canaries.collect();
    open_all(&canaries, ring).map(drop)
}

/// Every canary there is, by the name of its key.
pub async fn key_canaries(
    db: &DatabaseConnection,
    ring: &KeyRing,
) -> Result<Vec<KeyCanary>, StoreError> {
    let mut found = Vec::new();
    for canary in read(&bounded(db)).await? {
        let key = key_id(&canary)?;
        let opens = is_right(&canary, &key, ring);
        found.push(KeyCanary { key, opens });
    }
    found.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(found)
}

/// The keys that secrets of this database were ever sealed with; none in a new one.
pub async fn canary_key_ids(db: &DatabaseConnection) -> Result<Vec<KeyId>, StoreError> {
    read(&bounded(db)).await?.iter().map(key_id).collect()
}

/// Removes a key's canary, before the key itself is taken out of the ring. Only when nothing is
/// sealed with that key any more: its absence is not noticed from then on. False if it had none.
pub async fn forget_canary(db: &DatabaseConnection, key: &KeyId) -> Result<bool, StoreError> {
    let removed = bounded(db)
        .run(|pool| {
            Entity::delete_many()
                .filter(Column::KeyId.eq(key.as_str()))
                .exec(pool)
        })
        .await?;
    Ok(removed.rows_affected > 0)
}

pub(crate) fn bounded(db: &DatabaseConnection) -> Bounded {
    Bounded::new(db.clone(), LIMIT)
}

/// The canaries, the newest first.
pub(crate) async fn read(db: &Bounded) -> Result<Vec<Model>, StoreError> {
    db.run(|pool| {
        Entity::find()
            .order_by_desc(Column::CreatedAt)
            .order_by_asc(Column::KeyId)
            .all(pool)
    })
    .await
}

/// Opens every canary and writes one for this key of the ring if it has none.
pub(crate) async fn ensure(
    db: &Bounded,
    ring: &KeyRing,
    key: &KeyId,
) -> Result<CanaryState, CanaryError> {
    // Twice, for another process may write the same canary in between.
    for _ in 0..2 {
        if open_all(&read(db).await?, ring)?.contains(key) {
            return Ok(CanaryState::Opened);
        }
        match write(db, ring, key).await {
            Err(StoreError::Conflict) => {}
            other => return Ok(other.map(|()| CanaryState::Written)?),
        }
    }
    Err(StoreError::Conflict.into())
}

fn key_id(canary: &Model) -> Result<KeyId, StoreError> {
    KeyId::parse(&canary.key_id).map_err(|_| StoreError::Corrupt {
        table: TABLE,
        column: Column::KeyId.as_str(),
        id: canary.key_id.clone(),
    })
}

/// The keys that have a canary, in the order given. Fails if one of them does not open.
pub(crate) fn open_all(canaries: &[Model], ring: &KeyRing) -> Result<Vec<KeyId>, CanaryError> {
    let mut expected = Vec::new();
    let mut failed = Vec::new();
    for canary in canaries {
        let id = key_id(canary)?;
        if !is_right(canary, &id, ring) {
            failed.push(id.clone());
        }
        expected.push(id);
    }
    if failed.is_empty() {
        return Ok(expected);
    }
    expected.sort();
    failed.sort();
    Err(CanaryError::WrongKeys {
        expected,
        found: ring.ids().cloned().collect(),
        failed,
    })
}

fn is_right(canary: &Model, id: &KeyId, ring: &KeyRing) -> bool {
    // Sealed with the key it is named after, or another key's could stand in for it.
    sealed_with(&canary.sealed_value).as_ref() == Some(id)
        && open_with(ring, &place(id), &canary.sealed_value).is_ok_and(|text| *text == KNOWN_TEXT)
}

async fn write(db: &Bounded, ring: &KeyRing, id: &KeyId) -> Result<(), StoreError> {
    let sealed = seal_with(ring, id, &place(id), KNOWN_TEXT)?;
    let mut insert = Query::insert();
    // `createdAt` is for people and for the order; the database fills it.
    insert
        .into_table(Entity)
        .columns([Column::KeyId, Column::SealedValue])
        .values_panic([id.as_str().into(), sealed.into()]);
    db.run(|pool| pool.execute(&insert)).await.map(|_| ())
}

/// No tenant has an empty id, so no secret of one can stand in for a canary.
fn place(id: &KeyId) -> SecretPlace<'_> {
    SecretPlace {
        table: TABLE,
        column: "sealedValue",
        row: id.as_str(),
        tenant: "",
    }
}
