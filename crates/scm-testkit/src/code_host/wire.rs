//! HTTP/1.1 as little as a test needs: reads a request, has it answered, closes the connection.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Reply, reply::Fault};

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

/// Answers every request on a task of its own, until it is dropped.
pub(crate) async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Recorded) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    // Dropping the set when the server is aborted ends its connections too.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let answer = answer.clone();
        connections.spawn(async move {
            // A client that goes away is part of many scripts.
            let _ = converse(stream, answer).await;
        });
    }
}

async fn converse<F, A>(mut stream: TcpStream, answer: F) -> io::Result<()>
where
    F: Fn(Recorded) -> A,
    A: Future<Output = Reply>,
{
    let Some(request) = read_request(&mut stream).await? else {
        return Ok(());
    };
    let reply = answer(request).await;
    tokio::time::sleep(reply.delay).await;
    write_reply(&mut stream, &reply).await
}

async fn write_reply(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
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
