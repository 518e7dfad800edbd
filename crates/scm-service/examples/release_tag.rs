//! A service without HTTP that tags a release: it connects a repository for a tenant, and makes the
//! tag there under that tenant's name.
//!
//! `cargo run -p scm-service --example release_tag -- v1.2.0` does it at a scripted GitHub with a real
//! git repository behind it. Against a code host of your own, leave out `hosts` (or name yours there),
//! keep the database and its keys, and take `connected` and `tagged` as they are.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example that cannot go on ends, and shows what it did"
)]

use std::sync::Arc;

use scm_service::{
    Cipher, ConnectOptions, KeyRing, NewTag, ProviderHost, ServiceError, Services, TagTarget,
    connect,
};
use scm_testkit::git_host::{Dialect, GitHost};
use scm_types::{
    Access, AccessToken, AccountId, BranchName, Caller, CreateScmIntegrationDto, Ensured, HostKind,
    IntegrationId, Role, ScmType, TagInfo, TagName, TenantId, WebHost,
};

#[tokio::main]
async fn main() {
    let tag = std::env::args().nth(1).unwrap_or("v1.0.0".to_owned());
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/scm.db?mode=rwc", directory.path().display());
    let github = GitHost::start(Dialect::Github).await;
    let services = services(&url, host(&github)).await;
    let caller = release_job();
    let connected = connected(&services, &caller, &github.repository_url()).await;
    let made = tagged(&services, &caller, &connected.unwrap(), &tag).await;
    let made = made.unwrap();
    let how = if made.existing { "was there" } else { "made" };
    println!("{} at {} ({how})", made.value.name, made.value.commit_sha);
}

/// The one thing to be built at the start: steps of the schema, a pool, the keys that seal what is
/// stored, and the code hosts.
pub(crate) async fn services(url: &str, host: ProviderHost) -> Services {
    scm_migrations::up(url, None).await.unwrap();
    let pool = connect(url, &ConnectOptions::default()).await.unwrap();
    // Yours come from a file or a secret store, and stay: without them nothing stored can be opened.
    let keys = KeyRing::parse("* k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n").unwrap();
    let services = Services::builder(pool, Arc::new(Cipher::new(keys)));
    services.hosts(vec![host]).build().unwrap()
}

/// Who acts. What it reaches is one tenant's, here and in every query.
pub(crate) fn release_job() -> Caller {
    let access = Access::Tenant {
        tenant: tenant(),
        role: Role::Owner,
    };
    Caller::new(AccountId::parse("release-job").unwrap(), access)
}

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

/// Connects the repository. Keep the id: it is what everything else is asked with.
pub(crate) async fn connected(
    services: &Services,
    caller: &Caller,
    repository_url: &str,
) -> Result<IntegrationId, ServiceError> {
    let dto = CreateScmIntegrationDto {
        access_token: Some(AccessToken::parse("ghp_of_your_own").unwrap()),
        ..CreateScmIntegrationDto::new(tenant(), ScmType::Github, repository_url)
    };
    Ok(services.create(caller, dto).await?.id)
}

/// Tags the head of `main`. The same again finds the tag and changes nothing.
pub(crate) async fn tagged(
    services: &Services,
    caller: &Caller,
    connected: &IntegrationId,
    tag: &str,
) -> Result<Ensured<TagInfo>, ServiceError> {
    let new = NewTag {
        name: TagName::parse(tag).unwrap(),
        target: TagTarget::Branch {
            name: BranchName::parse("main").unwrap(),
            expected_sha: None,
        },
        message: Some(format!("Release {tag}")),
    };
    services.create_tag(caller, connected, &new).await
}

/// The scripted host, which is on loopback, where no code host is expected.
pub(crate) fn host(github: &GitHost) -> ProviderHost {
    let web = WebHost::parse(HostKind::Github, &github.base_url()).unwrap();
    ProviderHost {
        api_url: github.api_url().parse().unwrap(),
        allow_private_addresses: true,
        ..ProviderHost::default_for(web)
    }
}
