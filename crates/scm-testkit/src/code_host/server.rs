//! The server: reads a request, records it, answers from the script.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Replies, Reply, happy::Standard, reply::Fault};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The raw path, percent-encoding and all, without the query.
    pub path: String,
    /// The raw query, empty if there was none.
    pub query: String,
    /// The headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The value of a header, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

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
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
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

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    // Dropping the set when the server is aborted ends its connections too.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // A client that goes away is part of many scripts.
            let _ = answer(stream, &state).await;
        });
    }
}

async fn answer(mut stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else {
        return Ok(());
    };
    let reply = lock(state).take_reply(request);
    tokio::time::sleep(reply.delay).await;
    let mut head = format!(
        "HTTP/1.1 {} Scripted\r\nconnection: close\r\n",
        reply.status
    );
    for (name, value) in &reply.headers {
        head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
    }
    head.extend([
        "content-length: ",
        &reply.body.len().to_string(),
        "\r\n\r\n",
    ]);
    let sent = match reply.fault {
        Some(Fault::Silence) => {
            // Until the client gives up.
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
            return Ok(());
        }
        Some(Fault::Close) => return Ok(()),
        Some(Fault::Truncate) => &reply.body[..reply.body.len() / 2],
        None => &reply.body[..],
    };
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(sent).await?;
    stream.shutdown().await
}

async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Recorded>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        // Not HTTP, such as the first bytes of TLS.
        if !bytes.first().is_some_and(u8::is_ascii_uppercase) {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut recorded = Recorded {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: bytes.split_off(head_end + 4),
    };
    if let Some(length) = recorded.header("content-length") {
        let length: usize = length.parse().unwrap_or_default();
        while recorded.body.len() < length {
            if stream.read_buf(&mut recorded.body).await? == 0 {
                break;
            }
        }
    } else if recorded.header("transfer-encoding").is_some() {
        while !recorded.body.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut recorded.body).await? == 0 {
                break;
            }
        }
    }
    Ok(Some(recorded))
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
