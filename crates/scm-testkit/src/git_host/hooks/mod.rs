//! Webhooks of a host: what it holds, and the real deliveries that it makes.
//!
//! - Each product keeps its own rules for them, in its `hooks` file: GitHub forgets a secret that a
//!   change does not repeat, GitLab drops it with the URL, Bitbucket keeps it, Data Center takes a
//!   change for the whole webhook.
//! - Deliveries are HTTP requests to the URL of a webhook, signed as the product signs them. Only
//!   `http` on this machine is dialled; everywhere else nobody answers.
//! - A delivery keeps its key however often it is sent.
//! - Time stands still at 2026-10-30T17:20:00Z unless a test sets it.

mod deliver;
mod handle;
mod sign;

use std::sync::Arc;

use super::{Dialect, host::Host};

/// 2026-10-30T17:20:00Z, the moment of the recorded deliveries.
const RECORDED: i64 = 1_793_380_800;

/// A webhook as its host holds it, with what it shows to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldHook {
    /// The host's id of it.
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// Its name, or its description.
    pub name: String,
    /// Whether it is switched on. GitLab has no switch.
    pub active: bool,
    /// What it sends, by the host's own names; on GitLab those flags that are true.
    pub events: Vec<String>,
    /// What deliveries are signed with.
    pub secret: Option<String>,
    /// GitLab's plain token.
    pub token: Option<String>,
    /// Whether bodies are JSON; GitHub sends forms unless told otherwise.
    pub json: bool,
    /// Whether the certificate of the receiver is verified.
    pub verifies_tls: bool,
    /// What GitLab has decided about it.
    pub pause: Pause,
    /// What the last delivery was answered with; 0 if it was not.
    pub last_status: Option<u16>,
    /// How many deliveries in a row did not arrive.
    pub failures: u32,
}

/// Whether GitLab still delivers to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pause {
    /// It does.
    #[default]
    None,
    /// Not for a while.
    Paused,
    /// Not until somebody does something about it.
    Disabled,
}

/// A delivery that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The host's number of it.
    pub id: u64,
    /// The webhook.
    pub hook: String,
    /// What the delivery is told apart by: the same for each attempt.
    pub key: String,
    /// The event, as webhooks subscribe to it.
    pub event: String,
    /// What was sent; JSON also where a form was made of it.
    pub body: String,
    /// What it was answered with; 0 if it was not.
    pub status: u16,
    /// Whether it was tried before.
    pub redelivery: bool,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// All webhooks of a host.
#[derive(Debug)]
pub(super) struct Hooks {
    pub(super) held: Vec<HeldHook>,
    pub(super) attempts: Vec<Attempt>,
    /// Deliveries that are on their way once the request at hand is answered.
    outbox: Vec<Outgoing>,
    under_way: Vec<tokio::task::JoinHandle<()>>,
    made: u64,
    sent: u64,
    /// Whether addresses of this machine are refused, as the products do it unless told otherwise.
    pub(super) public_only: bool,
    /// Whether GitLab is at least 19.0 and signs.
    pub(super) signs: bool,
    now: i64,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            attempts: Vec::new(),
            outbox: Vec::new(),
            under_way: Vec::new(),
            made: 0,
            sent: 0,
            public_only: false,
            signs: true,
            now: RECORDED,
        }
    }
}

/// Something that is to be delivered to a webhook.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) hook: String,
    pub(super) event: String,
    pub(super) body: String,
    /// That of an earlier attempt.
    pub(super) key: Option<String>,
}

/// What happened to a ref, with the commits before and after; none where there is no ref.
#[derive(Debug, Clone)]
pub(super) struct Push {
    pub(super) full_ref: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Hooks {
    pub(super) fn find(&self, id: &str) -> Option<&HeldHook> {
        self.held.iter().find(|hook| hook.id == id)
    }

    pub(super) fn find_mut(&mut self, id: &str) -> Option<&mut HeldHook> {
        self.held.iter_mut().find(|hook| hook.id == id)
    }

    /// A new webhook that sends nothing to nowhere yet.
    pub(super) fn blank(&mut self, dialect: Dialect) -> HeldHook {
        self.made += 1;
        let number = self.made;
        HeldHook {
            id: match dialect {
                Dialect::Bitbucket => format!("{{d3a5e1f0-1111-4222-8333-{number:012x}}}"),
                Dialect::Github => (12_345_678 + number).to_string(),
                Dialect::Gitlab | Dialect::DataCenter => number.to_string(),
            },
            url: String::new(),
            name: String::new(),
            active: true,
            events: Vec::new(),
            secret: None,
            token: None,
            json: true,
            verifies_tls: true,
            pause: Pause::None,
            last_status: None,
            failures: 0,
        }
    }

    /// Has something delivered when the request at hand is answered.
    pub(super) fn post(&mut self, outgoing: Outgoing) {
        self.outbox.push(outgoing);
    }

    /// The attempts of a webhook, newest first.
    pub(super) fn attempts_of(&self, id: &str) -> Vec<Attempt> {
        let attempts = self.attempts.iter().rev().filter(|it| it.hook == id);
        attempts.cloned().collect()
    }

    /// Whether a URL may be a webhook's.
    pub(super) fn takes_url(&self, url: &str) -> bool {
        let Ok(url) = url::Url::parse(url) else {
            return false;
        };
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        matches!(url.scheme(), "http" | "https") && !(self.public_only && is_local)
    }
}

impl HeldHook {
    /// Whether it is sent that event. Tests are sent to everybody.
    fn takes(&self, event: &str) -> bool {
        let is_test = matches!(event, "ping" | "diagnostics:ping");
        let sends = |it: &String| it == event || it == "*";
        self.active && self.pause == Pause::None && (is_test || self.events.iter().any(sends))
    }
}

impl Outgoing {
    /// Another attempt.
    pub(super) fn again(attempt: &Attempt) -> Self {
        Self {
            hook: attempt.hook.clone(),
            event: attempt.event.clone(),
            body: attempt.body.clone(),
            key: Some(attempt.key.clone()),
        }
    }
}

/// Sends what a request has left to be delivered, in the background, as the products do.
pub(super) fn send_outbox(host: &Arc<Host>) {
    let mut state = host.state();
    for outgoing in std::mem::take(&mut state.hooks.outbox) {
        let host = Arc::clone(host);
        let delivery = tokio::task::spawn_blocking(move || {
            deliver::one(&host, &outgoing);
        });
        state.hooks.under_way.push(delivery);
    }
}

impl Host {
    /// Delivers to one webhook and waits for the answer; gives its status.
    pub(super) fn deliver_now(&self, outgoing: &Outgoing) -> u16 {
        deliver::one(self, outgoing).map_or(0, |attempt| attempt.status)
    }
}
