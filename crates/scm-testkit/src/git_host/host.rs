//! What the dialects share: the state of a host, and the way of a request through it.

use std::{
    collections::{BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::{
    Dialect, GitRepo, bitbucket, data_center,
    faults::{Fate, Faults},
    github, gitlab,
    hooks::{Hooks, Push},
    request::Request,
    tokens::{self, Tokens},
};
use crate::code_host::{Recorded, Reply};

/// A host as its server sees it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) dialect: Dialect,
    /// `http://127.0.0.1:4711`.
    pub(super) base: String,
    pub(super) repo: GitRepo,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) requests: Vec<Recorded>,
    /// How many are being answered, and how many were at most.
    pub(super) busy: usize,
    pub(super) most_at_once: usize,
    pub(super) faults: Faults,
    pub(super) latency: Duration,
    /// How many calls are left before the limit, if it counts.
    pub(super) remaining: Option<u32>,
    pub(super) facts: Facts,
    pub(super) releases: Vec<Release>,
    pub(super) tokens: Tokens,
    pub(super) hooks: Hooks,
}

/// What a test can change about the repository and the credential.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) path: String,
    pub(super) old_paths: Vec<String>,
    pub(super) archived: bool,
    pub(super) read_only: bool,
    pub(super) protected: BTreeSet<String>,
}

/// A release, kept beside the repository.
#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) id: usize,
    pub(super) tag: String,
    pub(super) draft: bool,
    pub(super) prerelease: bool,
    /// As the product answers with it.
    pub(super) body: Value,
}

/// A request that is being answered.
pub(super) struct Busy(Arc<Host>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

impl Host {
    pub(super) fn new(dialect: Dialect, base: String) -> Self {
        let facts = Facts {
            path: dialect.repository().to_owned(),
            ..Facts::default()
        };
        Self {
            dialect,
            base,
            repo: GitRepo::init(),
            state: Mutex::new(State {
                facts,
                ..State::default()
            }),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn facts(&self) -> Facts {
        self.state().facts.clone()
    }

    /// The address of the API.
    pub(super) fn api(&self) -> String {
        format!("{}{}", self.base, self.dialect.api_prefix())
    }

    /// The web page of the repository.
    pub(super) fn web(&self) -> String {
        let path = self.facts().path;
        match (self.dialect, path.split_once('/')) {
            (Dialect::DataCenter, Some((key, slug))) => {
                format!("{}/projects/{key}/repos/{slug}", self.base)
            }
            _ => format!("{}/{path}", self.base),
        }
    }

    /// Counts a request as one that is being answered until what it gives is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        let mut state = self.state();
        state.busy += 1;
        state.most_at_once = state.most_at_once.max(state.busy);
        Busy(Arc::clone(self))
    }

    /// Records a request and decides what becomes of it.
    pub(super) fn meet(&self, request: Recorded) -> (Fate, Duration) {
        let mut state = self.state();
        let fate = state.faults.meet(&request);
        state.requests.push(request);
        (fate, state.latency)
    }

    /// Carries a request out.
    pub(super) fn carry_out(&self, recorded: &Recorded) -> Reply {
        if let Some(reply) = tokens::outside_the_api(self, recorded) {
            return reply;
        }
        let Some(request) = Request::parse(recorded, self.dialect.api_prefix()) else {
            return Reply::json(404, &serde_json::json!({"message": "404 Not Found"}));
        };
        let Ok(remaining) = self.count() else {
            return self.dialect.over_limit();
        };
        if let Some(reply) = tokens::within_the_api(self, &request) {
            return self.dialect.with_limit(reply, remaining);
        }
        let reply = match self.dialect {
            Dialect::Github => github::answer(self, &request),
            Dialect::Gitlab => gitlab::answer(self, &request),
            Dialect::Bitbucket => bitbucket::answer(self, &request),
            Dialect::DataCenter => data_center::answer(self, &request),
        };
        let (reply, unchanged) = self.conditional(&request, reply);
        let remaining = if unchanged && self.dialect == Dialect::Github {
            self.state().remaining.as_mut().map(|left| {
                *left += 1;
                *left
            })
        } else {
            remaining
        };
        self.dialect.with_limit(reply, remaining)
    }

    /// What a push tells those who are told of it, and by which event.
    pub(super) fn push_event(&self, push: &Push) -> (&'static str, Value) {
        match self.dialect {
            Dialect::Github => github::push_event(self, push),
            Dialect::Gitlab => gitlab::push_event(self, push),
            Dialect::Bitbucket => bitbucket::push_event(self, push),
            Dialect::DataCenter => data_center::push_event(self, push),
        }
    }

    /// Takes one call off the limit.
    fn count(&self) -> Result<Option<u32>, ()> {
        match self.state().remaining.as_mut() {
            None => Ok(None),
            Some(0) => Err(()),
            Some(left) => {
                *left -= 1;
                Ok(Some(*left))
            }
        }
    }

    /// Gives a good answer its `ETag`, and leaves the body away if the client has it.
    fn conditional(&self, request: &Request, reply: Reply) -> (Reply, bool) {
        let tags = matches!(self.dialect, Dialect::Github | Dialect::Gitlab);
        if !tags || request.method != "GET" || reply.status != 200 {
            return (reply, false);
        }
        let mut hasher = DefaultHasher::new();
        reply.body.hash(&mut hasher);
        // The pages of a listing may have the same body, but not the same links.
        reply.headers.hash(&mut hasher);
        let tag = format!("W/\"{:016x}\"", hasher.finish());
        let known = request.header("if-none-match").unwrap_or_default();
        let opaque = tag.trim_start_matches("W/");
        if known
            .split(',')
            .any(|it| it.trim().trim_start_matches("W/") == opaque)
        {
            let mut unchanged = Reply::empty(304);
            unchanged.headers = reply.headers;
            return (unchanged.header("etag", &tag), true);
        }
        (reply.header("etag", &tag), false)
    }
}
