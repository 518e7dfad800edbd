//! The work on a repository: one suite that all four dialects pass, against code hosts backed by a
//! real git repository. git is the oracle of every answer, and of every change.

mod branches;
mod faults;
mod history;
mod releases;
mod rights;
mod tags;

use std::{future::Future, sync::Arc, time::Duration};

use scm_providers::{Known, Provider, ProviderHost, Registry, TransportSettings};
use scm_testkit::git_host::{Dialect, GitHost};
use scm_types::{
    AccessToken, BranchName, CommitSha, FixedClock, HostKind, NewTag, RepoUrl, RepositoryInfo,
    TagName, WebHost,
};

use crate::support::{NOW, at, registry, settings};

/// Names that are legal and that careless code breaks.
const NAMES: [&str; 7] = [
    "release/v1.0.0",
    "feature/a#b",
    "100%",
    "ünïcode",
    "a&b=c;d",
    "q\"uote'",
    "x+y@z",
];

/// A host of one dialect and the way to it.
struct Bench {
    host: GitHost,
    registry: Registry,
}

impl Bench {
    async fn start(dialect: Dialect) -> Self {
        Self::of(GitHost::start(dialect).await, patient())
    }

    async fn empty(dialect: Dialect) -> Self {
        Self::of(GitHost::empty(dialect).await, patient())
    }

    fn of(host: GitHost, settings: TransportSettings) -> Self {
        let kind = match host.dialect() {
            Dialect::Github => HostKind::Github,
            Dialect::Gitlab => HostKind::Gitlab,
            Dialect::Bitbucket => HostKind::Bitbucket,
            Dialect::DataCenter => HostKind::BitbucketDataCenter,
        };
        let clock = Arc::new(FixedClock::at(at(NOW)));
        let web = WebHost::parse(kind, &host.base_url()).unwrap();
        let provider_host = ProviderHost {
            allow_private_addresses: true,
            ..ProviderHost::default_for(web)
        };
        Self {
            registry: registry(provider_host, settings, &clock).unwrap(),
            host,
        }
    }

    fn open_known(&self, known: Known) -> Box<dyn Provider> {
        let url = self.host.repository_url();
        let url = RepoUrl::parse(&url, self.registry.web_hosts()).unwrap();
        let token = AccessToken::parse(self.host.dialect().token()).unwrap();
        self.registry.open(&url, &token, known).unwrap()
    }

    /// A handle for one operation.
    fn open(&self) -> Box<dyn Provider> {
        self.open_known(Known::default())
    }

    /// A handle, and the repository.
    async fn work(&self) -> (Box<dyn Provider>, RepositoryInfo) {
        let provider = self.open();
        let info = provider.info().await.unwrap();
        (provider, info)
    }

    /// The commit that git has for a revision.
    fn sha(&self, revision: &str) -> CommitSha {
        CommitSha::parse(&self.host.repo().peel(revision).unwrap()).unwrap()
    }

    /// True if the product has releases.
    fn has_releases(&self) -> bool {
        matches!(self.host.dialect(), Dialect::Github | Dialect::Gitlab)
    }
}

/// Nothing waits longer than it must, and nothing is cut short on a busy machine.
fn patient() -> TransportSettings {
    TransportSettings {
        request_timeout: Duration::from_secs(10),
        operation_budget: Duration::from_mins(2),
        max_body: 8 * 1024 * 1024,
        write_pause: Duration::ZERO,
        ..settings()
    }
}

/// Runs a test on a fresh host of each dialect.
async fn on_every_dialect<Fut: Future<Output = ()>>(test: impl Fn(Bench) -> Fut) {
    for dialect in Dialect::ALL {
        test(Bench::start(dialect).await).await;
    }
}

fn branch(name: &str) -> BranchName {
    BranchName::parse(name).unwrap()
}

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn new_tag(name: &str, commit: &CommitSha) -> NewTag {
    NewTag {
        name: tag(name),
        commit: commit.clone(),
        message: format!("Release {name}"),
    }
}
