//! Stored API keys over several processes and without the database.

use std::{sync::Arc, time::Duration};

use scm_service::{
    ApiKeys, AuthenticationError, Bearers, Cipher, ConnectOptions, CreatedApiKey,
    DatabaseConnection, KeyId, KeyRing, NewApiKeyRequest, Services, connect,
};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{Access, AccountId, Caller, DisplayName, FixedClock, Role, TenantId, Timestamp};
use sea_orm::{ConnectionTrait as _, Statement};

/// Two processes on one database, with one clock.
struct Pair {
    clock: Arc<FixedClock>,
    one: Services,
    other: Services,
    pools: [DatabaseConnection; 2],
    // Dropped last.
    _db: TestDb,
}

fn platform() -> Caller {
    Caller::new(AccountId::parse("acc_root").unwrap(), Access::Platform)
}

impl Pair {
    async fn on(db: TestDb) -> Self {
        let clock = Arc::new(FixedClock::at(
            Timestamp::parse("2027-01-01T00:00:00Z").unwrap(),
        ));
        let ring = KeyRing::generate(KeyId::parse("test").unwrap()).unwrap();
        let cipher = Arc::new(Cipher::new(ring));
        let options = ConnectOptions {
            acquire_timeout: Duration::from_secs(2),
            ..ConnectOptions::default()
        };
        let pools = [
            connect(&db.url, &options).await.unwrap(),
            connect(&db.url, &options).await.unwrap(),
        ];
        let services = |pool: &DatabaseConnection| {
            Services::builder(pool.clone(), Arc::clone(&cipher))
                .clock(clock.clone())
                .build()
                .unwrap()
        };
        Self {
            one: services(&pools[0]),
            other: services(&pools[1]),
            clock,
            pools,
            _db: db,
        }
    }

    async fn made(&self, expires_at: Option<Timestamp>) -> CreatedApiKey {
        let wanted = NewApiKeyRequest {
            tenant_id: Some(TenantId::parse("t1").unwrap()),
            role: Some(Role::Editor),
            name: DisplayName::parse("CI").unwrap(),
            account_id: None,
            expires_at,
        };
        self.one.create_api_key(&platform(), wanted).await.unwrap()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How many statements a lookup would need: none if the row is gone and the key still works.
    async fn execute(&self, sql: &str) {
        let backend = self.pools[0].get_database_backend();
        let sql = match backend {
            sea_orm::DbBackend::MySql => sql.to_owned(),
            _ => sql.replace('`', "\""),
        };
        let statement = Statement::from_string(backend, sql);
        self.pools[0].execute_raw(statement).await.unwrap();
    }
}

/// `in`, `out` or `away`.
async fn answer(services: &Services, key: &str) -> &'static str {
    let bearers = Bearers::new().api_keys(ApiKeys::default());
    match services.authenticate(&bearers, key, None).await {
        Ok(_) => "in",
        Err(AuthenticationError::Refused) => "out",
        Err(AuthenticationError::Store(_)) => "away",
        Err(other) => panic!("{other}"),
    }
}

/// Waits until what runs beside the requests has come to this.
async fn becomes(services: &Services, key: &str, want: &str) {
    for _ in 0..6_000 {
        if answer(services, key).await == want {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the key does not become {want}");
}

on_every_database! {
    async fn a_key_stands_for_its_caller(db: TestDb) {
        let pair = Pair::on(db).await;
        let made = pair.made(None).await;
        let bearers = Bearers::new().api_keys(ApiKeys::default());
        for services in [&pair.one, &pair.other] {
            let caller = services.authenticate(&bearers, made.secret.expose(), None).await.unwrap();
            let access = Access::Tenant { tenant: TenantId::parse("t1").unwrap(), role: Role::Editor };
            assert_eq!(caller, Caller::new(AccountId::parse("acc_root").unwrap(), access));
            let none = services.authenticate(&Bearers::new(), made.secret.expose(), None).await;
            assert!(matches!(none, Err(AuthenticationError::Refused)), "keys are not accepted there");
        }
        let whole = made.secret.expose();
        for wrong in [&whole[..whole.len() - 1], "scm_", "scm__", "scm_nobody_00", "scm_a b_00", "Scm_x_y", "", "ü"] {
            assert_eq!(answer(&pair.one, wrong).await, "out", "{wrong}");
        }
        assert_eq!(answer(&pair.one, whole).await, "in", "others' failures do not matter");
    }

    async fn a_revoked_key_ends_at_once_here_and_soon_elsewhere(db: TestDb) {
        let pair = Pair::on(db).await;
        let made = pair.made(None).await;
        let key = made.secret.expose();
        assert_eq!((answer(&pair.one, key).await, answer(&pair.other, key).await), ("in", "in"));
        pair.one.revoke_api_key(&platform(), &made.key.id).await.unwrap();
        assert_eq!(answer(&pair.one, key).await, "out", "at once");
        assert_eq!(answer(&pair.other, key).await, "in", "it has not looked yet");
        // Behind half its time it is read again beside the request.
        pair.pass(5);
        answer(&pair.other, key).await;
        becomes(&pair.other, key, "out").await;
    }

    async fn a_revoked_key_that_nobody_used_meanwhile_ends_too(db: TestDb) {
        let pair = Pair::on(db).await;
        let made = pair.made(None).await;
        let key = made.secret.expose();
        assert_eq!(answer(&pair.other, key).await, "in");
        pair.one.revoke_api_key(&platform(), &made.key.id).await.unwrap();
        pair.pass(10);
        assert_eq!(answer(&pair.other, key).await, "out");
    }

    async fn a_key_ends_when_it_expires(db: TestDb) {
        let pair = Pair::on(db).await;
        let end = Timestamp::parse("2027-01-01T00:00:03Z").unwrap();
        let made = pair.made(Some(end)).await;
        let key = made.secret.expose();
        assert_eq!(answer(&pair.one, key).await, "in");
        pair.pass(2);
        assert_eq!(answer(&pair.one, key).await, "in");
        pair.pass(1);
        assert_eq!(answer(&pair.one, key).await, "out", "also where it is kept");
        assert_eq!(answer(&pair.other, key).await, "out");
    }

    async fn a_kept_key_asks_nobody(db: TestDb) {
        let pair = Pair::on(db).await;
        let made = pair.made(None).await;
        let key = made.secret.expose();
        let nobody = "scm_nobody_00";
        assert_eq!((answer(&pair.one, key).await, answer(&pair.one, nobody).await), ("in", "out"));
        pair.execute("DROP TABLE `scm_api_keys`").await;
        for _ in 0..3 {
            assert_eq!(answer(&pair.one, key).await, "in");
            assert_eq!(answer(&pair.one, nobody).await, "out", "that there is none is kept, too");
        }
        assert_eq!(answer(&pair.one, "scm_other_00").await, "away");
    }

    async fn without_the_database_kept_keys_go_on_for_a_while(db: TestDb) {
        let pair = Pair::on(db).await;
        let (made, unused) = (pair.made(None).await, pair.made(None).await);
        let key = made.secret.expose();
        assert_eq!(answer(&pair.one, key).await, "in");
        for pool in &pair.pools {
            pool.close_by_ref().await.unwrap();
        }
        assert_eq!(answer(&pair.one, unused.secret.expose()).await, "away", "never refused");
        pair.pass(9);
        for _ in 0..3 {
            assert_eq!(answer(&pair.one, key).await, "in");
        }
        pair.pass(1);
        assert_eq!(answer(&pair.one, key).await, "away");
    }

    async fn use_is_written_once_a_minute(db: TestDb) {
        let pair = Pair::on(db).await;
        let made = pair.made(None).await;
        let key = made.secret.expose();
        let used = async |want: Timestamp| {
            for _ in 0..6_000 {
                let now = pair.one.api_key(&platform(), &made.key.id).await.unwrap();
                if now.last_used_at == Some(want) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("the use is not written");
        };
        answer(&pair.one, key).await;
        let first = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
        used(first).await;
        pair.pass(59);
        for services in [&pair.one, &pair.other] {
            answer(services, key).await;
        }
        // What would be written was begun before the next one is.
        pair.pass(1);
        answer(&pair.one, key).await;
        used(first.plus(Duration::from_mins(1))).await;
    }
}
