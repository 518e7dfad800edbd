//! Code hosts backed by a real git repository: they speak the REST dialects of the products, and
//! git itself decides what there is and what can be made.
//!
//! - A host has one repository, made with the `git` command line; [`GitHost::repo`] is how a test
//!   writes to it and what it compares answers with. Nothing but releases is kept elsewhere.
//! - Any credential is taken, no credential is refused, the product's way each.
//! - Requests are served concurrently, writes one after the other. Whether a ref exists is decided
//!   by git in the moment of writing, so of two racing creators one is refused.
//! - A fault is set per method and part of the raw path: [`GitHost::instead`] and
//!   [`GitHost::always`] leave the repository alone, [`GitHost::lose`] does the work and breaks the
//!   answer.
//! - Every answer closes its connection. The server stops when the handle is dropped.
//!
//! ```no_run
//! # async fn example() {
//! use scm_testkit::{code_host::Reply, git_host::{Dialect, GitHost}};
//!
//! let host = GitHost::start(Dialect::Github).await;
//! let head = host.repo().commit("main", "Second commit");
//! host.lose("POST", "/git/refs", Reply::close());
//! // … create the branch `release/1` at `head` through host.api_url() …
//! assert_eq!(host.repo().peel("refs/heads/release/1"), Some(head));
//! assert_eq!(host.writes().len(), 1);
//! # }
//! ```

mod bitbucket;
mod data_center;
mod faults;
mod git;
mod github;
mod gitlab;
mod host;
mod objects;
mod repo;
mod request;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};

use self::{faults::Fate, host::Host};
use crate::code_host::{self, Recorded, Replies, Reply};

pub use repo::GitRepo;

/// The product that a host plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// GitHub Enterprise Server.
    Github,
    /// A self-managed GitLab.
    Gitlab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Data Center.
    DataCenter,
}

impl Dialect {
    /// Every product.
    pub const ALL: [Self; 4] = [
        Self::Github,
        Self::Gitlab,
        Self::Bitbucket,
        Self::DataCenter,
    ];

    /// The path of the repository below the host; `KEY/app` is the page `projects/KEY/repos/app`.
    #[must_use]
    pub fn repository(self) -> &'static str {
        match self {
            Self::Github => "octo/app",
            Self::Gitlab => "group/sub/deep/app",
            Self::Bitbucket => "ws/app",
            Self::DataCenter => "KEY/app",
        }
    }

    /// A credential that the host takes; it takes any other, too.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Github => "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            Self::Gitlab => "glpat-0123456789abcdefghij",
            Self::Bitbucket => "dev@example.com:ATATT3xFfGF0123456789",
            Self::DataCenter => "BBDC-0123456789abcdefghij",
        }
    }

    /// Where the API is below the host.
    #[must_use]
    pub fn api_prefix(self) -> &'static str {
        match self {
            Self::Github => "/api/v3",
            Self::Gitlab => "/api/v4",
            Self::Bitbucket => "/2.0",
            Self::DataCenter => "/rest",
        }
    }

    /// The refusal of a call too many.
    fn over_limit(self) -> Reply {
        match self {
            Self::Github => Reply::fixture("github/repo_403_primary_rate_limit"),
            Self::Gitlab => Reply::fixture("gitlab/any_429_rack_attack"),
            Self::Bitbucket | Self::DataCenter => Reply::fixture("bitbucket/any_429"),
        }
    }

    /// Tells how many calls are left, where the product does.
    fn with_limit(self, reply: Reply, remaining: Option<u32>) -> Reply {
        let (limit, names) = match self {
            Self::Github => (5000, ["x-ratelimit-limit", "x-ratelimit-remaining"]),
            Self::Gitlab => (2000, ["ratelimit-limit", "ratelimit-remaining"]),
            Self::Bitbucket | Self::DataCenter => return reply,
        };
        let left = remaining.unwrap_or(limit - 1);
        let used = limit.saturating_sub(left).to_string();
        let reply = reply
            .header(names[0], &limit.to_string())
            .header(names[1], &left.to_string());
        match self {
            Self::Github => reply
                .header("x-ratelimit-used", &used)
                .header("x-ratelimit-reset", "1793380800")
                .header("x-ratelimit-resource", "core"),
            _ => reply
                .header("ratelimit-name", "throttle_authenticated_api")
                .header("ratelimit-observed", &used)
                .header("ratelimit-reset", "1793380800"),
        }
    }
}

/// A code host with one repository.
#[derive(Debug)]
pub struct GitHost {
    host: Arc<Host>,
    server: JoinHandle<()>,
}

impl GitHost {
    /// A host whose repository has the branch `main` with one commit, "Initial commit".
    ///
    /// # Panics
    /// If the machine has no loopback port left, or no git.
    pub async fn start(dialect: Dialect) -> Self {
        let host = Self::empty(dialect).await;
        host.repo().commit("main", "Initial commit");
        host
    }

    /// A host whose repository has no commit yet.
    ///
    /// # Panics
    /// If the machine has no loopback port left, or no git.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its host")]
    pub async fn empty(dialect: Dialect) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a loopback port");
        let address = listener.local_addr().expect("the loopback port");
        let host = Arc::new(Host::new(dialect, format!("http://{address}")));
        let served = Arc::clone(&host);
        let server = tokio::spawn(code_host::serve(listener, move |request| {
            answer(Arc::clone(&served), request)
        }));
        Self { host, server }
    }

    /// The product.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.host.dialect
    }

    /// The host as an operator lists it: `http://127.0.0.1:4711`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.host.base.clone()
    }

    /// The address of the API, below the base.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.host.api()
    }

    /// The page of the repository, which a person pastes.
    #[must_use]
    pub fn repository_url(&self) -> String {
        self.host.web()
    }

    /// The repository itself.
    #[must_use]
    pub fn repo(&self) -> &GitRepo {
        &self.host.repo
    }

    /// The requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.host.state().requests.clone()
    }

    /// How many requests came in.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.host.state().requests.len()
    }

    /// Forgets the requests recorded so far.
    pub fn forget_requests(&self) {
        self.host.state().requests.clear();
    }

    /// The requests that could change something, oldest first: all but GET and HEAD.
    #[must_use]
    pub fn writes(&self) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|it| matches!(it.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE"));
        requests
    }

    /// The next requests of a method whose raw path contains a part get these replies, one each,
    /// and are not carried out. An empty method or part matches all.
    pub fn instead(&self, method: &str, path_part: &str, replies: impl Into<Replies>) {
        let mut state = self.host.state();
        state.faults.once(method, path_part, replies.into(), false);
    }

    /// Every such request gets this reply and is not carried out, until [`GitHost::heal`].
    pub fn always(&self, method: &str, path_part: &str, reply: Reply) {
        self.host.state().faults.always(method, path_part, reply);
    }

    /// The next such requests are carried out, but answered with these replies, one each.
    pub fn lose(&self, method: &str, path_part: &str, replies: impl Into<Replies>) {
        let mut state = self.host.state();
        state.faults.once(method, path_part, replies.into(), true);
    }

    /// Ends all faults of [`GitHost::instead`], [`GitHost::always`] and [`GitHost::lose`].
    pub fn heal(&self) {
        self.host.state().faults = faults::Faults::default();
    }

    /// Waits before each answer, after the request was carried out.
    pub fn set_latency(&self, latency: Duration) {
        self.host.state().latency = latency;
    }

    /// Makes the repository read-only for everybody. Bitbucket Cloud knows no archive: nothing
    /// changes there.
    pub fn set_archived(&self, yes: bool) {
        self.host.state().facts.archived = yes;
    }

    /// Gives the repository another path. GitHub and GitLab redirect from the old one to the
    /// repository's id; the Bitbucket products know it no longer.
    pub fn rename(&self, new_path: &str) {
        let facts = &mut self.host.state().facts;
        let old = std::mem::replace(&mut facts.path, new_path.to_owned());
        facts.old_paths.retain(|it| it != new_path);
        facts.old_paths.push(old);
    }

    /// Whether the credential may read and not write.
    pub fn set_read_only_token(&self, yes: bool) {
        self.host.state().facts.read_only = yes;
    }

    /// Refuses from now on to make a ref such as `refs/heads/release/1`.
    pub fn protect(&self, full_ref: &str) {
        let mut state = self.host.state();
        state.facts.protected.insert(full_ref.to_owned());
    }

    /// So many calls are answered, then the product's limit is reached. GitHub and GitLab tell how
    /// many are left.
    pub fn set_rate_limit(&self, remaining: u32) {
        self.host.state().remaining = Some(remaining);
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(host: Arc<Host>, request: Recorded) -> Reply {
    let (fate, latency) = host.meet(request.clone());
    let reply = match fate {
        Fate::Instead(reply) => reply,
        Fate::Normal => carry_out(host, request).await,
        Fate::Lost(reply) => {
            carry_out(host, request).await;
            reply
        }
    };
    tokio::time::sleep(latency).await;
    reply
}

async fn carry_out(host: Arc<Host>, request: Recorded) -> Reply {
    let work = tokio::task::spawn_blocking(move || host.carry_out(&request));
    // The panic of a handler is printed where it happens; the client sees a broken product.
    work.await.unwrap_or_else(|_| Reply::html(500))
}
