//! Every write and every opening leaves its row; without the row there is no write.

mod chain;

use futures::future::join_all;
use scm_store::{
    AuditController, AuditStep, AuditVerifyOptions, FreshCredential, Replacement, StoreError,
    VerificationOutcome, verify_audit,
};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    AccountId, Actor, AuditAction, AuditDetail, AuditEntry, AuditOutcome, AuditRecord,
    AuditRequest, DisplayName, IntegrationId, PageLimit, Patch, Purpose, RequestId,
    SafeScmIntegration, ServerTask, TenantScope, UpdateScmIntegrationDto, VerificationStatus, Who,
};

use crate::given::{Given, OTHER_KEYS, by, new, scope, tenant, token};

/// A member of `t1` in a request.
fn member() -> Actor {
    Actor {
        scope: scope("t1"),
        who: Who::Member(AccountId::parse("acc_7").unwrap()),
        request_id: Some(RequestId::parse("req-1").unwrap()),
    }
}

fn outcome(status: VerificationStatus, credential_version: i64) -> VerificationOutcome {
    VerificationOutcome {
        status,
        error: None,
        credential_version,
        token_expires_at: Patch::Absent,
        provider_repository_id: None,
        operations: None,
    }
}

fn renamed(name: &str) -> UpdateScmIntegrationDto {
    UpdateScmIntegrationDto {
        display_name: Patch::Value(DisplayName::parse(name).unwrap()),
        ..UpdateScmIntegrationDto::default()
    }
}

fn fresh() -> FreshCredential {
    FreshCredential {
        access_token: token("ghp_fresh"),
        refresh_token: None,
        expires_at: None,
    }
}

impl Given {
    fn audit(&self) -> AuditController {
        AuditController::new(self.pool.clone(), self.clock.clone())
    }

    /// All rows of an integration, the oldest first.
    async fn noted(&self, row: &SafeScmIntegration) -> Vec<AuditEntry> {
        let scope = TenantScope::Tenant(row.tenant_id.clone());
        let request = AuditRequest {
            limit: PageLimit::MAX,
            after: None,
        };
        let page = self.audit().page(&scope, &row.id, &request).await;
        let mut items = page.unwrap().unwrap().items;
        items.reverse();
        items
    }

    /// What is wrong with the chains, as `tenant row fault`.
    async fn faults(&self) -> Vec<String> {
        self.faults_of(&AuditVerifyOptions::default()).await
    }

    async fn faults_of(&self, options: &AuditVerifyOptions) -> Vec<String> {
        let mut faults = Vec::new();
        let mut watch = |step: AuditStep<'_>| {
            if let AuditStep::Fault {
                tenant,
                sequence,
                fault,
            } = step
            {
                faults.push(format!("{tenant} {sequence} {}", fault.as_str()));
            }
        };
        let done = verify_audit(&self.pool, options, &mut watch).await.unwrap();
        assert_eq!(done.broken > 0, !faults.is_empty());
        faults
    }

    /// The whole table, so that what must not change can be compared.
    async fn table(&self) -> Vec<(String, Option<String>, i64, i64)> {
        let rows = self
            .rows(
                "SELECT `displayName`, `accessToken`, `version`, `credentialVersion` FROM \
                 `tenant_scm_integrations` ORDER BY `id`",
            )
            .await;
        let row = |row: &sea_orm::QueryResult| {
            (
                row.try_get_by_index(0).unwrap(),
                row.try_get_by_index(1).unwrap(),
                row.try_get_by_index(2).unwrap(),
                row.try_get_by_index(3).unwrap(),
            )
        };
        rows.iter().map(row).collect()
    }
}

/// Action, purpose, outcome, code and detail in one line.
fn line(entry: &AuditEntry) -> String {
    let detail = match &entry.detail {
        None => "-".to_owned(),
        Some(detail) => format!("{detail:?}"),
    };
    let detail = detail
        .trim_start_matches("AuditDetail(")
        .trim_end_matches(')');
    format!(
        "{} {} {} {} {detail}",
        entry.action,
        entry.purpose.as_deref().unwrap_or("-"),
        entry.outcome,
        entry.code.as_deref().unwrap_or("-"),
    )
}

on_every_database! {
    async fn every_write_and_every_opening_leaves_its_row(db: TestDb) {
        let given = Given::on(db).await;
        let (store, actor) = (given.store.clone(), member());
        let row = store.create(&actor, new("t1", "https://github.com/a/b")).await.unwrap();
        let id = &row.id;
        let changes = UpdateScmIntegrationDto {
            access_token: Patch::Value(token("ghp_second")),
            is_active: Patch::Value(false),
            ..UpdateScmIntegrationDto::default()
        };
        store.update(&actor, id, &changes, None).await.unwrap().unwrap();
        store.find_with_secrets(&actor, id, Purpose::Verify).await.unwrap().unwrap();
        for status in [VerificationStatus::Valid, VerificationStatus::Invalid, VerificationStatus::Expired] {
            store.update_verification_status(&actor, id, &outcome(status, 2)).await.unwrap().unwrap();
        }
        store.replace_tokens(&actor, id, 2, &fresh(), Replacement::Renewed).await.unwrap().unwrap();
        store.replace_tokens(&actor, id, 3, &fresh(), Replacement::Rotated).await.unwrap().unwrap();
        assert!(store.mark_expired(&actor, id, 4, "The host said no").await.unwrap());
        assert!(store.soft_delete(&actor, id, None).await.unwrap());
        store.create(&actor, new("t1", "https://github.com/a/b")).await.unwrap();
        assert!(store.hard_delete(&actor, id, None).await.unwrap());

        let noted = given.noted(&row).await;
        let lines: Vec<_> = noted.iter().map(line).collect();
        let status = |status: &str| format!("{{\"status\": Text(\"{status}\")}}");
        assert_eq!(
            lines,
            [
                "integration.created - done - -".to_owned(),
                "integration.updated - done - {\"fields\": List([\"accessToken\", \"isActive\"])}".to_owned(),
                "credential.opened verify done - -".to_owned(),
                format!("integration.verified - done - {}", status("VALID")),
                format!("integration.verified - failed connection_invalid {}", status("INVALID")),
                format!("integration.verified - failed credential_expired {}", status("EXPIRED")),
                "credential.renewed - done - -".to_owned(),
                "credential.rotated - done - -".to_owned(),
                format!("credential.expired - done - {}", status("EXPIRED")),
                "integration.deleted - done - -".to_owned(),
                "integration.restored - done - -".to_owned(),
                "integration.removed - done - -".to_owned(),
            ]
        );
        for (entry, sequence) in noted.iter().zip(1..) {
            assert_eq!(entry.sequence, sequence);
            assert_eq!((entry.actor.kind.as_str(), entry.actor.id.as_str()), ("member", "acc_7"));
            assert_eq!(entry.request_id.as_deref(), Some("req-1"));
            assert_eq!(entry.at, scm_types::Clock::now(&*given.clock));
        }
        assert_eq!(given.faults().await, [""; 0]);
    }

    async fn what_changes_nothing_leaves_none(db: TestDb) {
        let given = Given::on(db).await;
        let (store, actor) = (given.store.clone(), member());
        let row = given.created("t1", "https://github.com/a/b").await;
        let nobody = IntegrationId::parse("nobody").unwrap();
        let stale = scm_types::RowVersion::default();
        store.create(&actor, new("t1", "https://github.com/a/b")).await.unwrap_err();
        store.update(&actor, &row.id, &UpdateScmIntegrationDto::default(), None).await.unwrap().unwrap();
        store.update(&actor, &row.id, &renamed("x"), Some(&stale)).await.unwrap_err();
        store.soft_delete(&actor, &row.id, Some(&stale)).await.unwrap_err();
        store.hard_delete(&actor, &row.id, Some(&stale)).await.unwrap_err();
        let old = outcome(VerificationStatus::Valid, 9);
        store.update_verification_status(&actor, &row.id, &old).await.unwrap_err();
        assert_eq!(store.replace_tokens(&actor, &row.id, 9, &fresh(), Replacement::Renewed).await.unwrap(), None);
        assert_eq!(store.credential_version(&actor.scope, &row.id).await.unwrap(), Some(1));
        assert_eq!(store.credential_version(&scope("t2"), &row.id).await.unwrap(), None);
        for id in [&nobody, &row.id] {
            let actor = Actor { scope: scope(if *id == nobody { "t1" } else { "t2" }), ..member() };
            assert!(store.find_with_secrets(&actor, id, Purpose::Read).await.unwrap().is_none());
            assert!(store.update(&actor, id, &renamed("x"), None).await.unwrap().is_none());
            assert!(!store.soft_delete(&actor, id, None).await.unwrap());
            assert!(!store.hard_delete(&actor, id, None).await.unwrap());
        }
        let all = given.rows("SELECT `action` FROM `scm_audit_log`").await;
        assert_eq!(all.len(), 1, "the creation alone");
        assert_eq!(given.faults().await, [""; 0]);
    }

    async fn without_the_row_there_is_no_write(db: TestDb) {
        let given = Given::on(db).await;
        let (store, actor) = (given.store.clone(), member());
        let row = given.created("t1", "https://github.com/a/b").await;
        let deleted = given.created("t1", "https://github.com/a/deleted").await;
        assert!(store.soft_delete(&actor, &deleted.id, None).await.unwrap());
        let before = given.table().await;
        for (gone, back) in [
            ("ALTER TABLE `scm_audit_log` RENAME TO `away_log`", "ALTER TABLE `away_log` RENAME TO `scm_audit_log`"),
            ("ALTER TABLE `scm_audit_heads` RENAME TO `away_heads`", "ALTER TABLE `away_heads` RENAME TO `scm_audit_heads`"),
        ] {
            given.execute(gone).await;
            let opened = store.find_with_secrets(&actor, &row.id, Purpose::CreateTag).await;
            let valid = outcome(VerificationStatus::Valid, 1);
            let failures = [
                opened.err(),
                store.create(&actor, new("t1", "https://github.com/a/c")).await.err(),
                store.create(&actor, new("t1", "https://github.com/a/deleted")).await.err(),
                store.create(&Actor { scope: scope("t9"), ..member() }, new("t9", "https://github.com/a/c")).await.err(),
                store.update(&actor, &row.id, &renamed("Other"), None).await.err(),
                store.update_verification_status(&actor, &row.id, &valid).await.err(),
                store.replace_tokens(&actor, &row.id, 1, &fresh(), Replacement::Renewed).await.err(),
                store.mark_expired(&actor, &row.id, 1, "no").await.err(),
                store.soft_delete(&actor, &row.id, None).await.err(),
                store.hard_delete(&actor, &row.id, None).await.err(),
            ];
            for (place, failure) in failures.into_iter().enumerate() {
                assert!(matches!(failure, Some(StoreError::Database { .. })), "{gone}, {place}: {failure:?}");
            }
            assert_eq!(given.table().await, before, "{gone}");
            given.execute(back).await;
        }
        // Reading needs no row, and everything works again.
        assert_eq!(given.found(&row).await, row);
        store.update(&actor, &row.id, &renamed("Other"), None).await.unwrap().unwrap();
        assert_eq!(given.faults().await, [""; 0]);
    }

    async fn a_log_that_takes_no_rows_is_no_conflict(db: TestDb) {
        if db.backend != scm_testkit::db::Backend::Sqlite {
            // Elsewhere a trigger's refusal has a code of its own.
            return;
        }
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given
            .execute(
                "CREATE TRIGGER no_rows BEFORE INSERT ON `scm_audit_log` BEGIN \
                 SELECT RAISE(ABORT, 'no more'); END",
            )
            .await;
        let refused = given.store.update(&member(), &row.id, &renamed("x"), None).await;
        assert!(matches!(refused, Err(StoreError::Database { .. })), "{refused:?}");
        let refused = given.store.hard_delete(&member(), &row.id, None).await;
        assert!(matches!(refused, Err(StoreError::Database { .. })), "{refused:?}");
        assert_eq!(given.found(&row).await, row);
    }

    async fn a_head_that_was_set_back_stops_the_tenant_and_is_no_conflict(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given.execute("UPDATE `scm_audit_heads` SET `sequence` = 0").await;
        let refused = given.store.create(&member(), new("t1", "https://github.com/a/c")).await;
        assert!(matches!(refused, Err(StoreError::Database { .. })), "{refused:?}");
        let refused = given.store.update(&member(), &row.id, &renamed("x"), None).await;
        assert!(matches!(refused, Err(StoreError::Database { .. })), "{refused:?}");
        assert_eq!(given.found(&row).await, row);
        let other = Actor { scope: scope("t2"), ..member() };
        given.store.create(&other, new("t2", "https://github.com/a/c")).await.unwrap();
    }

    async fn a_secret_that_does_not_open_is_noted_as_such(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let store = given.with_keys(OTHER_KEYS);
        let failed = store.find_with_secrets(&member(), &row.id, Purpose::Renew).await;
        assert!(matches!(failed, Err(StoreError::Unreadable { .. })));
        let last = given.noted(&row).await.pop().unwrap();
        assert_eq!(line(&last), "credential.opened renew failed secret_unreadable -");
    }

    async fn the_platform_and_the_server_write_into_the_tenants_chain(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given.created("t2", "https://github.com/a/b").await;
        let platform = by(&TenantScope::Platform);
        let server = Actor::server(ServerTask::Verification);
        given.store.update(&platform, &row.id, &renamed("By the platform"), None).await.unwrap().unwrap();
        given.store.find_with_secrets(&server, &row.id, Purpose::Verify).await.unwrap().unwrap();
        assert!(given.store.soft_delete(&platform, &row.id, None).await.unwrap());
        assert!(given.store.hard_delete(&server, &row.id, None).await.unwrap());
        let noted = given.noted(&row).await;
        let who: Vec<_> = noted.iter().map(|entry| (entry.actor.kind.as_str(), entry.actor.id.as_str())).collect();
        assert_eq!(
            who,
            [
                ("platform", "acc_0"),
                ("platform", "acc_0"),
                ("server", "verification"),
                ("platform", "acc_0"),
                ("server", "verification"),
            ]
        );
        assert_eq!(noted[2].request_id, None);
        assert_eq!(given.faults().await, [""; 0]);
    }

    async fn an_act_elsewhere_is_noted_for_who_reaches_the_tenant(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let detail = AuditDetail::default().with("name", &scm_types::BranchName::parse("ä/😀").unwrap());
        let record = AuditRecord::not_done(AuditAction::BranchCreated, AuditOutcome::Unknown, "provider_timeout").with(detail.clone());
        given.audit().note(&member(), &row.tenant_id, &row.id, &record).await.unwrap();
        let last = given.noted(&row).await.pop().unwrap();
        assert_eq!(line(&last), "branch.created - unknown provider_timeout {\"name\": Text(\"ä/😀\")}");
        assert_eq!(last.detail, Some(detail));
        let foreign = given.audit().note(&member(), &tenant("t2"), &row.id, &record).await;
        assert!(matches!(foreign, Err(StoreError::OutsideScope)));
        assert_eq!(given.faults().await, [""; 0]);
    }

    async fn pages_are_the_integrations_own(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let other = given.created("t1", "https://github.com/a/c").await;
        for number in 0..5 {
            for row in [&row, &other] {
                let changes = renamed(&format!("n{number}"));
                given.store.update(&member(), &row.id, &changes, None).await.unwrap().unwrap();
            }
        }
        assert!(given.store.hard_delete(&member(), &row.id, None).await.unwrap());
        let audit = given.audit();
        for scope in [scope("t1"), TenantScope::Platform] {
            let mut request = AuditRequest { limit: PageLimit::new(3).unwrap(), after: None };
            let mut sequences = Vec::new();
            loop {
                let page = audit.page(&scope, &row.id, &request).await.unwrap().unwrap();
                assert!(page.items.len() <= 3);
                sequences.extend(page.items.iter().map(|entry| entry.sequence));
                let Some(next) = page.next else { break };
                request.after = Some(next);
            }
            assert_eq!(sequences, [13, 11, 9, 7, 5, 3, 1]);
            // Behind the last row is an empty page, not an unknown integration.
            request.after = Some(scm_types::AuditCursor(1));
            let empty = audit.page(&scope, &row.id, &request).await.unwrap().unwrap();
            assert_eq!((empty.items.len(), empty.next), (0, None));
        }
        let whole = AuditRequest::default();
        assert_eq!(audit.page(&scope("t2"), &row.id, &whole).await.unwrap(), None);
        assert_eq!(audit.page(&scope("t2"), &other.id, &whole).await.unwrap(), None);
        let nobody = IntegrationId::parse("nobody").unwrap();
        for scope in [scope("t1"), TenantScope::Platform] {
            assert_eq!(audit.page(&scope, &nobody, &whole).await.unwrap(), None);
        }
        // One of an old writer is there, and nothing is known of it.
        given.execute("DELETE FROM `scm_audit_log`").await;
        let page = audit.page(&scope("t1"), &other.id, &whole).await.unwrap().unwrap();
        assert_eq!(page.items, []);
    }

    async fn many_writers_of_one_tenant_make_one_chain(db: TestDb) {
        let given = Given::on(db).await;
        let writers = (0..32).map(|writer| {
            let store = given.store.clone();
            tokio::spawn(async move {
                let actor = member();
                let url = format!("https://github.com/w{writer}/r");
                let row = store.create(&actor, new("t1", &url)).await?;
                for number in 0..4 {
                    store.update(&actor, &row.id, &renamed(&format!("n{number}")), None).await?;
                    store.find_with_secrets(&actor, &row.id, Purpose::Read).await?;
                }
                store.soft_delete(&actor, &row.id, None).await
            })
        });
        let verifying = {
            let pool = given.pool.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let options = AuditVerifyOptions::default();
                    let mut watch = |step: AuditStep<'_>| {
                        assert!(!matches!(step, AuditStep::Fault { .. }), "{step:?}");
                    };
                    verify_audit(&pool, &options, &mut watch).await.unwrap();
                }
            })
        };
        for writer in join_all(writers.collect::<Vec<_>>()).await {
            assert!(writer.unwrap().unwrap());
        }
        verifying.await.unwrap();
        assert_eq!(given.faults().await, [""; 0]);
        let head = given.rows("SELECT `sequence` FROM `scm_audit_heads`").await;
        assert_eq!(head.len(), 1);
        assert_eq!(head[0].try_get_by_index::<i64>(0).unwrap(), 32 * 10);
    }

    async fn what_is_given_up_half_way_leaves_nothing_behind(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        // Dropped at every point that it waits at.
        for polls in 0..30 {
            let (actor, changes) = (member(), renamed(&format!("n{polls}")));
            let write = given.store.update(&actor, &row.id, &changes, None);
            let mut write = Box::pin(write);
            for _ in 0..polls {
                let waker = futures::task::noop_waker();
                let mut context = std::task::Context::from_waker(&waker);
                if std::future::Future::poll(write.as_mut(), &mut context).is_ready() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_micros(200)).await;
            }
            drop(write);
        }
        let changes = renamed("last");
        given.store.update(&member(), &row.id, &changes, None).await.unwrap().unwrap();
        assert_eq!(given.faults().await, [""; 0]);
        let after = given.found(&row).await;
        let rows = i64::try_from(given.noted(&row).await.len()).unwrap();
        assert_eq!(after.version.number, rows, "one for the creation, and one for each change");
    }
}
