//! A line to a database server that can be interfered with: cut, frozen, mended.
//!
//! - What is under test connects to [`Line::url`]; the test itself goes round it by the database's own
//!   URL, so that it can look while nobody else gets through.
//! - [`Line::freeze_after`] stops it behind a message of the client, so that whoever waits for the answer
//!   can be killed at a known statement.
//! - It lives as long as the runtime that it was made in.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "test support: what cannot be set up fails the test"
)]

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use crate::db::TestDb;

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_mins(10);

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Carries bytes.
    Works,
    /// Open connections break, new ones are refused.
    Cut,
    /// Connections stay open and carry nothing until they are cut, not even when the line works again;
    /// new ones are taken, unanswered.
    Frozen,
}

/// A line to the server of a database.
#[derive(Debug)]
pub struct Line {
    /// The database's URL, by way of the line.
    pub url: String,
    wire: Wire,
}

/// What all connections of a line share.
#[derive(Debug, Clone)]
struct Wire {
    state: Arc<watch::Sender<State>>,
    /// How many messages of clients it still carries before it freezes.
    left: Arc<AtomicUsize>,
}

impl Line {
    /// A line that works, to a database on a server.
    ///
    /// # Panics
    /// If the database is a file, or the machine has no loopback port left.
    pub async fn to(db: &TestDb) -> Self {
        let server = authority(&db.url);
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        let near = listener.local_addr().expect("the loopback port");
        let url = db.url.replacen(&server, &near.to_string(), 1);
        let wire = Wire {
            state: Arc::new(watch::channel(State::Works).0),
            left: Arc::new(AtomicUsize::new(usize::MAX)),
        };
        let shared = wire.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), shared.clone()));
            }
        });
        Self { url, wire }
    }

    /// Does something to it, from now on.
    pub fn set(&self, state: State) {
        self.wire.state.send_replace(state);
    }

    /// Works now, and freezes behind so many messages of clients: the last one reaches the server, and
    /// its answer nobody.
    pub fn freeze_after(&self, messages: usize) {
        self.wire.left.store(messages, Ordering::SeqCst);
        self.set(State::Works);
    }

    /// True from then on until it is told to work again.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        *self.wire.state.borrow() == State::Frozen
    }
}

/// `127.0.0.1:5432`
fn authority(url: &str) -> String {
    let found = url.split_once("://").and_then(|(_, rest)| {
        let (authority, _) = rest.split_once('/')?;
        authority.rsplit('@').next()
    });
    match found {
        Some(authority) if !authority.is_empty() => authority.to_owned(),
        _ => panic!("a line leads to a server, and this database has none"),
    }
}

async fn carry(client: TcpStream, server: String, wire: Wire) {
    let mut line = wire.state.subscribe();
    let at_first = *line.borrow_and_update();
    match at_first {
        State::Cut => return,
        State::Frozen => frozen(&mut line).await,
        State::Works => {}
    }
    let server = TcpStream::connect(server).await.expect("the server itself");
    let (mut client, mut server) = (client.into_split(), server.into_split());
    tokio::select! {
        // Looked at first, or a last answer could slip through behind the change.
        biased;
        now = changed(&mut line) => if now == State::Frozen {
            // The sockets stay open, and nobody reads or writes them.
            frozen(&mut line).await;
        },
        _ = messages(&mut client.0, &mut server.1, &wire) => {}
        _ = copy(&mut server.0, &mut client.1) => {}
    }
}

/// Until it is cut.
async fn frozen(line: &mut watch::Receiver<State>) {
    let cut = line.wait_for(|line| *line == State::Cut);
    timeout(FOR_EVER, cut).await.ok();
}

/// Carries what a client says, message by message: it says the next one when it has its answer.
async fn messages(
    client: &mut (impl AsyncReadExt + Unpin),
    server: &mut (impl AsyncWriteExt + Unpin),
    wire: &Wire,
) -> io::Result<()> {
    let mut message = vec![0; 64 * 1024];
    loop {
        let length = client.read(&mut message).await?;
        if length == 0 {
            return server.shutdown().await;
        }
        server.write_all(&message[..length]).await?;
        if wire.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            wire.state.send_replace(State::Frozen);
        }
    }
}

async fn changed(line: &mut watch::Receiver<State>) -> State {
    line.wait_for(|line| *line != State::Works)
        .await
        .map_or(State::Cut, |line| *line)
}
