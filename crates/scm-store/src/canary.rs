//! The canary: one sealed, known text per master key. It tells at start whether the keys given are
//! those that the secrets were sealed with, before the first secret fails to open.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic, QueryFilter,
    sea_query::Query,
};

use crate::{
    Cipher, KeyId, SecretPlace, StoreError,
    cipher::sealed_with,
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
    let db = Bounded {
        pool: db.clone(),
        limit: LIMIT,
    };
    // Twice, for another process may write the same canary in between.
    for _ in 0..2 {
        let canaries = db.run(|pool| Entity::find().all(pool)).await?;
        if open_all(&canaries, cipher)? {
            return Ok(CanaryState::Opened);
        }
        match write(&db, cipher).await {
            Err(StoreError::Conflict) => {}
            other => return Ok(other.map(|()| CanaryState::Written)?),
        }
    }
    Err(StoreError::Conflict.into())
}

/// True if every canary opens and the current key has one; reads only. Fails as [`check_canary`]
/// does.
pub async fn canaries_open(db: &DatabaseConnection, cipher: &Cipher) -> Result<bool, CanaryError> {
    let db = Bounded {
        pool: db.clone(),
        limit: LIMIT,
    };
    let canaries = db.run(|pool| Entity::find().all(pool)).await?;
    open_all(&canaries, cipher)
}

/// The keys that secrets of this database were ever sealed with; none in a new one.
pub async fn canary_key_ids(db: &DatabaseConnection) -> Result<Vec<KeyId>, StoreError> {
    let db = Bounded {
        pool: db.clone(),
        limit: LIMIT,
    };
    let canaries = db.run(|pool| Entity::find().all(pool)).await?;
    canaries.iter().map(key_id).collect()
}

/// Removes a key's canary, before the key itself is taken out of the ring. Only when nothing is
/// sealed with that key any more: its absence is not noticed from then on. False if it had none.
pub async fn forget_canary(db: &DatabaseConnection, key: &KeyId) -> Result<bool, StoreError> {
    let db = Bounded {
        pool: db.clone(),
        limit: LIMIT,
    };
    let removed = db
        .run(|pool| {
            Entity::delete_many()
                .filter(Column::KeyId.eq(key.as_str()))
                .exec(pool)
        })
        .await?;
    Ok(removed.rows_affected > 0)
}

fn key_id(canary: &Model) -> Result<KeyId, StoreError> {
    KeyId::parse(&canary.key_id).map_err(|_| StoreError::Corrupt {
        table: TABLE,
        column: Column::KeyId.as_str(),
        id: canary.key_id.clone(),
    })
}

/// True if the current key has a canary and every canary opens.
fn open_all(canaries: &[Model], cipher: &Cipher) -> Result<bool, CanaryError> {
    let mut expected = Vec::new();
    let mut failed = Vec::new();
    for canary in canaries {
        let id = key_id(canary)?;
        let opened = cipher.open(&place(&id), &canary.sealed_value);
        // Sealed with the key it is named after, or another key's could stand in for it.
        let right = sealed_with(&canary.sealed_value).as_ref() == Some(&id)
            && opened.is_ok_and(|text| *text == KNOWN_TEXT);
        if !right {
            failed.push(id.clone());
        }
        expected.push(id);
    }
    if failed.is_empty() {
        return Ok(expected.contains(cipher.ring().current_id()));
    }
    Err(CanaryError::WrongKeys {
        expected,
        found: cipher.ring().ids().cloned().collect(),
        failed,
    })
}

async fn write(db: &Bounded, cipher: &Cipher) -> Result<(), StoreError> {
    let id = cipher.ring().current_id();
    let sealed = cipher.seal(&place(id), KNOWN_TEXT)?;
    let mut insert = Query::insert();
    // `createdAt` is for people only; the database fills it.
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
