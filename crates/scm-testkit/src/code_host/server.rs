//! The host: records a request and answers from the script.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};

use super::{Recorded, Replies, Reply, happy::Standard, wire};

/// A scripted host.
#[derive(Debug)]
pub struct CodeHost {
    address: SocketAddr,
    standard: Option<Standard>,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    routes: Vec<Route>,
    all: Option<VecDeque<Reply>>,
    requests: Vec<Recorded>,
}

#[derive(Debug)]
struct Route {
    method: String,
    path: String,
    query: Vec<String>,
    replies: VecDeque<Reply>,
}

impl CodeHost {
    /// A host without any route.
    ///
    /// # Panics
    /// If the machine has no loopback port left.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its host")]
    pub async fn start() -> Self {
        Self::with_standard(None).await.expect("a loopback port")
    }

    pub(super) async fn with_standard(standard: Option<Standard>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let script = Arc::clone(&state);
        let server = tokio::spawn(wire::serve(listener, move |request| {
            let reply = lock(&script).take_reply(request);
            async { reply }
        }));
        Ok(Self {
            address,
            standard,
            state,
            server,
        })
    }

    /// Host and port: `127.0.0.1:4711`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The host as an operator lists it: `http://127.0.0.1:4711`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of the API, below the base: what the product's rules give for this host.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{}", self.base_url(), self.api_prefix())
    }

    /// The URL of a repository on this host.
    #[must_use]
    pub fn repository_url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url())
    }

    /// Scripts a route below the API: `/repos/octo/app` or `/repos/octo/app/hooks?per_page=1`. The
    /// path is compared as it is sent, encoded; the query parts given must all be there. Replaces
    /// an earlier script for the same route.
    pub fn on(&self, method: &str, path: &str, replies: impl Into<Replies>) {
        self.on_root(method, &format!("{}{path}", self.api_prefix()), replies);
    }

    /// Scripts a route anywhere on the host, such as `/oauth/token/info`.
    pub fn on_root(&self, method: &str, path: &str, replies: impl Into<Replies>) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let route = Route {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query
                .split('&')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
            replies: replies.into().0.into(),
        };
        let mut state = lock(&self.state);
        state.routes.retain(|known| {
            (&known.method, &known.path, &known.query) != (&route.method, &route.path, &route.query)
        });
        state.routes.push(route);
    }

    /// Answers every request so, whatever its route.
    pub fn on_everything(&self, replies: impl Into<Replies>) {
        lock(&self.state).all = Some(replies.into().0.into());
    }

    /// Back to the routes, after [`CodeHost::on_everything`].
    pub fn off_everything(&self) {
        lock(&self.state).all = None;
    }

    /// How many requests came in.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.state).requests.len()
    }

    /// How many requests came in for a path below the API, whatever their query.
    #[must_use]
    pub fn calls_to(&self, method: &str, path: &str) -> usize {
        let path = format!("{}{path}", self.api_prefix());
        lock(&self.state)
            .requests
            .iter()
            .filter(|request| request.method == method && request.path == path)
            .count()
    }

    /// The requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.state).requests.clone()
    }

    /// Forgets the requests recorded so far.
    pub fn forget_requests(&self) {
        lock(&self.state).requests.clear();
    }

    /// The standard repository and credential of a ready-made host.
    #[must_use]
    pub fn standard(&self) -> Option<Standard> {
        self.standard
    }

    pub(super) fn api_prefix(&self) -> &'static str {
        self.standard.map_or("", Standard::api_prefix)
    }
}

impl Drop for CodeHost {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn take_reply(&mut self, request: Recorded) -> Reply {
        let route = self.routes.iter_mut().rev().find(|route| {
            route.method == request.method
                && route.path == request.path
                && route
                    .query
                    .iter()
                    .all(|part| request.query.split('&').any(|given| given == part))
        });
        let replies = self.all.as_mut().or(route.map(|route| &mut route.replies));
        let reply = replies.and_then(|replies| match replies.len() {
            0 | 1 => replies.front().cloned(),
            _ => replies.pop_front(),
        });
        self.requests.push(request);
        reply.unwrap_or_else(|| Reply::json(404, &serde_json::json!({"message": "404 Not Found"})))
    }
}
