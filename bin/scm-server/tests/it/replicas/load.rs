//! Several clients at work at once, and what each was answered.
//!
//! - Every acknowledged write is noted with what it has to have left behind.
//! - A client that is refused with 503 and `Retry-After` comes back; any other refusal, and an answer
//!   that is lost, is noted as wrong.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::wire::{Answer, Wire};
use crate::server::BASE;

/// Between two requests of a client: enough load to have requests under way at any moment.
const PAUSE: Duration = Duration::from_millis(20);

/// After a refusal: sooner than asked, so that more requests meet the outage.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// No load goes on for longer, whatever a test forgets.
const LONGEST: Duration = Duration::from_mins(10);

/// A row whose making was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) url: String,
    /// The name that it was given last with a 2xx; not known after a change that was not answered.
    pub(super) name: Option<String>,
}

/// What all clients have seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) made: Vec<Made>,
    /// What was repeated under its key until it was answered: URL and the id that it was answered with.
    pub(super) keyed: Vec<(String, String)>,
    pub(super) answered: usize,
    pub(super) refused: usize,
    pub(super) wrong: Vec<String>,
}

/// The clients, while they are at work.
pub(super) struct Load {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins to write to and to read from a port. Rows are of repositories of that host.
    pub(super) fn on(port: u16, host: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let number = Arc::new(AtomicUsize::new(0));
        let worker = |work: fn(&mut Worker)| {
            let mut worker = Worker {
                wire: Wire::to(port),
                host: host.to_owned(),
                seen: Arc::clone(&seen),
                number: Arc::clone(&number),
            };
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let begin = Instant::now();
                while !stop.load(Ordering::SeqCst) && begin.elapsed() < LONGEST {
                    work(&mut worker);
                    thread::park_timeout(PAUSE);
                }
            })
        };
        let clients = vec![
            worker(Worker::write),
            worker(Worker::write),
            worker(Worker::write_under_a_key),
            worker(Worker::read),
            worker(Worker::read),
        ];
        Self {
            seen,
            stop,
            clients,
        }
    }

    /// How many requests were done and how many refused so far.
    pub(super) fn so_far(&self) -> (usize, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.answered, seen.refused)
    }

    /// How many rows were made.
    pub(super) fn made(&self) -> usize {
        self.seen.lock().unwrap().made.len()
    }

    /// What was wrong so far.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.seen.lock().unwrap().wrong.clone()
    }

    /// Ends it, when each client has its last answer.
    pub(super) fn end(mut self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients.drain(..) {
            client.join().unwrap();
        }
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

struct Worker {
    wire: Wire,
    host: String,
    seen: Arc<Mutex<Seen>>,
    number: Arc<AtomicUsize>,
}

impl Worker {
    /// Asks, and judges how it was answered; `None` if it was refused.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let answer = self.wire.send(method, path, header, body);
        let mut seen = self.seen.lock().unwrap();
        let wrong = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                seen.answered += 1;
                return Some(answer);
            }
            Ok(answer) if answer.status == 503 && answer.retry_after.is_some() => {
                seen.refused += 1;
                drop(seen);
                thread::park_timeout(REFUSED_PAUSE);
                return None;
            }
            // The first one of this key was cut off with its replica, which holds it for a minute.
            Ok(answer)
                if header.is_some()
                    && answer.body["code"] == "idempotency_in_flight"
                    && answer.retry_after.is_some() =>
            {
                drop(seen);
                thread::park_timeout(REFUSED_PAUSE);
                return None;
            }
            Ok(answer) => format!("{method} {path}: {answer:?}"),
            Err(error) => format!("{method} {path}: {error:?}"),
        };
        seen.wrong.push(wrong);
        None
    }

    fn new_row(&self) -> (String, Value) {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let url = format!("{}/octo/app-{number}", self.host);
        let body = json!({
            "tenantId": "t",
            "scmType": "GITHUB",
            "repositoryUrl": url,
            "accessToken": "ghp_x",
        });
        (url, body)
    }

    /// Makes a row, reads it back and changes it.
    fn write(&mut self) {
        let (url, body) = self.new_row();
        let Some(answer) = self.ask("POST", BASE, None, Some(&body)) else {
            return;
        };
        let id = answer.body["data"]["id"].as_str().unwrap().to_owned();
        let path = format!("{BASE}/{id}");
        // Any replica knows at once what another one has acknowledged.
        self.ask("GET", &path, None, None);
        let name = format!("named {id}");
        let change = json!({"displayName": name});
        let changed = self.ask("PATCH", &path, None, Some(&change));
        let name = changed.map(|_| name);
        let made = Made { id, url, name };
        self.seen.lock().unwrap().made.push(made);
    }

    /// Makes a row, and asks under the same key until it is told that it is there.
    fn write_under_a_key(&mut self) {
        let (url, body) = self.new_row();
        let key = format!("k-{}", url.rsplit('/').next().unwrap());
        let header = Some(("Idempotency-Key", key.as_str()));
        let begin = Instant::now();
        let answer = loop {
            match self.ask("POST", BASE, header, Some(&body)) {
                Some(answer) => break answer,
                None if begin.elapsed() > LONGEST => return,
                None => {}
            }
        };
        let id = answer.body["data"]["id"].as_str().unwrap().to_owned();
        self.seen.lock().unwrap().keyed.push((url, id));
    }

    /// Reads the newest rows, and one that was acknowledged.
    fn read(&mut self) {
        self.ask("GET", &format!("{BASE}?tenantId=t&limit=5"), None, None);
        let last = {
            let seen = self.seen.lock().unwrap();
            seen.made.last().map(|made| made.id.clone())
        };
        if let Some(id) = last {
            self.ask("GET", &format!("{BASE}/{id}"), None, None);
        }
    }
}
