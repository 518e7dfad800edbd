//! A stream of its own for a test, on a real NATS JetStream.
//!
//! - It is the server that `SCM_TEST_NATS_URL` names (`nats://host:port`). Without the variable such
//!   a test says that it was skipped, or fails with `SCM_TEST_NO_SKIP=1`.
//! - What is in the stream is read with a few lines of the protocol and not with the client that is
//!   tested.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "test support: what cannot be set up fails the test"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::db::{random_name, skipped, variable_of_tests};

/// The variable that names the server.
const VARIABLE: &str = "SCM_TEST_NATS_URL";

/// Subjects that no other test uses, and a stream that takes them once it is made. Dropping it
/// removes the stream.
#[derive(Debug)]
pub struct Stream {
    /// The server's URL.
    pub url: String,
    /// What its subjects begin with.
    pub prefix: String,
    name: String,
}

/// What a stream has kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// Its `Nats-Msg-Id`.
    pub id: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// What was sent.
    pub body: Vec<u8>,
}

impl Stream {
    /// `None` if there is no server. The stream is not made yet.
    ///
    /// # Panics
    ///
    /// If the server is missing while `SCM_TEST_NO_SKIP=1` asks for it.
    #[must_use]
    pub fn reserved() -> Option<Self> {
        let Some(url) = variable_of_tests(VARIABLE) else {
            skipped(&format_args!("on NATS: {VARIABLE} is not set"));
            return None;
        };
        let name = random_name();
        let prefix = format!("{name}.events");
        Some(Self { url, prefix, name })
    }

    /// A stream that takes messages; `None` if there is no server.
    ///
    /// # Panics
    ///
    /// If the server cannot be used, or is missing while `SCM_TEST_NO_SKIP=1` asks for it.
    #[must_use]
    pub fn made() -> Option<Self> {
        let stream = Self::reserved()?;
        stream.make();
        Some(stream)
    }

    /// Makes the stream, which takes all subjects of the prefix.
    ///
    /// # Panics
    ///
    /// If the server does not.
    pub fn make(&self) {
        let wanted = json!({
            "name": self.name,
            "subjects": [format!("{}.>", self.prefix)],
            "storage": "memory",
            "num_replicas": 1,
        });
        let made = self.ask("CREATE", &wanted);
        assert!(made["error"].is_null(), "no stream was made: {made}");
    }

    /// All that was kept, in order.
    ///
    /// # Panics
    ///
    /// If the server does not tell.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let info = self.ask("INFO", &json!({}));
        let last = info["state"]["last_seq"].as_u64();
        let last = last.unwrap_or_else(|| panic!("nothing is known of the stream: {info}"));
        (1..=last).map(|number| self.message(number)).collect()
    }

    fn message(&self, number: u64) -> Message {
        let answer = self.ask("MSG.GET", &json!({ "seq": number }));
        let message = &answer["message"];
        let bytes = |name: &str| {
            let text = message[name].as_str().unwrap_or_default();
            STANDARD.decode(text).expect("the server writes Base64")
        };
        let headers = String::from_utf8(bytes("hdrs")).expect("headers are text");
        let header = |name: &str| {
            let mut values = headers.lines().filter_map(|line| line.strip_prefix(name));
            values.next().map(str::to_owned)
        };
        Message {
            subject: message["subject"].as_str().unwrap_or_default().to_owned(),
            id: header("Nats-Msg-Id: "),
            traceparent: header("traceparent: "),
            body: bytes("data"),
        }
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        let subject = format!("$JS.API.STREAM.{what}.{}", self.name);
        request(&self.url, &subject, body)
            .unwrap_or_else(|error| panic!("{} does not answer: {error}", self.url))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A stream that was never made, or a server that is gone, must not fail a test that is over.
        let subject = format!("$JS.API.STREAM.DELETE.{}", self.name);
        request(&self.url, &subject, &json!({})).ok();
    }
}

/// Publishes one request on a connection of its own; gives what is answered.
fn request(url: &str, subject: &str, body: &Value) -> std::io::Result<Value> {
    let address = url.strip_prefix("nats://").unwrap_or(url);
    let mut to = TcpStream::connect(address.trim_end_matches('/'))?;
    to.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut from = BufReader::new(to.try_clone()?);
    let (inbox, body) = (format!("_INBOX.{}", random_name()), body.to_string());
    write!(
        to,
        "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {inbox} 1\r\nPUB {subject} {inbox} \
         {}\r\n{body}\r\n",
        body.len()
    )?;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut words = line.split_whitespace();
        match words.next() {
            Some("PING") => to.write_all(b"PONG\r\n")?,
            Some("MSG") => {
                let length = words.next_back().and_then(|length| length.parse().ok());
                let mut answer = vec![0; length.unwrap_or_default()];
                from.read_exact(&mut answer)?;
                return serde_json::from_slice(&answer).map_err(std::io::Error::from);
            }
            Some("-ERR") => return Err(std::io::Error::other(line)),
            _ => {}
        }
    }
}
