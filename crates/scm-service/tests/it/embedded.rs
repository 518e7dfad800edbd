//! The services inside a program that serves no HTTP: the example, held to what it says.

use scm_service::ServiceError;
use scm_testkit::{
    db::TestDb,
    git_host::{Dialect, GitHost},
    on_every_database,
};
use scm_types::{Access, AccountId, Caller, Role, TenantId};

use crate::release_tag::{connected, host, release_job, services, tagged};

on_every_database! {
    async fn a_release_is_tagged_once(db: TestDb) {
        let github = GitHost::start(Dialect::Github).await;
        let (services, caller) = (services(&db.url, host(&github)).await, release_job());
        let id = connected(&services, &caller, &github.repository_url()).await.unwrap();
        let made = tagged(&services, &caller, &id, "v1.0.0").await.unwrap();
        assert!(!made.existing);
        assert_eq!(github.repo().peel("v1.0.0").as_deref(), Some(made.value.commit_sha.as_str()));
        let again = tagged(&services, &caller, &id, "v1.0.0").await.unwrap();
        assert!(again.existing);
        assert_eq!(again.value.commit_sha, made.value.commit_sha);

        // Nobody of another tenant knows of it.
        let access = Access::Tenant { tenant: TenantId::parse("other").unwrap(), role: Role::Owner };
        let stranger = Caller::new(AccountId::parse("x").unwrap(), access);
        let seen = tagged(&services, &stranger, &id, "v1.0.1").await;
        assert!(matches!(seen, Err(ServiceError::NotFound)), "{seen:?}");
    }
}
