//! One connected repository, and several servers on its database.

use std::{sync::Arc, time::Duration};

use scm_service::{
    Cipher, ConnectOptions, GithubApp, KeyRing, OauthClient, ProviderHost, RenewalStep,
    ServiceError, Services, ServicesBuilder, TransportSettings, connect,
};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{APP_KEY, Dialect, GitHost},
};
use scm_types::{
    Access, AccessToken, AccountId, BranchName, Caller, ClientSecret, CreateScmIntegrationDto,
    FixedClock, HostKind, IntegrationId, Patch, RefreshToken, SafeScmIntegration, TenantId,
    Timestamp, UpdateScmIntegrationDto, WebHost,
};
use tokio::sync::Notify;
use zeroize::Zeroizing;

pub(crate) const KEYS: &str = "* k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n";
const CLIENT: (&str, &str) = ("client", "s3cr3t");
pub(crate) const APP: u64 = 17;

pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// A database, a code host and one integration, whose token ends in an hour.
pub(crate) struct Bench {
    pub(crate) git: GitHost,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) id: IntegrationId,
    pub(crate) services: Services,
    // Dropped last: it drops the database.
    pub(crate) db: TestDb,
}

impl Bench {
    pub(crate) async fn new(dialect: Dialect) -> Self {
        Self::on(TestDb::migrated(Backend::Sqlite).await.unwrap(), dialect).await
    }

    /// With an OAuth pair that the host has issued.
    pub(crate) async fn on(db: TestDb, dialect: Dialect) -> Self {
        let git = GitHost::start(dialect).await;
        git.set_oauth(CLIENT.0, CLIENT.1);
        let (access, refresh) = git.issue();
        let mut bench = Self::empty(db, git).await;
        let dto = CreateScmIntegrationDto {
            access_token: Some(AccessToken::parse(access).unwrap()),
            refresh_token: Some(RefreshToken::parse(refresh).unwrap()),
            token_expires_at: Some(bench.clock.now_plus(HOUR)),
            ..bench.dto()
        };
        bench.id = bench.services.create(&owner(), dto).await.unwrap().id;
        bench
    }

    /// Without an integration.
    pub(crate) async fn empty(db: TestDb, git: GitHost) -> Self {
        let now = Timestamp::parse("2026-10-30T15:00:00.000Z").unwrap();
        let clock = Arc::new(FixedClock::at(now));
        let options = patient();
        let services = builder(&db, &git, &clock, &options).await;
        let services = services.build().unwrap();
        Self {
            git,
            clock,
            id: IntegrationId::parse("none").unwrap(),
            services,
            db,
        }
    }

    pub(crate) fn dto(&self) -> CreateScmIntegrationDto {
        let scm_type = kind(self.git.dialect()).scm_type();
        CreateScmIntegrationDto::new(tenant(), scm_type, self.git.repository_url())
    }

    /// Another server on the same database, as it comes.
    pub(crate) async fn server(&self) -> ServicesBuilder {
        self.server_with(&patient()).await
    }

    /// The same with another way to the database.
    pub(crate) async fn server_with(&self, options: &ConnectOptions) -> ServicesBuilder {
        builder(&self.db, &self.git, &self.clock, options).await
    }

    /// Another server, whose renewals die at a step.
    pub(crate) async fn dying_at(&self, step: RenewalStep) -> Services {
        let server = self.server().await.stop_renewals(move |at| at == step);
        server.build().unwrap()
    }

    /// A server works until it comes to this step, and dies there.
    pub(crate) async fn dies_at(&self, step: RenewalStep) {
        let there = Arc::new(Notify::new());
        let signal = there.clone();
        let server = self.server().await.stop_renewals(move |at| {
            if at == step {
                signal.notify_one();
            }
            at == step
        });
        let dying = server.build().unwrap();
        tokio::select! {
            done = work(&dying, &self.id) => panic!("{step:?} was not reached: {done:?}"),
            () = there.notified() => {}
        }
    }

    /// An operation that asks the host.
    pub(crate) async fn work(&self) -> Result<(), ServiceError> {
        work(&self.services, &self.id).await
    }

    pub(crate) async fn row(&self) -> SafeScmIntegration {
        self.services.get(&owner(), &self.id).await.unwrap()
    }

    pub(crate) async fn update(&self, changes: &UpdateScmIntegrationDto) -> SafeScmIntegration {
        let updated = self
            .services
            .update(&platform(), &self.id, changes, None)
            .await;
        updated.unwrap()
    }

    pub(crate) async fn paste(&self, access: &str, refresh: &str) {
        let changes = UpdateScmIntegrationDto {
            access_token: Patch::Value(AccessToken::parse(access).unwrap()),
            refresh_token: Patch::Value(RefreshToken::parse(refresh).unwrap()),
            ..UpdateScmIntegrationDto::default()
        };
        self.update(&changes).await;
    }

    /// The token's time is over, here and at the host.
    pub(crate) fn expire(&self) {
        self.git.expire_tokens();
        self.clock.advance(HOUR * 9);
    }

    /// A renewal's time is over: the database's clock cannot be moved, what it is compared with can.
    pub(crate) async fn passed(&self, column: &str) {
        let past = match self.db.backend {
            Backend::Sqlite => "2001-02-03T04:05:06.007+00:00",
            Backend::Mysql => "2001-02-03 04:05:06.007",
            Backend::Postgres => "2001-02-03 04:05:06.007+00",
        };
        let sql = format!("UPDATE scm_credential_renewals SET `{column}` = '{past}'");
        let sql = match self.db.backend {
            Backend::Mysql => sql,
            Backend::Sqlite | Backend::Postgres => sql.replace('`', "\""),
        };
        self.db.execute_by_hand(&sql).await;
    }
}

/// Crowds wait for their turn, however busy the machine is.
fn patient() -> ConnectOptions {
    ConnectOptions {
        acquire_timeout: MINUTE,
        statement_timeout: MINUTE,
        ..ConnectOptions::default()
    }
}

async fn builder(
    db: &TestDb,
    git: &GitHost,
    clock: &Arc<FixedClock>,
    options: &ConnectOptions,
) -> ServicesBuilder {
    let pool = connect(&db.url, options).await.unwrap();
    let cipher = Arc::new(Cipher::new(KeyRing::parse(KEYS).unwrap()));
    Services::builder(pool, cipher)
        .database_limit(options.call_limit())
        .hosts(vec![provider_host(git)])
        .transport(transport(Duration::from_secs(20)))
        .clock(clock.clone())
}

pub(crate) fn transport(operation: Duration) -> TransportSettings {
    TransportSettings {
        request_timeout: operation / 2,
        operation_budget: operation,
        max_retries: 0,
        ..TransportSettings::default()
    }
}

/// The host as an operator lists it, with a client, and with the App if it is a GitHub.
fn provider_host(git: &GitHost) -> ProviderHost {
    let web = WebHost::parse(kind(git.dialect()), &git.base_url()).unwrap();
    let app = GithubApp {
        id: APP,
        private_key: Zeroizing::new(APP_KEY.to_owned()),
    };
    ProviderHost {
        api_url: git.api_url().parse().unwrap(),
        allow_private_addresses: true,
        // Data Center has none.
        oauth: (git.dialect() != Dialect::DataCenter).then(|| OauthClient {
            client_id: CLIENT.0.to_owned(),
            client_secret: ClientSecret::parse(CLIENT.1).unwrap(),
            redirect_uri: None,
        }),
        app: (git.dialect() == Dialect::Github).then_some(app),
        ..ProviderHost::default_for(web)
    }
}

fn kind(dialect: Dialect) -> HostKind {
    match dialect {
        Dialect::Github => HostKind::Github,
        Dialect::Gitlab => HostKind::Gitlab,
        Dialect::Bitbucket => HostKind::Bitbucket,
        Dialect::DataCenter => HostKind::BitbucketDataCenter,
    }
}

fn tenant() -> TenantId {
    TenantId::parse("t1").unwrap()
}

pub(crate) fn platform() -> Caller {
    Caller::new(AccountId::parse("acc_0").unwrap(), Access::Platform)
}

pub(crate) fn owner() -> Caller {
    let access = Access::Tenant {
        tenant: tenant(),
        role: scm_types::Role::Owner,
    };
    Caller::new(AccountId::parse("acc_1").unwrap(), access)
}

/// An operation that asks the host.
pub(crate) async fn work(services: &Services, id: &IntegrationId) -> Result<(), ServiceError> {
    let main = BranchName::parse("main").unwrap();
    let branch = services.branch(&owner(), id, &main).await?;
    assert_eq!(branch.name, "main");
    Ok(())
}

/// The present moment and a while.
pub(crate) trait Later {
    fn now_plus(&self, by: Duration) -> Timestamp;
}

impl Later for FixedClock {
    fn now_plus(&self, by: Duration) -> Timestamp {
        scm_types::Clock::now(self).plus(by)
    }
}
