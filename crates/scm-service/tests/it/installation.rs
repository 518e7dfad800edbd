//! Connections without a token of their own: the operator's App has an installation there.

use futures::future::join_all;
use scm_service::{ProviderError, ServiceError};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use scm_types::{
    CreateScmIntegrationDto, Patch, SafeScmIntegration, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::bench::{APP, Bench, MINUTE, owner, platform};

const INSTALLATION: u64 = 4711;
const RIGHTS: [&str; 3] = ["contents", "metadata", "repository_hooks"];

fn dto(bench: &Bench) -> CreateScmIntegrationDto {
    CreateScmIntegrationDto {
        github_installation_id: Some(INSTALLATION.to_string()),
        ..bench.dto()
    }
}

async fn created(bench: &Bench) -> SafeScmIntegration {
    let dto = dto(bench);
    bench.services.create(&platform(), dto).await.unwrap()
}

/// A connection through an installation.
async fn installed() -> Bench {
    let git = GitHost::start(Dialect::Github).await;
    git.set_app(APP);
    git.install(INSTALLATION, &RIGHTS);
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let mut bench = Bench::empty(db, git).await;
    let row = created(&bench).await;
    assert!(row.has_valid_token && !row.is_token_expired);
    bench.id = row.id;
    bench
}

async fn verified(bench: &Bench) -> (VerificationStatus, Option<String>) {
    let checked = bench.services.verify(&owner(), &bench.id).await.unwrap();
    assert_eq!(
        checked.integration.verification_status,
        checked.result.status
    );
    assert_eq!(checked.integration.token_expires_at, None);
    (checked.result.status, checked.result.error)
}

#[tokio::test]
async fn operations_share_a_token_that_is_never_stored() {
    let bench = installed().await;
    let calls = (0..20).map(|_| bench.work());
    for done in join_all(calls).await {
        done.unwrap();
    }
    assert_eq!(bench.git.installation_tokens(), 1);
    assert_eq!(verified(&bench).await, (VerificationStatus::Valid, None));
    assert!(bench.row().await.has_valid_token);
    // The database takes this only if there is none.
    let check = "CREATE TABLE stored (token TEXT CHECK (token = 'none'))";
    bench.db.execute_by_hand(check).await;
    let copy = "INSERT INTO stored SELECT COALESCE(accessToken, 'none') FROM \
                tenant_scm_integrations";
    bench.db.execute_by_hand(copy).await;
}

#[tokio::test]
async fn a_token_is_used_until_five_minutes_before_its_end() {
    let bench = installed().await;
    // The first check tells the repository's id, which tokens are made for from then on.
    verified(&bench).await;
    bench.work().await.unwrap();
    let made = bench.git.installation_tokens();
    bench.clock.advance(MINUTE * 54);
    bench.work().await.unwrap();
    assert_eq!(bench.git.installation_tokens(), made);
    bench.clock.advance(MINUTE);
    bench.work().await.unwrap();
    assert_eq!(bench.git.installation_tokens(), made + 1);
}

#[tokio::test]
async fn a_refused_token_is_made_anew() {
    let bench = installed().await;
    bench.work().await.unwrap();
    bench.git.expire_tokens();
    for done in join_all((0..20).map(|_| bench.work())).await {
        done.unwrap();
    }
    assert_eq!(bench.git.installation_tokens(), 2);
}

#[tokio::test]
async fn an_installation_that_is_suspended_or_gone_is_told() {
    let bench = installed().await;
    assert_eq!(verified(&bench).await.0, VerificationStatus::Valid);

    bench.git.suspend_installation(INSTALLATION, true);
    bench.clock.advance(MINUTE * 60);
    let error = bench.work().await.unwrap_err();
    let ServiceError::Provider(error @ ProviderError::InstallationSuspended) = error else {
        panic!("{error:?}");
    };
    let (status, told) = verified(&bench).await;
    assert_eq!(
        (status, told),
        (VerificationStatus::Invalid, Some(error.to_string()))
    );
    assert!(!bench.row().await.has_valid_token);

    bench.git.suspend_installation(INSTALLATION, false);
    assert_eq!(verified(&bench).await, (VerificationStatus::Valid, None));
    bench.work().await.unwrap();

    bench.git.delete_installation(INSTALLATION);
    let error = bench.work().await.unwrap_err();
    assert!(
        matches!(
            error,
            ServiceError::Provider(ProviderError::InstallationGone)
        ),
        "{error:?}"
    );
    assert_eq!(verified(&bench).await.0, VerificationStatus::Invalid);
}

#[tokio::test]
async fn a_deleted_connection_makes_no_use_of_its_installation() {
    let bench = installed().await;
    let (services, id) = (&bench.services, &bench.id);
    services.delete(&owner(), id, false, None).await.unwrap();
    assert!(!bench.row().await.has_valid_token);
    let worked = bench.work().await.unwrap_err();
    let checked = services.verify(&owner(), id).await.unwrap_err();
    for error in [worked, checked] {
        assert!(matches!(error, ServiceError::NoCredential), "{error:?}");
    }
    assert_eq!(bench.git.calls(), 0);

    let back = created(&bench).await;
    assert_eq!((&back.id, back.has_valid_token), (id, true));
    bench.work().await.unwrap();
}

#[tokio::test]
async fn a_connection_can_go_over_to_its_installation() {
    let mut bench = installed().await;
    bench
        .services
        .delete(&owner(), &bench.id, true, None)
        .await
        .unwrap();
    let (access, _) = bench.git.issue();
    let dto = CreateScmIntegrationDto {
        access_token: Some(scm_types::AccessToken::parse(access).unwrap()),
        ..dto(&bench)
    };
    bench.id = bench.services.create(&platform(), dto).await.unwrap().id;
    bench.work().await.unwrap();
    assert_eq!(bench.git.installation_tokens(), 0);
    let changes = UpdateScmIntegrationDto {
        access_token: Patch::Null,
        ..UpdateScmIntegrationDto::default()
    };
    assert!(bench.update(&changes).await.has_valid_token);
    bench.work().await.unwrap();
    assert_eq!(bench.git.installation_tokens(), 1);
}

#[tokio::test]
async fn without_an_app_a_token_is_needed() {
    let git = GitHost::start(Dialect::Gitlab).await;
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let bench = Bench::empty(db, git).await;
    let error = bench
        .services
        .create(&platform(), bench.dto())
        .await
        .unwrap_err();
    let ServiceError::Invalid(errors) = error else {
        panic!("{error:?}");
    };
    assert_eq!(errors[0].field, "accessToken");
}

#[tokio::test]
async fn only_the_platform_attaches_an_installation() {
    let mut bench = installed().await;
    let (services, id) = (&bench.services, &bench.id);
    services.delete(&owner(), id, true, None).await.unwrap();
    let with_token = CreateScmIntegrationDto {
        access_token: bench.dto().access_token,
        ..dto(&bench)
    };
    for dto in [dto(&bench), with_token] {
        let refused = services.create(&owner(), dto).await.unwrap_err();
        let ServiceError::Invalid(errors) = &refused else {
            panic!("{refused:?}")
        };
        assert_eq!(errors[0].field, "githubInstallationId");
    }
    // With a token of its own, which the tenant cannot take away.
    let row = CreateScmIntegrationDto {
        access_token: bench.dto().access_token,
        ..dto(&bench)
    };
    bench.id = services.create(&platform(), row).await.unwrap().id;
    let without = UpdateScmIntegrationDto {
        access_token: Patch::Null,
        ..UpdateScmIntegrationDto::default()
    };
    let (services, id) = (&bench.services, &bench.id);
    let refused = services.update(&owner(), id, &without, None).await;
    assert!(
        matches!(refused, Err(ServiceError::Invalid(_))),
        "{refused:?}"
    );
    assert!(
        services
            .update(&platform(), id, &without, None)
            .await
            .is_ok()
    );
}
