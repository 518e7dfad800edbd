//! Code hosts backed by a real git repository: they speak the REST dialects of the products, and
//! git itself decides what there is and what can be made.
//!
//! - A host has one repository, made with the `git` command line; [`GitHost::repo`] is how a test
//!   writes to it and what it compares answers with. Nothing but releases is kept elsewhere.
//! - Any credential is taken, no credential is refused, the product's way each. Once a test has
//!   credentials issued ([`GitHost::set_oauth`], [`GitHost::set_app`], [`GitHost::issue`]), only
//!   issued ones are taken, as long as they last.
//! - Requests are served concurrently, writes one after the other. Whether a ref exists is decided
//!   by git in the moment of writing, so of two racing creators one is refused.
//! - A fault is set per method and part of the raw path: [`GitHost::instead`] and
//!   [`GitHost::always`] leave the repository alone, [`GitHost::lose`] does the work and breaks the
//!   answer.
//! - Webhooks are kept and delivered to for real ([`GitHost::deliver_push`]), signed as the product
//!   signs; what the host holds of them is [`GitHost::hooks`].
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
mod dialect;
mod faults;
mod git;
mod github;
mod gitlab;
mod hooks;
mod host;
mod objects;
mod read;
mod repo;
mod request;
#[cfg(test)]
mod tests;
mod tokens;
mod write;

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};

use self::{faults::Fate, host::Host};
use crate::code_host::{self, Recorded, Replies, Reply};

pub use dialect::Dialect;
pub use hooks::{Attempt, HeldHook, Pause};
pub use repo::GitRepo;
pub use tokens::{APP_KEY, APP_KEY_PKCS8};

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
        let shared = Arc::clone(&host);
        let server = tokio::spawn(code_host::serve(listener, move |request| {
            answer(Arc::clone(&shared), request)
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

    /// How many requests were answered at the same time, at most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.host.state().most_at_once
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
    let _busy = host.busy();
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
    let shared = Arc::clone(&host);
    let work = tokio::task::spawn_blocking(move || shared.carry_out(&request));
    // The panic of a handler is printed where it happens; the client sees a broken product.
    let reply = work.await.unwrap_or_else(|_| Reply::html(500));
    hooks::send_outbox(&host);
    reply
}
