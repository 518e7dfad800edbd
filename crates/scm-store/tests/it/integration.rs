//! Creating, finding, listing.

use std::time::Duration;

use scm_store::StoreError;
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    BranchName, DisplayName, IntegrationId, PageRequest, Purpose, ScmIntegrationFilters, ScmType,
    TenantScope, Timestamp, VerificationStatus,
};

use crate::given::{Given, by, new, page, repository, scope, tenant};

on_every_database! {
    async fn what_is_created_is_found(db: TestDb) {
        let given = Given::on(db).await;
        let mut wanted = new("t1", "https://github.com/Acme/Shop");
        wanted.token_expires_at = Some(Timestamp::parse("2028-02-29T23:59:59.999Z").unwrap());
        let created = given.store.create(&by(&scope("t1")), wanted).await.unwrap();

        assert_eq!(given.found(&created).await, created);
        assert_eq!(created.id.as_str().len(), 21);
        assert_eq!(created.repository_url, "https://github.com/Acme/Shop");
        assert_eq!(created.scm_type, ScmType::Github);
        assert_eq!(created.verification_status, VerificationStatus::Pending);
        assert!(created.is_active && created.has_valid_token && !created.is_token_expired);
        assert_eq!(created.created_at.to_string(), "2027-01-31T09:00:00.123Z");
        assert_eq!(created.version.number, 1);

        let opened = given
            .store
            .find_with_secrets(&by(&scope("t1")), &created.id, Purpose::Read)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(opened.integration, created);
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_first");
        assert_eq!(opened.refresh_token.unwrap().expose(), "ghr_first");
        assert!(opened.webhook_secret.is_none() && opened.provider_repository_id.is_none());
        assert_eq!(opened.credential_version, 1);
    }

    async fn any_script_is_kept(db: TestDb) {
        let given = Given::on(db).await;
        let name = "日本 モバイル 🚀 Ünïcödé שלום";
        let mut wanted = new("t1", "https://github.com/a/b");
        wanted.display_name = DisplayName::parse(name).unwrap();
        wanted.default_branch = BranchName::parse("релиз/1").unwrap();
        let created = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
        let found = given.found(&created).await;
        assert_eq!(found.display_name, name);
        assert_eq!(found.default_branch, "релиз/1");

        let longest = DisplayName::parse(&"🚀".repeat(255)).unwrap();
        let mut wanted = new("t1", "https://github.com/a/c");
        wanted.display_name = longest.clone();
        let created = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
        assert_eq!(given.found(&created).await.display_name, longest.as_str());
    }

    async fn what_does_not_fit_is_named(db: TestDb) {
        let given = Given::on(db).await;
        for bad in ["x".repeat(256), "a\0b".to_owned()] {
            let mut wanted = new("t1", "https://github.com/a/b");
            wanted.gitlab_group_id = Some(bad);
            let result = given.store.create(&by(&scope("t1")), wanted).await;
            assert!(
                matches!(result, Err(StoreError::DoesNotFit { field: "gitlabGroupId" })),
                "{result:?}"
            );
        }
    }

    async fn ids_that_differ_by_case_are_different(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let other = given.created("T1", "https://github.com/a/b").await;
        assert_ne!(row.id, other.id);
        for changed in [row.id.as_str().to_uppercase(), row.id.as_str().to_lowercase()] {
            let id = IntegrationId::parse(changed).unwrap();
            let found = given.store.find_by_id(&scope("t1"), &id).await.unwrap();
            assert!(id == row.id || found.is_none());
        }
        assert_eq!(given.ids(&scope("T1"), &ScmIntegrationFilters::default()).await, [other.id]);
    }

    async fn a_token_expires_by_the_clock(db: TestDb) {
        let given = Given::on(db).await;
        let mut wanted = new("t1", "https://github.com/a/b");
        wanted.token_expires_at = Some(Timestamp::parse("2027-01-31T09:00:01.000Z").unwrap());
        let row = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
        assert!(row.has_valid_token && !row.is_token_expired);
        given.clock.advance(Duration::from_secs(1));
        let row = given.found(&row).await;
        assert!(!row.has_valid_token && row.is_token_expired);
    }

    async fn a_row_without_a_token_has_no_valid_one(db: TestDb) {
        let given = Given::on(db).await;
        let mut wanted = new("t1", "https://github.com/a/b");
        wanted.access_token = None;
        wanted.refresh_token = None;
        wanted.github_installation_id = Some("123".to_owned());
        let row = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
        assert!(!row.has_valid_token);
        assert_eq!(given.found(&row).await, row);
    }

    async fn lists_are_filtered(db: TestDb) {
        let given = Given::on(db).await;
        let github = given.created("t1", "https://github.com/a/b").await;
        given.tick();
        let gitlab = given.created("t1", "https://gitlab.com/a/b").await;
        given.tick();
        let paused = given.created("t1", "https://bitbucket.org/a/b").await;
        given.tick();
        let deleted = given.created("t1", "https://github.com/a/deleted").await;
        given.tick();
        let foreign = given.created("t2", "https://github.com/a/b").await;
        given.store.soft_delete(&by(&scope("t1")), &deleted.id, None).await.unwrap();
        given
            .execute(&format!(
                "UPDATE `tenant_scm_integrations` SET `isActive` = FALSE, \
                 `verificationStatus` = 'INVALID' WHERE `id` = '{}'",
                paused.id
            ))
            .await;

        let none = ScmIntegrationFilters::default();
        let check = async |scope: &TenantScope, filters: ScmIntegrationFilters, want: &[&IntegrationId]| {
            let got = given.ids(scope, &filters).await;
            assert_eq!(got.iter().collect::<Vec<_>>(), want, "{filters:?}");
        };
        let (t1, platform) = (scope("t1"), TenantScope::Platform);
        check(&t1, none.clone(), &[&paused.id, &gitlab.id, &github.id]).await;
        check(&platform, none.clone(), &[&foreign.id, &paused.id, &gitlab.id, &github.id]).await;
        let with = |change: fn(&mut ScmIntegrationFilters)| {
            let mut filters = none.clone();
            change(&mut filters);
            filters
        };
        check(&t1, with(|f| f.is_active = Some(true)), &[&gitlab.id, &github.id]).await;
        check(&t1, with(|f| f.is_active = Some(false)), &[&deleted.id, &paused.id]).await;
        check(&t1, with(|f| f.scm_type = Some(ScmType::Gitlab)), &[&gitlab.id]).await;
        check(
            &t1,
            with(|f| f.verification_status = Some(VerificationStatus::Invalid)),
            &[&paused.id],
        )
        .await;
        check(&platform, with(|f| f.tenant_id = Some(tenant("t2"))), &[&foreign.id]).await;
        check(&t1, with(|f| f.tenant_id = Some(tenant("t1"))), &[&paused.id, &gitlab.id, &github.id])
            .await;
        check(&t1, with(|f| f.tenant_id = Some(tenant("t2"))), &[]).await;

        assert_eq!(given.store.count(&t1).await.unwrap(), 2);
        assert_eq!(given.store.count(&platform).await.unwrap(), 3);
    }

    async fn a_walk_over_pages_sees_every_row_once(db: TestDb) {
        let given = Given::on(db).await;
        let mut all = Vec::new();
        for number in 0..23 {
            // Four rows in each millisecond: the time alone gives no order.
            if number % 4 == 0 {
                given.tick();
            }
            all.push(given.created("t1", &format!("https://github.com/a/r{number}")).await);
            given.created("t2", &format!("https://github.com/a/r{number}")).await;
        }
        for limit in [1, 3, 4, 5, 22, 23, 24] {
            let mut request = page(limit);
            let mut seen = Vec::new();
            loop {
                let page = given
                    .store
                    .find_all(&scope("t1"), &ScmIntegrationFilters::default(), &request)
                    .await
                    .unwrap();
                assert!(page.items.len() <= usize::try_from(limit).unwrap());
                seen.extend(page.items);
                match page.next {
                    Some(next) => request.after = Some(next.to_string().parse().unwrap()),
                    None => break,
                }
            }
            assert!(seen.is_sorted_by(|a, b| a.created_at >= b.created_at));
            assert_eq!(seen.len(), all.len(), "limit {limit}");
            assert!(all.iter().all(|row| seen.contains(row)), "limit {limit}");
        }
        let last = given
            .store
            .find_all(&scope("t1"), &ScmIntegrationFilters::default(), &page(23))
            .await
            .unwrap();
        assert!(last.next.is_none());
    }

    async fn rows_that_come_and_go_do_not_disturb_a_walk(db: TestDb) {
        let given = Given::on(db).await;
        let mut rows = Vec::new();
        for number in 0..6 {
            given.tick();
            rows.push(given.created("t1", &format!("https://github.com/a/r{number}")).await);
        }
        let filters = ScmIntegrationFilters::default();
        let first = given.store.find_all(&scope("t1"), &filters, &page(3)).await.unwrap();
        // The row that the cursor names goes, and a newer one comes.
        given.store.hard_delete(&by(&scope("t1")), &rows[3].id, None).await.unwrap();
        given.tick();
        given.created("t1", "https://github.com/a/newer").await;
        let request = PageRequest { after: first.next, ..page(3) };
        let second = given.store.find_all(&scope("t1"), &filters, &request).await.unwrap();
        assert_eq!(second.items, [rows[2].clone(), rows[1].clone(), rows[0].clone()]);
    }

    async fn another_spelling_is_the_same_repository(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/Acme/Shop").await;
        for spelling in ["https://github.com/acme/shop.git", "git@github.com:ACME/shop.git"] {
            let found = given
                .store
                .find_by_repository(&scope("t1"), &tenant("t1"), &repository(spelling))
                .await
                .unwrap();
            assert_eq!(found.as_ref(), Some(&row), "{spelling}");
            let again = given.store.create(&by(&scope("t1")), new("t1", spelling)).await;
            assert!(matches!(again, Err(StoreError::Conflict)), "{spelling}: {again:?}");
        }
        let other = repository("https://gitlab.com/acme/shop");
        let found = given.store.find_by_repository(&scope("t1"), &tenant("t1"), &other).await;
        assert!(found.unwrap().is_none());
    }

    async fn an_old_writers_row_is_found_and_in_the_way(db: TestDb) {
        let given = Given::on(db).await;
        given
            .execute(
                "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, \
                 `displayName`, `repositoryUrl`, `createdByAccountId`) VALUES ('old', 't1', \
                 'GITHUB', 'Old', 'https://github.com/a/b', 'acc_1')",
            )
            .await;
        let url = repository("https://github.com/a/b");
        let found = given
            .store
            .find_by_repository(&scope("t1"), &tenant("t1"), &url)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.id.as_str(), "old");
        assert!(found.is_active && !found.has_valid_token && found.version.number == 1);
        let again = given.store.create(&by(&scope("t1")), new("t1", url.as_str())).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        assert_eq!(given.ids(&scope("t1"), &ScmIntegrationFilters::default()).await, [found.id]);
    }
}
