//! A client of a few lines.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::git_host::{Dialect, GitHost};

/// An answer; a status of 0 is a connection that ended without one.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) text: String,
    pub(super) json: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, it)| it)
    }

    /// The address of the next page by the `Link` header.
    pub(super) fn next(&self) -> Option<String> {
        let mut links = self.header("link")?.split(", ");
        let link = links.find(|link| link.ends_with("rel=\"next\""))?;
        let (address, _) = link.trim_start_matches('<').split_once('>')?;
        Some(address.to_owned())
    }

    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

/// Asks for a path below the API, or for a whole address of the host.
pub(super) async fn send(
    host: &GitHost,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let base = host.base_url();
    let target = path.strip_prefix(&base).map_or_else(
        || format!("{}{path}", host.dialect().api_prefix()),
        str::to_owned,
    );
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: test\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    let length = body.len().to_string();
    request.extend(["content-length: ", &length, "\r\n\r\n", &body]);
    let mut stream = TcpStream::connect(base.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    Answer {
        status: status.unwrap_or_default(),
        head: head.to_owned(),
        text: text.to_owned(),
        json: serde_json::from_str(text).unwrap_or_default(),
    }
}

fn authorization(dialect: Dialect) -> (&'static str, String) {
    ("authorization", format!("Bearer {}", dialect.token()))
}

pub(super) async fn get(host: &GitHost, path: &str) -> Answer {
    let (name, value) = authorization(host.dialect());
    send(host, "GET", path, &[(name, &value)], None).await
}

pub(super) async fn post(host: &GitHost, path: &str, body: Value) -> Answer {
    let (name, value) = authorization(host.dialect());
    send(host, "POST", path, &[(name, &value)], Some(&body)).await
}

/// The texts at a JSON pointer in each value.
pub(super) fn all(values: &Value, pointer: &str) -> Vec<String> {
    let values = values.as_array().into_iter().flatten();
    let texts = values.filter_map(|it| it.pointer(pointer)?.as_str());
    texts.map(str::to_owned).collect()
}

/// Follows the `Link` headers to the end.
pub(super) async fn pages(host: &GitHost, path: &str, pointer: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = get(host, &path).await.expect(200);
        found.extend(all(&answer.json, pointer));
        next = answer.next();
    }
    found
}

/// A repository in which `topic` is three commits ahead of `main` and one behind.
pub(super) async fn diverged(dialect: Dialect) -> GitHost {
    let host = GitHost::start(dialect).await;
    let repo = host.repo();
    repo.branch("topic", "main");
    repo.commit("topic", "First\n\nWith a body");
    repo.commit_by("topic", "Second", "Zoë Ünal");
    repo.commit("main", "Meanwhile");
    repo.commit("topic", "Third");
    host
}

/// Names that git takes and that are easily sent wrongly.
pub(super) const ODD: [&str; 6] = ["a#b", "50%", "x/y", "ü-ß/日本", "q\"'&+;=", "%2F"];

/// One segment, everything but letters and digits encoded.
pub(super) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}
