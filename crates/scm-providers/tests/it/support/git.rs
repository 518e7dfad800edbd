//! A registry of one host that is backed by a git repository.

use std::{sync::Arc, time::Duration};

use scm_providers::{Known, Provider, ProviderError, Registry, TransportSettings};
use scm_testkit::git_host::{Dialect, GitHost};
use scm_types::{
    AccessToken, BranchName, CommitSha, FixedClock, HostKind, NewRelease, NewTag, RepoUrl,
    RepositoryInfo, TagName,
};

use super::{NOW, at, provider_host, registry, settings};

pub(crate) struct GitBench {
    pub(crate) host: GitHost,
    pub(crate) clock: Arc<FixedClock>,
    registry: Registry,
}

impl GitBench {
    /// A repository with one commit on `main`.
    pub(crate) async fn start(dialect: Dialect) -> Self {
        Self::on(GitHost::start(dialect).await)
    }

    pub(crate) fn on(host: GitHost) -> Self {
        Self::with(host, patient())
    }

    pub(crate) fn with(host: GitHost, settings: TransportSettings) -> Self {
        let kind = match host.dialect() {
            Dialect::Github => HostKind::Github,
            Dialect::Gitlab => HostKind::Gitlab,
            Dialect::Bitbucket => HostKind::Bitbucket,
            Dialect::DataCenter => HostKind::BitbucketDataCenter,
        };
        let configured = provider_host(kind, &host.base_url());
        let clock = Arc::new(FixedClock::at(at(NOW)));
        Self {
            registry: registry(configured, settings, &clock).unwrap(),
            host,
            clock,
        }
    }

    pub(crate) fn open(
        &self,
        token: &str,
        known: Known,
    ) -> Result<Box<dyn Provider>, ProviderError> {
        let url = RepoUrl::parse(&self.host.repository_url(), self.registry.web_hosts()).unwrap();
        let token = AccessToken::parse(token).unwrap();
        self.registry.open(&url, &token, known)
    }

    /// A handle for work that nobody waits for.
    pub(crate) fn background(&self) -> Box<dyn Provider> {
        let url = RepoUrl::parse(&self.host.repository_url(), self.registry.web_hosts()).unwrap();
        let token = AccessToken::parse(self.host.dialect().token()).unwrap();
        let opened = self
            .registry
            .open_in_background(&url, &token, Known::default());
        opened.unwrap()
    }

    pub(crate) fn provider(&self) -> Box<dyn Provider> {
        self.known(Known::default())
    }

    pub(crate) fn known(&self, known: Known) -> Box<dyn Provider> {
        self.open(self.host.dialect().token(), known).unwrap()
    }

    /// A handle and the repository; what it took is forgotten.
    pub(crate) async fn work(&self) -> (Box<dyn Provider>, RepositoryInfo) {
        let provider = self.provider();
        let info = provider.info().await.unwrap();
        self.host.forget_requests();
        (provider, info)
    }

    /// The commit that git has for a revision.
    pub(crate) fn sha(&self, revision: &str) -> CommitSha {
        CommitSha::parse(&self.host.repo().peel(revision).unwrap()).unwrap()
    }

    /// How many requests of that method have this in their path.
    pub(crate) fn asked(&self, method: &str, part: &str) -> usize {
        let requests = self.host.requests().into_iter();
        let asked = requests.filter(|it| it.method == method && it.path.contains(part));
        asked.count()
    }

    /// The queries of the requests whose path ends so.
    pub(crate) fn queries(&self, path_end: &str) -> Vec<String> {
        let requests = self.host.requests().into_iter();
        let requests = requests.filter(|request| request.path.ends_with(path_end));
        requests.map(|request| request.query).collect()
    }
}

/// git is started for each request: nothing is cut short on a busy machine.
pub(crate) fn patient() -> TransportSettings {
    TransportSettings {
        request_timeout: Duration::from_secs(10),
        operation_budget: Duration::from_mins(2),
        max_body: 8 * 1024 * 1024,
        ..settings()
    }
}

pub(crate) fn branch(name: &str) -> BranchName {
    BranchName::parse(name).unwrap()
}

pub(crate) fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

pub(crate) fn release(name: &str) -> NewRelease {
    NewRelease {
        tag: tag(name),
        name: format!("Release {name}"),
        notes: "# Notes\n\n- one\n\t- two".to_owned(),
        prerelease: false,
    }
}

pub(crate) fn new_tag(name: &str, commit: &CommitSha) -> NewTag {
    NewTag {
        name: tag(name),
        commit: commit.clone(),
        message: "Line one\n\nLine two".to_owned(),
    }
}
