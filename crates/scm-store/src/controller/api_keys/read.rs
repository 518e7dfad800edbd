//! Finding keys: for who authenticates, and for lists.

use scm_types::{
    Access, AccountId, ApiKeyCursor, ApiKeyFilter, ApiKeyId, ApiKeyPage, DisplayName, SafeApiKey,
    TenantId, TenantScope, Timestamp,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QuerySelect, Select,
    prelude::DateTimeUtc,
    sea_query::{Query, UpdateStatement},
};
use subtle::ConstantTimeEq as _;

use super::{
    ApiKeyController, corrupt,
    make::{bound, hash},
    place, within,
};
use crate::{
    Cipher, StoreError,
    entity::scm_api_key::{Column, Entity, Model, TABLE},
    value::time,
};

/// A key with what it is recognised by.
pub struct ApiKeyMatch {
    key: SafeApiKey,
    hash: [u8; 32],
}

impl ApiKeyMatch {
    /// When the key was last used, as far as it is noted.
    #[must_use]
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.key.last_used_at
    }

    /// The key of what [`ApiKeyController::lookup`] found, if `presented` is it: whole, as it was
    /// given out. Takes the same time for every wrong one, also where nothing was found. Whether
    /// the key has expired is not looked at.
    #[must_use]
    pub fn recognised<'a>(found: Option<&'a Self>, presented: &str) -> Option<&'a SafeApiKey> {
        let none = [0; 32];
        let expected = found.map_or(&none, |found| &found.hash);
        let same = bool::from(hash(presented).ct_eq(expected));
        found.filter(|_| same).map(|found| &found.key)
    }
}

impl ApiKeyController {
    /// What a key of this id is recognised by; `None` if there is none, or if it is revoked.
    ///
    /// The one lookup without a scope: it finds out whose request it is. Fails with
    /// [`StoreError::Unreadable`] if the digest does not open, with [`StoreError::Corrupt`] if the
    /// row says anything else than was sealed with it.
    pub async fn lookup(
        &self,
        cipher: &Cipher,
        id: &ApiKeyId,
    ) -> Result<Option<ApiKeyMatch>, StoreError> {
        let select = Entity::find()
            .filter(Column::Id.eq(id.as_str()))
            .filter(Column::RevokedAt.is_null());
        let found = self.db.run(|pool| select.clone().one(pool)).await?;
        let Some(row) = found else {
            return Ok(None);
        };
        let Some(sealed) = &row.secret_hash else {
            return Ok(None);
        };
        let key = safe(&row)?;
        let opened = cipher.open(&place(&key.id, &key.access), sealed);
        let opened = opened.map_err(|_| StoreError::Unreadable {
            table: TABLE,
            column: Column::SecretHash.as_str(),
            id: id.to_string(),
        })?;
        let hash = opened
            .strip_prefix(&bound(&key.access, key.expires_at, &key.account_id))
            .and_then(digest);
        let hash = hash.ok_or_else(|| corrupt(&row.id, Column::SecretHash))?;
        Ok(Some(ApiKeyMatch { key, hash }))
    }

    /// One page of keys, newest first, revoked and expired ones too.
    pub async fn list(
        &self,
        scope: &TenantScope,
        filter: &ApiKeyFilter,
    ) -> Result<ApiKeyPage, StoreError> {
        let limit = usize::from(filter.limit.get());
        let select = self.page(scope, filter);
        let rows = self.db.run(|pool| select.clone().all(pool)).await?;
        let more = rows.len() > limit;
        let items = rows.iter().take(limit).map(safe);
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let last = items.last().filter(|_| more);
        Ok(ApiKeyPage {
            next: last.map(|last| ApiKeyCursor {
                created_at: last.created_at,
                id: last.id.clone(),
            }),
            items,
        })
    }

    /// The key of this id; `None` if the scope reaches none.
    pub async fn find(
        &self,
        scope: &TenantScope,
        id: &ApiKeyId,
    ) -> Result<Option<SafeApiKey>, StoreError> {
        let select = Entity::find().filter(within(scope).add(Column::Id.eq(id.as_str())));
        let found = self.db.run(|pool| select.clone().one(pool)).await?;
        found.as_ref().map(safe).transpose()
    }

    /// Notes when a key was used, unless a later use is noted already.
    pub async fn used(&self, id: &ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
        let update = self.use_noted(id, at);
        self.db.run(|pool| pool.execute(&update)).await.map(|_| ())
    }

    fn use_noted(&self, id: &ApiKeyId, at: Timestamp) -> UpdateStatement {
        let at = time(self.backend(), at);
        let earlier = Condition::any()
            .add(Column::LastUsedAt.is_null())
            .add(Column::LastUsedAt.lt(at.clone()));
        Query::update()
            .table(Entity)
            .value(Column::LastUsedAt, at)
            .cond_where(Column::Id.eq(id.as_str()))
            .cond_where(earlier)
            .to_owned()
    }

    /// The statement behind a page. It fetches one row more than asked for, which tells whether
    /// there is another page.
    pub(super) fn page(&self, scope: &TenantScope, filter: &ApiKeyFilter) -> Select<Entity> {
        let tenant = filter.tenant_id.as_ref();
        let tenant = tenant.map(|tenant| Column::TenantId.eq(tenant.as_str()));
        let behind = filter.after.as_ref().map(|after| self.behind(after));
        Entity::find()
            .filter(within(scope).add_option(tenant).add_option(behind))
            .order_by(Column::CreatedAt, Order::Desc)
            .order_by(Column::Id, Order::Desc)
            .limit(u64::from(filter.limit.get()) + 1)
    }

    /// The first part tells every optimiser where to start in the index.
    fn behind(&self, cursor: &ApiKeyCursor) -> Condition {
        let at = time(self.backend(), cursor.created_at);
        Condition::all().add(Column::CreatedAt.lte(at.clone())).add(
            Condition::any()
                .add(Column::CreatedAt.lt(at))
                .add(Column::Id.lt(cursor.id.as_str())),
        )
    }
}

/// The digest that stands in hexadecimal.
fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A row as it may leave the process.
fn safe(row: &Model) -> Result<SafeApiKey, StoreError> {
    let corrupt = |column| corrupt(&row.id, column);
    let account = |raw: &str, column| AccountId::parse(raw).map_err(|_| corrupt(column));
    let time = |at: Option<DateTimeUtc>| at.map(Timestamp::from);
    let tenant = row.tenant_id.as_deref().map(TenantId::parse).transpose();
    let tenant = tenant.map_err(|_| corrupt(Column::TenantId))?;
    let creator = row.created_by.as_deref();
    Ok(SafeApiKey {
        id: ApiKeyId::parse(row.id.as_str()).map_err(|_| corrupt(Column::Id))?,
        access: Access::of(&row.role, tenant).ok_or_else(|| corrupt(Column::Role))?,
        name: DisplayName::parse(&row.name).map_err(|_| corrupt(Column::Name))?,
        account_id: account(&row.account_id, Column::AccountId)?,
        created_at: row.created_at.into(),
        created_by: creator
            .map(|raw| account(raw, Column::CreatedBy))
            .transpose()?,
        expires_at: time(row.expires_at),
        last_used_at: time(row.last_used_at),
        revoked_at: time(row.revoked_at),
    })
}
