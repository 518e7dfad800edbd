//! Taking a key out for good.
//!
//! The canary goes first, then the key leaves the file. Killed between the two, the file holds a
//! key more than is needed, with which the server starts as before; the other way round it would
//! find a canary that it cannot open, and refuse. Running it again finishes.

use std::time::Duration;

use sea_orm::DatabaseConnection;

use crate::{
    CanaryError, KeyFile, KeyFileError, KeyId, KeyRingError, StoreError,
    canary::{self, bounded},
    forget_canary, key_usage,
};

/// Where it is, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetireStep {
    /// The canary is gone: whoever still seals with the key stops. It is waited for them.
    CanaryGone,
    /// Nobody seals with it any more; the file is about to be replaced.
    Settled,
}

/// Why a key stays.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// There is no such key, or it is the current one.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// Values are sealed with it.
    #[error("{values} stored values need the key {key}; seal them anew first (keys rewrap)")]
    StillNeeded {
        /// The key.
        key: KeyId,
        /// How many.
        values: u64,
    },
    /// Values may still be sealed with the key that is to go.
    #[error("the current key {0} is not in use yet: no server has begun to seal with it")]
    CurrentNotInUse(KeyId),
    /// The file cannot be changed.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The keys are not those of the database.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes a key's canary from the database, and the key from the file, if no stored value needs
/// it and it is not the current one.
///
/// Waits `wait` in between: as long as a server takes to see that the canary is gone, and a
/// statement that it had begun by then takes to end. What was sealed with the key up to there is
/// found, and the key stays.
pub async fn retire(
    db: &DatabaseConnection,
    file: &mut KeyFile,
    key: &KeyId,
    wait: Duration,
    watch: &mut (dyn FnMut(RetireStep) + Send),
) -> Result<(), RetireError> {
    let canaries = refuse(db, file, key).await?;
    forget_canary(db, key).await?;
    watch(RetireStep::CanaryGone);
    tokio::time::sleep(wait).await;
    let result = match refuse_needed(db, key).await {
        Ok(()) => {
            watch(RetireStep::Settled);
            file.replace(|ring| ring.remove(key)).map_err(Into::into)
        }
        Err(error) => Err(error),
    };
    // It stays, so what was true of it before is to be true again; but a canary of a key that
    // somebody else has taken out meanwhile would keep servers from starting.
    if result.is_err()
        && canaries.contains(key)
        && let Ok(now) = KeyFile::open(file.path())
        && now.ring().key(key) == file.ring().key(key)
    {
        canary::ensure(&bounded(db), now.ring(), key).await?;
    }
    result
}

/// Fails as [`retire`] would at its beginning; changes nothing.
pub async fn can_retire(
    db: &DatabaseConnection,
    file: &KeyFile,
    key: &KeyId,
) -> Result<(), RetireError> {
    refuse(db, file, key).await.map(drop)
}

/// Gives the keys that have a canary, unless the key has to stay.
async fn refuse(
    db: &DatabaseConnection,
    file: &KeyFile,
    key: &KeyId,
) -> Result<Vec<KeyId>, RetireError> {
    let current = file.ring().current_id();
    if !file.ring().contains(key) {
        return Err(KeyRingError::Unknown(key.clone()).into());
    }
    if key == current {
        return Err(KeyRingError::IsCurrent(key.clone()).into());
    }
    let canaries = canary::open_all(&canary::read(&bounded(db)).await?, file.ring())?;
    refuse_needed(db, key).await?;
    if !canaries.contains(current) {
        return Err(RetireError::CurrentNotInUse(current.clone()));
    }
    Ok(canaries)
}

async fn refuse_needed(db: &DatabaseConnection, key: &KeyId) -> Result<(), RetireError> {
    match key_usage::key_usage(db).await?.of(key) {
        0 => Ok(()),
        values => Err(RetireError::StillNeeded {
            key: key.clone(),
            values,
        }),
    }
}
