//! API keys: told once, recognised by a sealed digest, gone when they are revoked.

use std::{ops::Deref, sync::Arc, time::Duration};

use scm_store::{
    ApiKeyController, ApiKeyMatch, Cipher, KeyRing, NewStoredKey, RewrapOptions, StoreError,
    check_canary, key_usage, rewrap,
};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    Access, AccountId, Actor, ApiKeyFilter, ApiKeyId, ApiKeySecret, AuditEntry, AuditRequest,
    DisplayName, IntegrationId, PageLimit, Role, SafeApiKey, ServerTask, TenantScope, Timestamp,
};

use crate::given::{Given, KEYS, by, cipher, key_id, rotated, scope, tenant};

fn of_tenant(raw: &str, role: Role) -> Access {
    let tenant = tenant(raw);
    Access::Tenant { tenant, role }
}

fn new(access: Access) -> NewStoredKey {
    NewStoredKey {
        access,
        name: DisplayName::parse("Release bot").unwrap(),
        account_id: AccountId::parse("acc_9").unwrap(),
        expires_at: None,
    }
}

/// The controller with the master keys.
struct Keys {
    controller: ApiKeyController,
    cipher: Arc<Cipher>,
}

impl Keys {
    async fn create(
        &self,
        actor: &Actor,
        new: &NewStoredKey,
    ) -> Result<(SafeApiKey, ApiKeySecret), StoreError> {
        self.controller.create(&self.cipher, actor, new).await
    }

    async fn lookup(&self, id: &ApiKeyId) -> Result<Option<ApiKeyMatch>, StoreError> {
        self.controller.lookup(&self.cipher, id).await
    }
}

impl Deref for Keys {
    type Target = ApiKeyController;

    fn deref(&self) -> &ApiKeyController {
        &self.controller
    }
}

impl Given {
    fn api_keys(&self) -> Keys {
        self.api_keys_with(KEYS)
    }

    fn api_keys_with(&self, keys: &str) -> Keys {
        let controller = ApiKeyController::new(self.pool.clone(), self.clock.clone());
        Keys {
            controller,
            cipher: cipher(keys),
        }
    }

    async fn made(&self, access: Access) -> (SafeApiKey, ApiKeySecret) {
        let platform = by(&TenantScope::Platform);
        self.api_keys()
            .create(&platform, &new(access))
            .await
            .unwrap()
    }

    /// What is noted about a key, the oldest first.
    async fn noted_about(&self, scope: &TenantScope, id: &ApiKeyId) -> Vec<AuditEntry> {
        let audit = scm_store::AuditController::new(self.pool.clone(), self.clock.clone());
        let about = IntegrationId::parse(id.as_str()).unwrap();
        let page = audit.page(scope, &about, &AuditRequest::default()).await;
        let mut items = page.unwrap().map_or_else(Vec::new, |page| page.items);
        items.reverse();
        items
    }
}

/// Whether the key is known, and as what.
async fn recognised(keys: &Keys, secret: &ApiKeySecret) -> Option<Access> {
    let id = secret.expose().split('_').nth(1).unwrap();
    let found = keys.lookup(&ApiKeyId::parse(id).unwrap()).await.unwrap();
    let key = ApiKeyMatch::recognised(found.as_ref(), secret.expose());
    key.map(|key| key.access.clone())
}

fn ids(keys: &[SafeApiKey]) -> Vec<&str> {
    keys.iter().map(|key| key.id.as_str()).collect()
}

on_every_database! {
    async fn a_key_is_told_once_and_recognised_whole(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        for access in [
            Access::Platform,
            of_tenant("t1", Role::Viewer),
            of_tenant("t1", Role::Editor),
            of_tenant("t2", Role::Owner),
        ] {
            let (key, secret) = given.made(access.clone()).await;
            assert_eq!(recognised(&keys, &secret).await, Some(access.clone()));
            let found = keys.lookup(&key.id).await.unwrap();
            let whole = secret.expose();
            for wrong in ["", &whole[..whole.len() - 1], &format!("{whole}0"), &whole.to_uppercase()] {
                assert!(ApiKeyMatch::recognised(found.as_ref(), wrong).is_none(), "{wrong}");
            }
            assert_eq!(ApiKeyMatch::recognised(found.as_ref(), whole), Some(&key));
            assert_eq!(ApiKeyMatch::recognised(None, whole), None);
            assert_eq!(keys.find(&TenantScope::Platform, &key.id).await.unwrap(), Some(key));
        }
        let (_, secret) = given.made(Access::Platform).await;
        let secret = secret.expose().rsplit('_').next().unwrap().to_owned();
        let rows = given.rows("SELECT `secretHash` FROM `scm_api_keys`").await;
        for row in &rows {
            let stored: String = row.try_get_by_index(0).unwrap();
            assert!(stored.starts_with("v1.k1.") && !stored.contains(&secret), "{stored}");
        }
        let nobody = ApiKeyId::parse("nobody").unwrap();
        assert!(keys.lookup(&nobody).await.unwrap().is_none());
    }

    async fn making_and_revoking_are_noted(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        let owner = by(&scope("t1"));
        let (key, secret) = keys.create(&owner, &NewStoredKey {
            expires_at: Some(Timestamp::parse("2028-01-01T00:00:00Z").unwrap()),
            ..new(of_tenant("t1", Role::Editor))
        }).await.unwrap();
        given.tick();
        let revoked = keys.revoke(&owner, &key.id).await.unwrap().unwrap();
        assert!(revoked.revoked_at > Some(key.created_at));
        assert_eq!(recognised(&keys, &secret).await, None, "it is revoked");
        given.tick();
        let again = keys.revoke(&owner, &key.id).await.unwrap();
        assert_eq!(again, Some(revoked), "once is enough");
        let rows = given.rows("SELECT `secretHash` FROM `scm_api_keys`").await;
        assert_eq!(rows[0].try_get_by_index::<Option<String>>(0).unwrap(), None, "erased");

        let noted = given.noted_about(&scope("t1"), &key.id).await;
        let told: Vec<_> = noted.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(told, ["api_key.created", "api_key.revoked"]);
        let detail = serde_json::to_value(&noted[0].detail).unwrap();
        assert_eq!(detail, serde_json::json!({
            "accountId": "acc_9",
            "expiresAt": "2028-01-01T00:00:00.000Z",
            "name": "Release bot",
            "role": "editor",
        }));
        assert!(given.noted_about(&scope("t2"), &key.id).await.is_empty());

        let operator = Actor::server(ServerTask::Command);
        let (platforms, _) = keys.create(&operator, &new(Access::Platform)).await.unwrap();
        assert_eq!(platforms.created_by, None);
        let noted = given.noted_about(&TenantScope::Platform, &platforms.id).await;
        assert_eq!((noted.len(), noted[0].actor.id.as_str()), (1, "command"));
        assert!(given.noted_about(&scope("t1"), &platforms.id).await.is_empty());
        let whole = scm_store::verify_audit(&given.pool, &scm_store::AuditVerifyOptions::default(), &mut |_| {}).await;
        let whole = whole.unwrap();
        assert_eq!((whole.chains, whole.rows, whole.broken), (2, 3, 0));
    }

    async fn what_cannot_be_noted_does_not_happen(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        let (key, secret) = given.made(of_tenant("t1", Role::Owner)).await;
        given.execute("DROP TABLE `scm_audit_log`").await;
        let owner = by(&scope("t1"));
        assert!(keys.create(&owner, &new(of_tenant("t1", Role::Viewer))).await.is_err());
        assert!(keys.revoke(&owner, &key.id).await.is_err());
        assert!(recognised(&keys, &secret).await.is_some());
        let all = keys.list(&TenantScope::Platform, &ApiKeyFilter::default()).await.unwrap();
        assert_eq!(ids(&all.items), [key.id.as_str()]);
    }

    async fn tenants_keep_to_themselves(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        let (platforms, _) = given.made(Access::Platform).await;
        given.tick();
        let (own, _) = given.made(of_tenant("t1", Role::Owner)).await;
        given.tick();
        let (foreign, secret) = given.made(of_tenant("t2", Role::Owner)).await;
        let t1 = scope("t1");
        for id in [&platforms.id, &foreign.id] {
            assert_eq!(keys.find(&t1, id).await.unwrap(), None);
            assert_eq!(keys.revoke(&by(&t1), id).await.unwrap(), None);
        }
        assert!(recognised(&keys, &secret).await.is_some(), "it is not revoked");
        for access in [Access::Platform, of_tenant("t2", Role::Viewer)] {
            let refused = keys.create(&by(&t1), &new(access)).await;
            assert!(matches!(refused, Err(StoreError::OutsideScope)));
        }
        let listed = async |scope: &TenantScope, of: Option<&str>| {
            let filter = ApiKeyFilter { tenant_id: of.map(tenant), ..ApiKeyFilter::default() };
            let page = keys.list(scope, &filter).await.unwrap();
            ids(&page.items).join(" ")
        };
        assert_eq!(listed(&t1, None).await, own.id.as_str());
        assert_eq!(listed(&t1, Some("t2")).await, "");
        assert_eq!(listed(&TenantScope::Platform, Some("t2")).await, foreign.id.as_str());
        let all = format!("{} {} {}", foreign.id, own.id, platforms.id);
        assert_eq!(listed(&TenantScope::Platform, None).await, all);
    }

    async fn a_list_can_be_walked(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        for number in 0..7 {
            given.made(of_tenant("t1", Role::Viewer)).await;
            // Some are made in the same millisecond.
            if number % 3 == 0 {
                given.tick();
            }
        }
        let mut filter = ApiKeyFilter { limit: PageLimit::new(3).unwrap(), ..ApiKeyFilter::default() };
        let (mut seen, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let page = keys.list(&scope("t1"), &filter).await.unwrap();
            sizes.push(page.items.len());
            seen.extend(page.items.into_iter().map(|key| (key.created_at, key.id)));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [3, 3, 1]);
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.reverse();
        sorted.dedup();
        assert_eq!(seen, sorted);
    }

    async fn a_row_that_was_changed_by_hand_is_no_key(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        for change in [
            "`role` = 'owner'",
            "`role` = 'platform', `tenantId` = NULL",
            "`tenantId` = 't2'",
            "`accountId` = 'root'",
            "`expiresAt` = NULL",
            "`secretHash` = 'sha256'",
        ] {
            let end = Some(Timestamp::parse("2028-01-01T00:00:00Z").unwrap());
            let (key, _) = keys.create(&by(&scope("t1")), &NewStoredKey {
                expires_at: end,
                ..new(of_tenant("t1", Role::Viewer))
            }).await.unwrap();
            assert!(keys.lookup(&key.id).await.unwrap().is_some());
            let changed = format!("UPDATE `scm_api_keys` SET {change} WHERE `id` = '{}'", key.id);
            assert_eq!(given.execute(&changed).await, 1);
            let refused = keys.lookup(&key.id).await;
            assert!(
                matches!(refused, Err(StoreError::Corrupt { .. } | StoreError::Unreadable { .. })),
                "{change}"
            );
        }
        // Another key's digest opens in its own row alone.
        let (one, _) = given.made(of_tenant("t1", Role::Viewer)).await;
        let (_, other) = given.made(of_tenant("t1", Role::Viewer)).await;
        let rows = given.rows(&format!(
            "SELECT `secretHash` FROM `scm_api_keys` WHERE `id` <> '{}'", one.id
        )).await;
        let moved: Option<String> = rows.last().unwrap().try_get_by_index(0).unwrap();
        given.execute(&format!(
            "UPDATE `scm_api_keys` SET `secretHash` = '{}' WHERE `id` = '{}'", moved.unwrap(), one.id
        )).await;
        assert!(matches!(keys.lookup(&one.id).await, Err(StoreError::Unreadable { .. })));
        assert!(recognised(&keys, &other).await.is_some());
    }

    async fn use_goes_forward_only(db: TestDb) {
        let given = Given::on(db).await;
        let keys = given.api_keys();
        let (key, _) = given.made(Access::Platform).await;
        let first = key.created_at.plus(Duration::from_mins(5));
        for (at, want) in [
            (first, first),
            (key.created_at, first),
            (first.plus(Duration::from_millis(1)), first.plus(Duration::from_millis(1))),
        ] {
            keys.used(&key.id, at).await.unwrap();
            let found = keys.find(&TenantScope::Platform, &key.id).await.unwrap().unwrap();
            assert_eq!(found.last_used_at, Some(want));
        }
    }

    async fn keys_live_through_a_change_of_the_master_key(db: TestDb) {
        let given = Given::on(db).await;
        let made = [
            given.made(Access::Platform).await,
            given.made(of_tenant("t1", Role::Owner)).await,
            given.made(of_tenant("t1", Role::Viewer)).await,
        ];
        given.api_keys().revoke(&by(&TenantScope::Platform), &made[2].0.id).await.unwrap();
        let usage = key_usage(&given.pool).await.unwrap();
        assert_eq!((usage.of(&key_id("k1")), usage.unsealed), (2, 0), "retiring it is refused");

        let both = Cipher::new(KeyRing::parse(&rotated()).unwrap());
        check_canary(&given.pool, &cipher(KEYS)).await.unwrap();
        check_canary(&given.pool, &both).await.unwrap();
        let options = RewrapOptions::default();
        let done = rewrap(&given.pool, &both, &options, &mut |_| {}).await.unwrap();
        assert_eq!((done.total, done.resealed, done.unreadable, done.left), (2, 2, 0, 0));
        let usage = key_usage(&given.pool).await.unwrap();
        assert_eq!((usage.of(&key_id("k1")), usage.of(&key_id("k_2"))), (0, 2));

        let only_new = format!("* {}", crate::given::SECOND);
        let keys = given.api_keys_with(&only_new);
        for (key, secret) in &made[..2] {
            assert_eq!(recognised(&keys, secret).await.as_ref(), Some(&key.access));
        }
    }
}
