//! Making a key.

use std::fmt::Write as _;

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use scm_types::{
    Access, AccountId, Actor, ApiKeyId, ApiKeySecret, AuditAction, AuditDetail, AuditFact,
    AuditRecord, DisplayName, SafeApiKey, TenantId, TenantScope, Timestamp, Who,
};
use sea_orm::sea_query::{Expr, InsertStatement, Query};
use zeroize::Zeroizing;

use super::{ApiKeyController, chain, place};
use crate::{
    Cipher, SealError, StoreError,
    controller::audit::{Draft, noted},
    entity::scm_api_key::{Column, Entity},
    id::new_api_key_id,
    value::time,
};

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewStoredKey {
    /// What it may do.
    pub access: Access,
    /// What people call it.
    pub name: DisplayName,
    /// The account that it acts as.
    pub account_id: AccountId,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// Random bytes of a key.
const SECRET_BYTES: usize = 32;

impl ApiKeyController {
    /// Makes a key and gives it out, this once.
    ///
    /// Fails with [`StoreError::OutsideScope`] if the actor does not reach what the key would.
    pub async fn create(
        &self,
        cipher: &Cipher,
        actor: &Actor,
        new: &NewStoredKey,
    ) -> Result<(SafeApiKey, ApiKeySecret), StoreError> {
        let reached = match new.access.tenant() {
            Some(tenant) => actor.scope.contains(tenant),
            None => actor.scope == TenantScope::Platform,
        };
        if !reached {
            return Err(StoreError::OutsideScope);
        }
        let id = new_api_key_id();
        let secret = made(&id)?;
        let known = known(new, &hash(secret.expose()));
        let sealed = cipher.seal(&place(&id, &new.access), &known)?;
        let key = SafeApiKey {
            id,
            access: new.access.clone(),
            name: new.name.clone(),
            account_id: new.account_id.clone(),
            created_at: self.clock.now(),
            created_by: match &actor.who {
                Who::Member(account) | Who::Platform(account) => Some(account.clone()),
                Who::Server(_) => None,
            },
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let mut detail = AuditDetail::default()
            .with("role", AuditFact::name(key.access.role_name()))
            .with("name", AuditFact::name(key.name.as_str()))
            .with("accountId", &key.account_id);
        if let Some(end) = key.expires_at {
            detail = detail.with("expiresAt", end);
        }
        let chain = chain(&key.access);
        let draft = Draft {
            chain: chain.as_str(),
            subject: key.id.as_str(),
            actor,
            at: key.created_at,
            record: &AuditRecord::done(AuditAction::ApiKeyCreated).with(detail),
        };
        noted(&self.db, &self.insert(&key, sealed), &draft)
            .await
            .map_err(StoreError::from_driver)?;
        Ok((key, secret))
    }

    fn insert(&self, key: &SafeApiKey, sealed: String) -> InsertStatement {
        let at = |at: Timestamp| Expr::value(time(self.backend(), at));
        let mut columns = vec![
            (Column::Id, Expr::value(key.id.as_str())),
            (
                Column::TenantId,
                Expr::value(key.access.tenant().map(TenantId::as_str)),
            ),
            (Column::Role, Expr::value(key.access.role_name())),
            (Column::Name, Expr::value(key.name.as_str())),
            (Column::AccountId, Expr::value(key.account_id.as_str())),
            (Column::SecretHash, Expr::value(sealed)),
            (Column::CreatedAt, at(key.created_at)),
            (
                Column::CreatedBy,
                Expr::value(key.created_by.as_ref().map(AccountId::as_str)),
            ),
        ];
        if let Some(end) = key.expires_at {
            columns.push((Column::ExpiresAt, at(end)));
        }
        let (columns, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let mut insert = Query::insert();
        insert
            .into_table(Entity)
            .columns(columns)
            .values_panic(values);
        insert
    }
}

fn made(id: &ApiKeyId) -> Result<ApiKeySecret, SealError> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    SystemRandom::new()
        .fill(bytes.as_mut_slice())
        .map_err(|_| SealError::Random)?;
    // One allocation of the right size: growing would leave copies behind.
    let mut key = String::with_capacity(ApiKeyId::MAX + 2 * SECRET_BYTES + 8);
    let _ = write!(key, "scm_{id}_");
    for byte in bytes.iter() {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    Ok(ApiKeySecret::new(key))
}

/// What a key is compared with. 32 random bytes need no slow hash: there is nothing to guess.
pub(super) fn hash(key: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    bytes
}

/// What is sealed: the digest, and all that the key stands for but for the tenant, which is a part
/// of the place. No part has a space.
fn known(new: &NewStoredKey, hash: &[u8; 32]) -> String {
    let mut text = bound(&new.access, new.expires_at, &new.account_id);
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// All of it but the digest, which follows.
pub(super) fn bound(access: &Access, end: Option<Timestamp>, account: &AccountId) -> String {
    let role = access.role_name();
    let end = end.map_or("-".to_owned(), |end| end.as_millis().to_string());
    format!("v1 {role} {end} {account} ")
}
