//! The right to renew a credential, and credentials that were renewed.

use std::time::Duration;

use futures::future::join_all;
use scm_store::{Acquired, FreshCredential, Lease, RenewalController, Replacement, StoreError};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    IntegrationId, Patch, Purpose, RefreshToken, SafeScmIntegration, TenantScmIntegration,
    TenantScope, Timestamp, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, by, new, scope, token};

const MINUTE: Duration = Duration::from_mins(1);

/// Renewals of one integration.
struct Renewals {
    leases: RenewalController,
    row: SafeScmIntegration,
    given: Given,
}

impl Renewals {
    async fn on(db: TestDb) -> Self {
        let given = Given::on(db).await;
        let mut wanted = new("t1", "https://gitlab.com/a/b");
        wanted.token_expires_at = Some(time("2027-01-31T10:00:00.000Z"));
        Self {
            leases: RenewalController::new(given.pool.clone()),
            row: given.store.create(&by(&scope("t1")), wanted).await.unwrap(),
            given,
        }
    }

    async fn acquire(&self, version: i64) -> Acquired {
        self.leases.acquire(&self.row.id, version).await.unwrap()
    }

    async fn mine(&self, version: i64) -> Lease {
        match self.acquire(version).await {
            Acquired::Mine(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    /// The database's clock cannot be moved; what it is compared with can.
    async fn passed(&self, column: &str) {
        let past = match self.given.db.backend {
            Backend::Sqlite => "2001-02-03T04:05:06.007+00:00",
            Backend::Mysql => "2001-02-03 04:05:06.007",
            Backend::Postgres => "2001-02-03 04:05:06.007+00",
        };
        let sql = format!("UPDATE `scm_credential_renewals` SET `{column}` = '{past}'");
        assert_eq!(self.given.execute(&sql).await, 1);
    }

    async fn opened(&self) -> TenantScmIntegration {
        let store = &self.given.store;
        let scope = scope("t1");
        store
            .find_with_secrets(&by(&scope), &self.row.id, Purpose::Read)
            .await
            .unwrap()
            .unwrap()
    }

    async fn replace(&self, version: i64, fresh: &FreshCredential) -> Option<i64> {
        let store = &self.given.store;
        store
            .replace_tokens(
                &by(&scope("t1")),
                &self.row.id,
                version,
                fresh,
                Replacement::Renewed,
            )
            .await
            .unwrap()
    }

    async fn change(&self, changes: UpdateScmIntegrationDto) {
        let store = &self.given.store;
        store
            .update(&by(&scope("t1")), &self.row.id, &changes, None)
            .await
            .unwrap()
            .unwrap();
    }

    async fn set_status(&self, status: &str) {
        let sql = format!(
            "UPDATE `tenant_scm_integrations` SET `verificationStatus` = '{status}', \
             `verificationError` = 'why', `capabilities` = '[]', `lastVerifiedAt` = `createdAt`"
        );
        self.given.execute(&sql).await;
    }
}

fn time(raw: &str) -> Timestamp {
    Timestamp::parse(raw).unwrap()
}

fn refresh(raw: &str) -> RefreshToken {
    RefreshToken::parse(raw).unwrap()
}

fn fresh(number: u32) -> FreshCredential {
    FreshCredential {
        access_token: token(&format!("access-{number}")),
        refresh_token: Some(refresh(&format!("refresh-{number}"))),
        expires_at: Some(time("2027-01-31T12:00:00.000Z")),
    }
}

/// About a minute: the database's clock runs.
#[track_caller]
fn assert_busy(acquired: &Acquired) {
    let Acquired::Busy { until_ms } = acquired else {
        panic!("{acquired:?}");
    };
    assert!((30_000..=60_000).contains(until_ms), "{until_ms}");
}

on_every_database! {
    async fn of_32_callers_one_gets_the_lease(db: TestDb) {
        let renewals = Renewals::on(db).await;
        // The first renewal ever, one after a success, one after a death, one of a newer credential.
        for (round, version) in [(0, 1), (1, 2), (2, 2), (3, 5)] {
            let elsewhere = RenewalController::new(renewals.given.pool.clone());
            let calls = (0..32).map(|number| {
                let leases = if number % 2 == 0 { &renewals.leases } else { &elsewhere };
                leases.acquire(&renewals.row.id, version)
            });
            let mut winner = None;
            for acquired in join_all(calls).await {
                match acquired.unwrap() {
                    Acquired::Mine(lease) => assert!(winner.replace(lease).is_none(), "{round}"),
                    other => assert_busy(&other),
                }
            }
            let lease = winner.unwrap();
            match round {
                1 => renewals.passed("deadline").await,
                _ => assert!(renewals.leases.finish(lease).await.unwrap()),
            }
        }
    }

    async fn a_lease_is_given_back_by_its_owner_only(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let leases = &renewals.leases;
        for (version, settle) in (1..).zip(["finish", "release", "fail"]) {
            let late = renewals.mine(version).await;
            renewals.passed("deadline").await;
            let owner = renewals.mine(version).await;
            assert!(!leases.mark_in_flight(&late).await.unwrap());
            let done = match settle {
                "finish" => leases.finish(late).await,
                "release" => leases.release(late).await,
                _ => leases.fail(late, "timeout", MINUTE, false).await,
            };
            assert!(!done.unwrap(), "{settle}");
            assert_busy(&renewals.acquire(version).await);
            assert!(leases.mark_in_flight(&owner).await.unwrap());
            assert!(leases.finish(owner).await.unwrap());
        }
    }

    async fn who_was_late_and_not_taken_over_is_still_the_owner(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let lease = renewals.mine(1).await;
        renewals.passed("deadline").await;
        assert!(renewals.leases.mark_in_flight(&lease).await.unwrap());
        assert_busy(&renewals.acquire(1).await);
        assert!(renewals.leases.finish(lease).await.unwrap());
    }

    async fn a_takeover_is_told_of_a_call_without_an_answer(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let leases = &renewals.leases;
        // Dead before the call.
        assert!(!renewals.mine(1).await.was_in_flight());
        renewals.passed("deadline").await;
        let lease = renewals.mine(1).await;
        assert!(!lease.was_in_flight());
        // Dead during the call.
        assert!(leases.mark_in_flight(&lease).await.unwrap());
        drop(lease);
        assert_busy(&renewals.acquire(1).await);
        renewals.passed("deadline").await;
        assert!(renewals.mine(1).await.was_in_flight());
        // And the one who knows of it, before it does anything.
        renewals.passed("deadline").await;
        let lease = renewals.mine(1).await;
        assert!(lease.was_in_flight());
        // Nothing was done under this lease, so nothing is known yet.
        assert!(leases.release(lease).await.unwrap());
        let lease = renewals.mine(1).await;
        assert!(lease.was_in_flight());
        // The host said that it did nothing: about this call, not about the lost one.
        assert!(leases.fail(lease, "rate_limited", MINUTE, true).await.unwrap());
        renewals.passed("nextAttemptAt").await;
        let lease = renewals.mine(1).await;
        assert!(lease.was_in_flight());
        assert!(leases.finish(lease).await.unwrap());
        assert!(!renewals.mine(2).await.was_in_flight());
    }

    async fn a_call_without_an_answer_is_told_after_its_back_off_too(db: TestDb) {
        let renewals = Renewals::on(db).await;
        for (answered, told) in [(true, false), (false, true)] {
            let lease = renewals.mine(1).await;
            assert!(renewals.leases.mark_in_flight(&lease).await.unwrap());
            assert!(renewals.leases.fail(lease, "timeout", MINUTE, answered).await.unwrap());
            renewals.passed("nextAttemptAt").await;
            let lease = renewals.mine(1).await;
            assert_eq!(lease.was_in_flight(), told);
            assert!(renewals.leases.release(lease).await.unwrap());
        }
        // It was another credential's.
        assert!(!renewals.mine(2).await.was_in_flight());
    }

    async fn failures_hold_the_next_attempt_off(db: TestDb) {
        let renewals = Renewals::on(db).await;
        for failures in 0..3 {
            let lease = renewals.mine(1).await;
            assert_eq!(lease.failures(), failures);
            let backoff = MINUTE * 2_u32.pow(failures);
            assert!(renewals.leases.fail(lease, "timeout", backoff, true).await.unwrap());
            let acquired = renewals.acquire(1).await;
            let Acquired::Backoff { wait, code } = &acquired else {
                panic!("{acquired:?}");
            };
            assert!(*wait <= backoff && *wait + MINUTE / 2 > backoff, "{wait:?}");
            assert_eq!(code.as_deref(), Some("timeout"));
            renewals.passed("nextAttemptAt").await;
        }
        let lease = renewals.mine(1).await;
        assert!(renewals.leases.finish(lease).await.unwrap());
        assert!(matches!(renewals.acquire(1).await, Acquired::Outdated));
        assert_eq!(renewals.mine(2).await.failures(), 0);
    }

    async fn a_newer_credential_begins_anew_and_an_older_one_is_outdated(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let lease = renewals.mine(1).await;
        assert!(renewals.leases.fail(lease, "refused", MINUTE * 60, true).await.unwrap());
        assert!(matches!(renewals.acquire(1).await, Acquired::Backoff { .. }));
        let lease = renewals.mine(2).await;
        assert_eq!((lease.failures(), lease.was_in_flight()), (0, false));
        assert_eq!(lease.credential_version(), 2);
        assert_busy(&renewals.acquire(1).await);
        assert!(renewals.leases.finish(lease).await.unwrap());
        assert!(matches!(renewals.acquire(2).await, Acquired::Outdated));
    }

    async fn nothing_is_noted_of_an_integration_that_is_no_more(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let nobody = IntegrationId::parse("nobody").unwrap();
        let acquired = renewals.leases.acquire(&nobody, 1).await.unwrap();
        assert!(matches!(acquired, Acquired::Outdated), "{acquired:?}");

        let lease = renewals.mine(1).await;
        let other = renewals.given.created("t1", "https://gitlab.com/a/c").await;
        let other = renewals.leases.acquire(&other.id, 1).await.unwrap();
        assert!(matches!(other, Acquired::Mine(_)), "{other:?}");
        let store = &renewals.given.store;
        assert!(store.hard_delete(&by(&scope("t1")), &renewals.row.id, None).await.unwrap());
        let sql = "SELECT `integrationId` FROM `scm_credential_renewals`";
        assert_eq!(renewals.given.rows(sql).await.len(), 1);
        assert!(!renewals.leases.finish(lease).await.unwrap());
        assert!(matches!(renewals.acquire(1).await, Acquired::Outdated));
    }

    async fn a_word_that_is_no_state_is_told(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let lease = renewals.mine(1).await;
        assert!(renewals.leases.finish(lease).await.unwrap());
        if renewals.given.db.backend == Backend::Mysql {
            renewals.given.execute("ALTER TABLE `scm_credential_renewals` MODIFY `state` TEXT").await;
        } else if renewals.given.db.backend == Backend::Postgres {
            let sql = "ALTER TABLE `scm_credential_renewals` DROP CONSTRAINT \
                       scm_credential_renewals_state_check";
            renewals.given.execute(sql).await;
        } else {
            // Its CHECK cannot be dropped; it is on every write.
            return;
        }
        renewals.given.execute("UPDATE `scm_credential_renewals` SET `state` = 'lost'").await;
        let error = renewals.leases.acquire(&renewals.row.id, 2).await.err().unwrap();
        assert!(matches!(error, StoreError::Corrupt { column: "state", .. }), "{error:?}");
    }

    async fn a_renewed_credential_keeps_what_was_found(db: TestDb) {
        let renewals = Renewals::on(db).await;
        for (version, status) in [(1, "VALID"), (2, "INVALID"), (3, "PENDING")] {
            renewals.set_status(status).await;
            let before = renewals.opened().await;
            renewals.given.tick();
            assert_eq!(renewals.replace(version, &fresh(1)).await, Some(version + 1));
            let after = renewals.opened().await;
            assert_eq!(after.access_token.unwrap().expose(), "access-1");
            assert_eq!(after.refresh_token.unwrap().expose(), "refresh-1");
            assert_eq!(after.credential_version, version + 1);
            assert_eq!(after.token_issued_at, Some(after.integration.updated_at));
            let want = SafeScmIntegration {
                token_expires_at: fresh(1).expires_at,
                updated_at: after.integration.updated_at,
                version: after.integration.version,
                ..before.integration.clone()
            };
            assert_eq!(after.integration, want);
            assert!(after.integration.version.number > before.integration.version.number);
            let id = &renewals.row.id;
            assert_eq!(renewals.given.text("capabilities", id).await.as_deref(), Some("[]"));
            for column in ["accessToken", "refreshToken"] {
                let stored = renewals.given.text(column, id).await.unwrap();
                assert!(stored.starts_with("v1.k1."), "{stored}");
            }
        }
    }

    async fn expired_spoke_of_the_old_token(db: TestDb) {
        let renewals = Renewals::on(db).await;
        renewals.set_status("EXPIRED").await;
        assert_eq!(renewals.replace(1, &fresh(1)).await, Some(2));
        let after = renewals.opened().await.integration;
        assert_eq!(after.verification_status, VerificationStatus::Pending);
        assert_eq!(after.verification_error, None);
        assert!(after.has_valid_token);
    }

    async fn what_the_host_does_not_tell(db: TestDb) {
        let renewals = Renewals::on(db).await;
        let silent = FreshCredential { refresh_token: None, expires_at: None, ..fresh(7) };
        // By the platform, which has to look whose row it is.
        let store = &renewals.given.store;
        let everybody = by(&TenantScope::Platform);
        let replaced = store.replace_tokens(&everybody, &renewals.row.id, 1, &silent, Replacement::Renewed);
        assert_eq!(replaced.await.unwrap(), Some(2));
        let after = renewals.opened().await;
        assert_eq!(after.access_token.unwrap().expose(), "access-7");
        assert_eq!(after.refresh_token.unwrap().expose(), "ghr_first");
        assert_eq!(after.integration.token_expires_at, None);
    }

    async fn what_a_user_stores_wins(db: TestDb) {
        let renewals = Renewals::on(db).await;
        // A new access token, a new refresh token alone, and an erased one.
        let pastes = [
            UpdateScmIntegrationDto {
                access_token: Patch::Value(token("pasted")),
                ..UpdateScmIntegrationDto::default()
            },
            UpdateScmIntegrationDto {
                refresh_token: Patch::Value(refresh("pasted")),
                ..UpdateScmIntegrationDto::default()
            },
            UpdateScmIntegrationDto {
                refresh_token: Patch::Null,
                ..UpdateScmIntegrationDto::default()
            },
        ];
        for (version, paste) in (1..).zip(pastes) {
            renewals.change(paste).await;
            let pasted = renewals.opened().await;
            assert_eq!(pasted.credential_version, version + 1);
            assert_eq!(renewals.replace(version, &fresh(1)).await, None);
            let reason = "refused";
            let store = &renewals.given.store;
            let scope = scope("t1");
            let marked = store.mark_expired(&by(&scope), &renewals.row.id, version, reason).await;
            assert!(!marked.unwrap());
            let after = renewals.opened().await;
            assert_eq!(after.access_token.unwrap().expose(), "pasted");
            assert_eq!(after.integration, pasted.integration);
        }
        // So does a deletion, and another tenant's row is none.
        assert!(renewals.given.store.soft_delete(&by(&scope("t1")), &renewals.row.id, None).await.unwrap());
        assert_eq!(renewals.replace(5, &fresh(1)).await, None);
        assert_eq!(renewals.opened().await.credential_version, 5);
        assert!(renewals.opened().await.is_deleted);
        let store = &renewals.given.store;
        let (foreign, tokens) = (scope("t2"), fresh(1));
        let replaced = store.replace_tokens(&by(&foreign), &renewals.row.id, 5, &tokens, Replacement::Renewed).await;
        assert_eq!(replaced.unwrap(), None);
        assert_eq!(renewals.given.text("accessToken", &renewals.row.id).await, None);
    }

    async fn a_new_token_has_no_known_age(db: TestDb) {
        let renewals = Renewals::on(db).await;
        assert_eq!(renewals.opened().await.token_issued_at, None);
        assert_eq!(renewals.replace(1, &fresh(1)).await, Some(2));
        assert!(renewals.opened().await.token_issued_at.is_some());
        renewals
            .change(UpdateScmIntegrationDto {
                access_token: Patch::Value(token("pasted")),
                token_expires_at: Patch::Value(time("2027-01-31T11:00:00.000Z")),
                ..UpdateScmIntegrationDto::default()
            })
            .await;
        assert_eq!(renewals.opened().await.token_issued_at, None);
    }

    async fn a_refused_renewal_is_an_expired_credential(db: TestDb) {
        let renewals = Renewals::on(db).await;
        renewals.set_status("VALID").await;
        let store = &renewals.given.store;
        let reason = "Connect the repository again";
        assert!(store.mark_expired(&by(&scope("t1")), &renewals.row.id, 1, reason).await.unwrap());
        let after = renewals.opened().await;
        assert_eq!(after.integration.verification_status, VerificationStatus::Expired);
        assert_eq!(after.integration.verification_error.as_deref(), Some(reason));
        assert!(!after.integration.has_valid_token);
        assert_eq!(after.credential_version, 1);
        assert!(after.access_token.is_some() && after.refresh_token.is_some());
        let nobody = IntegrationId::parse("nobody").unwrap();
        assert!(!store.mark_expired(&by(&scope("t1")), &nobody, 1, reason).await.unwrap());
    }

    async fn an_installation_stands_in_for_a_token_where_there_is_an_app(db: TestDb) {
        let given = Given::on(db).await;
        let mut wanted = new("t1", "https://github.com/a/b");
        wanted.access_token = None;
        wanted.refresh_token = None;
        wanted.github_installation_id = Some("4711".to_owned());
        let row = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
        assert!(!row.has_valid_token);

        let store = given.store.clone().with_apps(|url| url == "https://github.com/a/b");
        let valid = async || store.find_by_id(&scope("t1"), &row.id).await.unwrap().unwrap();
        assert!(valid().await.has_valid_token);
        assert!(!given.found(&row).await.has_valid_token);
        let refused = "UPDATE `tenant_scm_integrations` SET `verificationStatus` = 'INVALID'";
        given.execute(refused).await;
        assert!(!valid().await.has_valid_token);
        let pending = "UPDATE `tenant_scm_integrations` SET `verificationStatus` = 'PENDING'";
        given.execute(pending).await;
        assert!(store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        assert!(!valid().await.has_valid_token);

        let mut again = new("t1", "https://github.com/a/b");
        again.access_token = None;
        again.github_installation_id = Some("4711".to_owned());
        assert!(store.create(&by(&scope("t1")), again).await.unwrap().has_valid_token);
        let mut other = new("t1", "https://github.com/a/c");
        other.access_token = None;
        other.github_installation_id = Some("4711".to_owned());
        assert!(!store.create(&by(&scope("t1")), other).await.unwrap().has_valid_token);
    }

    empty async fn a_database_that_fails_is_told(db: TestDb) {
        let pool = scm_store::connect(&db.url, &scm_store::ConnectOptions::default()).await.unwrap();
        let id = IntegrationId::parse("a").unwrap();
        let error = RenewalController::new(pool).acquire(&id, 1).await.err().unwrap();
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    }
}
