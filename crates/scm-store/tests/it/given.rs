//! What the tests start from.

use std::{sync::Arc, time::Duration};

use scm_store::{
    AuditController, Cipher, ConnectOptions, DatabaseConnection, KeyId, KeyRing, NewIntegration,
    ScmIntegrationController, connect,
};
use scm_testkit::db::TestDb;
use scm_types::{
    AccessToken, AccountId, Actor, AuditEntry, AuditRequest, BranchName, DisplayName, FixedClock,
    IntegrationId, PageLimit, PageRequest, RefreshToken, RepoUrl, SafeScmIntegration,
    ScmIntegrationFilters, TenantId, TenantScope, Timestamp, WebHosts, Who,
};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

pub(crate) const KEYS: &str = "* k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n";
/// A second key, not the current one.
pub(crate) const SECOND: &str = "k_2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\n";
pub(crate) const OTHER_KEYS: &str = "* k1 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\n";

/// A store on a database of its own, at a time that stands still.
pub(crate) struct Given {
    pub(crate) store: ScmIntegrationController,
    pub(crate) pool: DatabaseConnection,
    pub(crate) clock: Arc<FixedClock>,
    // Dropped last: it drops the database.
    pub(crate) db: TestDb,
}

impl Given {
    pub(crate) async fn on(db: TestDb) -> Self {
        let pool = connect(&db.url, &ConnectOptions::default()).await.unwrap();
        let clock = Arc::new(FixedClock::at(
            Timestamp::parse("2027-01-31T09:00:00.123Z").unwrap(),
        ));
        let store = ScmIntegrationController::new(pool.clone(), cipher(KEYS), clock.clone());
        Self {
            store,
            pool,
            clock,
            db,
        }
    }

    /// The same database seen with other keys.
    pub(crate) fn with_keys(&self, keys: &str) -> ScmIntegrationController {
        ScmIntegrationController::new(self.pool.clone(), cipher(keys), self.clock.clone())
    }

    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::from_millis(1));
    }

    pub(crate) async fn created(&self, tenant_id: &str, url: &str) -> SafeScmIntegration {
        self.store
            .create(&by(&scope(tenant_id)), new(tenant_id, url))
            .await
            .unwrap()
    }

    pub(crate) async fn found(&self, row: &SafeScmIntegration) -> SafeScmIntegration {
        let scope = TenantScope::Tenant(row.tenant_id.clone());
        self.store
            .find_by_id(&scope, &row.id)
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn ids(
        &self,
        scope: &TenantScope,
        filters: &ScmIntegrationFilters,
    ) -> Vec<IntegrationId> {
        let page = self
            .store
            .find_all(scope, filters, &PageRequest::default())
            .await
            .unwrap();
        page.items.into_iter().map(|row| row.id).collect()
    }

    /// What the audit log has of a row, the newest first.
    pub(crate) async fn entries(&self, scope: &TenantScope, id: &IntegrationId) -> Vec<AuditEntry> {
        let audit = AuditController::new(self.pool.clone(), self.clock.clone());
        let request = AuditRequest {
            limit: PageLimit::MAX,
            after: None,
        };
        let page = audit.page(scope, id, &request).await;
        page.unwrap().unwrap().items
    }

    /// Runs SQL that is written with MySQL's quotes.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let sql = self.quoted(sql);
        self.pool
            .execute_unprepared(&sql)
            .await
            .unwrap()
            .rows_affected()
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let backend = self.pool.get_database_backend();
        self.pool
            .query_all_raw(Statement::from_string(backend, self.quoted(sql)))
            .await
            .unwrap()
    }

    pub(crate) async fn text(&self, column: &str, id: &IntegrationId) -> Option<String> {
        let sql = format!("SELECT `{column}` FROM `tenant_scm_integrations` WHERE `id` = '{id}'");
        self.rows(&sql).await[0].try_get_by_index(0).unwrap()
    }

    /// Runs SQL from where nothing can be awaited: in the middle of something else.
    pub(crate) fn meanwhile(&self, sql: &str) {
        let (url, sql) = (self.db.url.clone(), self.quoted(sql));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let db = connect(&url, &ConnectOptions::default()).await.unwrap();
                    let done = db.execute_unprepared(&sql).await.unwrap();
                    assert_eq!(done.rows_affected(), 1, "{sql}");
                    db.close().await.unwrap();
                });
            });
        });
    }

    pub(crate) fn quoted(&self, sql: &str) -> String {
        match self.pool.get_database_backend() {
            DbBackend::MySql => sql.to_owned(),
            _ => sql.replace('`', "\""),
        }
    }
}

pub(crate) fn cipher(keys: &str) -> Arc<Cipher> {
    Arc::new(Cipher::new(KeyRing::parse(keys).unwrap()))
}

pub(crate) fn key_id(raw: &str) -> KeyId {
    KeyId::parse(raw).unwrap()
}

/// `KEYS` and `SECOND`, the second one current.
pub(crate) fn rotated() -> String {
    KEYS.replace('*', " ") + "* " + SECOND
}

pub(crate) fn fresh_cipher() -> Cipher {
    Cipher::new(KeyRing::generate(KeyId::random()).unwrap())
}

pub(crate) fn tenant(raw: &str) -> TenantId {
    TenantId::parse(raw).unwrap()
}

/// The platform's account at work on what the scope reaches.
pub(crate) fn by(scope: &TenantScope) -> Actor {
    Actor {
        scope: scope.clone(),
        who: Who::Platform(AccountId::parse("acc_0").unwrap()),
        request_id: None,
    }
}

pub(crate) fn scope(raw: &str) -> TenantScope {
    TenantScope::Tenant(tenant(raw))
}

pub(crate) fn repository(url: &str) -> RepoUrl {
    RepoUrl::parse(url, &WebHosts::public()).unwrap()
}

pub(crate) fn token(raw: &str) -> AccessToken {
    AccessToken::parse(raw).unwrap()
}

pub(crate) fn page(rows: u64) -> PageRequest {
    PageRequest {
        limit: PageLimit::new(rows).unwrap(),
        after: None,
    }
}

pub(crate) fn new(tenant_id: &str, url: &str) -> NewIntegration {
    let repository = repository(url);
    NewIntegration {
        tenant_id: tenant(tenant_id),
        display_name: DisplayName::parse("Mobile App").unwrap(),
        github_organization: Some(repository.owner()),
        github_repository: Some(repository.name().to_owned()),
        repository,
        github_installation_id: None,
        gitlab_project_id: None,
        gitlab_group_id: None,
        bitbucket_workspace: None,
        bitbucket_repository: None,
        default_branch: BranchName::parse("main").unwrap(),
        access_token: Some(token("ghp_first")),
        refresh_token: Some(RefreshToken::parse("ghr_first").unwrap()),
        token_expires_at: None,
        auto_rotate: false,
        created_by_account_id: AccountId::parse("acc_1").unwrap(),
    }
}
