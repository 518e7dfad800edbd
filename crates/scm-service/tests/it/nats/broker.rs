//! A broker that knows as much of the protocol of NATS as it takes to fail.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a broker does with what is published.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    /// As a stream does.
    Acknowledge,
    /// Answers with that.
    Answer(&'static str),
    /// Says that nobody has subscribed.
    NoResponders,
    /// Says nothing.
    Silent,
    /// Closes the first connection at the first message, and acknowledges from then on.
    CloseOnce,
    /// Refuses every login.
    LetNobodyIn,
}

#[derive(Default)]
struct Seen {
    heard: Vec<u8>,
    logins: Vec<Value>,
    published: Vec<String>,
}

/// A running broker.
pub(super) struct Broker {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Broker {
    pub(super) async fn start(doing: Doing) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, doing, Arc::clone(&shared)));
            }
        });
        Self { port, seen, task }
    }

    /// The address of a broker that is not there.
    pub(super) async fn nobody_there() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("nats://{}", listener.local_addr().unwrap())
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Closes every connection and takes no new one.
    pub(super) async fn stop(&self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// All bytes that came.
    pub(super) fn heard(&self) -> Vec<u8> {
        self.seen.lock().unwrap().heard.clone()
    }

    /// What was said by those who connected.
    pub(super) fn logins(&self) -> Vec<Value> {
        self.seen.lock().unwrap().logins.clone()
    }

    /// The ids of the messages that came.
    pub(super) fn published(&self) -> Vec<String> {
        self.seen.lock().unwrap().published.clone()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection until it is over.
async fn serve(stream: TcpStream, doing: Doing, seen: Arc<Mutex<Seen>>) {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    let info = json!({
        "server_id": "test", "server_name": "test", "version": "2.10.0", "go": "", "host": "127.0.0.1",
        "port": 4222, "headers": true, "max_payload": 1_048_576, "proto": 1, "client_id": 1,
        "nonce": "nonce", "jetstream": true,
    });
    let mut answer = format!("INFO {info}\r\n");
    let mut subscription = String::new();
    loop {
        if to.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        let mut line = Vec::new();
        match from.read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
        seen.lock().unwrap().heard.extend_from_slice(&line);
        let line = String::from_utf8_lossy(&line).into_owned();
        let words: Vec<_> = line.split_whitespace().collect();
        answer = match words[..] {
            ["CONNECT", ..] => {
                let login = serde_json::from_str(line.trim_start_matches("CONNECT ")).unwrap();
                seen.lock().unwrap().logins.push(login);
                String::new()
            }
            ["PING"] => match doing {
                Doing::LetNobodyIn => "-ERR 'Authorization Violation'\r\n".to_owned(),
                _ => "PONG\r\n".to_owned(),
            },
            ["SUB", _, number] => {
                number.clone_into(&mut subscription);
                String::new()
            }
            ["HPUB", _, reply, _, length] => {
                let mut message = vec![0; length.parse::<usize>().unwrap() + 2];
                if from.read_exact(&mut message).await.is_err() {
                    return;
                }
                let is_first = keep(&seen, &message);
                match doing {
                    Doing::Silent => String::new(),
                    Doing::CloseOnce if is_first => return,
                    Doing::NoResponders => {
                        let status = "NATS/1.0 503\r\n\r\n";
                        let length = status.len();
                        format!("HMSG {reply} {subscription} {length} {length}\r\n{status}\r\n")
                    }
                    Doing::Answer(text) => told(reply, &subscription, text),
                    _ => told(reply, &subscription, r#"{"stream":"TEST","seq":1}"#),
                }
            }
            _ => String::new(),
        };
    }
}

fn told(reply: &str, subscription: &str, text: &str) -> String {
    format!("MSG {reply} {subscription} {}\r\n{text}\r\n", text.len())
}

/// Notes a message's id; true if it is the first one.
fn keep(seen: &Mutex<Seen>, message: &[u8]) -> bool {
    let message = String::from_utf8_lossy(message);
    let id = message
        .lines()
        .find_map(|line| line.strip_prefix("Nats-Msg-Id: "));
    let mut seen = seen.lock().unwrap();
    seen.published.push(id.unwrap_or("none").to_owned());
    seen.published.len() == 1
}
