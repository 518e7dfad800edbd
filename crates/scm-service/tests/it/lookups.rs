//! Looking for integrations by something else than their id, and a status that a host found by itself.

use scm_service::ServiceError;
use scm_testkit::{
    db::TestDb,
    git_host::{Dialect, GitHost},
    on_every_database,
};
use scm_types::{
    Access, AccessToken, AccountId, Caller, CreateScmIntegrationDto, DisplayName, IntegrationId,
    Patch, Role, TenantId, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::bench::{Bench, owner};

fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

/// Somebody of another tenant.
fn stranger() -> Caller {
    let access = Access::Tenant {
        tenant: tenant("another"),
        role: Role::Owner,
    };
    Caller::new(AccountId::parse("stranger").unwrap(), access)
}

async fn bench(db: TestDb) -> Bench {
    let mut bench = Bench::empty(db, GitHost::start(Dialect::Github).await).await;
    let dto = CreateScmIntegrationDto {
        access_token: Some(AccessToken::parse("ghp_x").unwrap()),
        ..bench.dto()
    };
    bench.id = bench.services.create(&owner(), dto).await.unwrap().id;
    bench
}

on_every_database! {
    async fn found_by_what_is_known_of_it(db: TestDb) {
        let bench = bench(db).await;
        let (services, own) = (&bench.services, bench.row().await.tenant_id);
        let url = bench.row().await.repository_url;
        for spelling in [url.clone(), format!("{url}.git"), url.to_uppercase().replacen("HTTP", "http", 1)] {
            let found = services.find_by_repository(&owner(), &own, &spelling).await.unwrap();
            assert_eq!(found.map(|row| row.id), Some(bench.id.clone()), "{spelling}");
        }
        let foreign = services.find_by_repository(&stranger(), &own, &url).await.unwrap();
        assert_eq!(foreign, None);
        let nonsense = services.find_by_repository(&owner(), &own, "nonsense").await;
        assert!(matches!(nonsense, Err(ServiceError::Invalid(fields)) if fields[0].field == "repositoryUrl"));

        assert!(services.exists(&owner(), &bench.id).await.unwrap());
        assert!(!services.exists(&stranger(), &bench.id).await.unwrap());
        let nobody = IntegrationId::parse("nobody").unwrap();
        assert!(!services.exists(&owner(), &nobody).await.unwrap());

        assert_eq!(services.count(&owner(), &own).await.unwrap(), 1);
        assert_eq!(services.count(&owner(), &tenant("another")).await.unwrap(), 0);
        assert_eq!(services.count(&stranger(), &own).await.unwrap(), 0);
        let platform = Caller::new(AccountId::parse("ops").unwrap(), Access::Platform);
        assert_eq!(services.count(&platform, &own).await.unwrap(), 1);
    }

    async fn a_status_that_a_host_found(db: TestDb) {
        let bench = bench(db).await;
        let services = &bench.services;
        let note = async |caller: &Caller, status, error: Option<&str>| {
            let error = error.map(str::to_owned);
            services.set_verification_status(caller, &bench.id, status, error).await
        };
        let row = note(&owner(), VerificationStatus::Invalid, Some("gone")).await.unwrap();
        assert_eq!(row.verification_status, VerificationStatus::Invalid);
        assert_eq!(row.verification_error.as_deref(), Some("gone"));
        assert!(row.last_verified_at.is_some());
        let row = note(&owner(), VerificationStatus::Valid, None).await.unwrap();
        assert_eq!((row.verification_status, row.verification_error), (VerificationStatus::Valid, None));

        let foreign = note(&stranger(), VerificationStatus::Valid, None).await;
        assert!(matches!(foreign, Err(ServiceError::NotFound)));
        let access = Access::Tenant { tenant: bench.row().await.tenant_id, role: Role::Editor };
        let editor = Caller::new(AccountId::parse("e").unwrap(), access);
        let forbidden = note(&editor, VerificationStatus::Valid, None).await;
        assert!(matches!(forbidden, Err(ServiceError::Forbidden { needs: Role::Owner })));

        // A new name is no new credential: what was noted stays.
        let rename = UpdateScmIntegrationDto {
            display_name: Patch::Value(DisplayName::parse("App").unwrap()),
            ..UpdateScmIntegrationDto::default()
        };
        let row = services.update(&owner(), &bench.id, &rename, None).await.unwrap();
        assert_eq!(row.verification_status, VerificationStatus::Valid);
    }
}
