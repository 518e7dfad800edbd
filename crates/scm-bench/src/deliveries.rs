//! Signed deliveries: pushes of 8 KiB as GitHub sends them, each of which is another one.
//!
//! A body differs from the one before in its last bytes alone, so that signing one costs a block of
//! the digest and not the whole of it: the machine's time belongs to the server.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use ring::hmac;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{sleep_until, timeout},
};

use crate::{
    fill::{WEBHOOKS, integration, repository, secret},
    report::Load,
    wrk::PREFIX,
};

/// How long a body is.
pub(crate) const BODY: usize = 8 * 1024;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the deliveries of one webhook are made.
struct Template {
    path: String,
    /// The body up to where they differ.
    begin: String,
    /// The state of the signature there.
    signed: hmac::Context,
}

impl Template {
    fn new(tenant: u32) -> anyhow::Result<Self> {
        let mut push: Value = serde_json::from_str(include_str!("push.json"))?;
        let path = repository(tenant, 0);
        push["repository"]["full_name"] = path.as_str().into();
        push["repository"]["html_url"] = format!("https://github.com/{path}").into();
        let object = push.as_object_mut().context("a push is an object")?;
        object.remove("after");
        let bare = serde_json::to_string(&push)?;
        // `,"after":"` and forty digits and `"}`, instead of the `}`.
        let padding = BODY.checked_sub(bare.len() + 10 + 40 + 2 - 1);
        let padding = padding.context("the push is too long")?;
        let message = format!("Initial commit{}", "x".repeat(padding));
        push["head_commit"]["message"] = message.into();
        let mut begin = serde_json::to_string(&push)?;
        begin.pop();
        begin.push_str(",\"after\":\"");
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret(tenant).as_bytes());
        let mut signed = hmac::Context::with_key(&key);
        signed.update(begin.as_bytes());
        Ok(Self {
            path: format!("{PREFIX}/webhooks/{}", integration(tenant, 0)),
            begin,
            signed,
        })
    }

    /// The whole request of one delivery.
    fn request(&self, number: u64, into: &mut Vec<u8>) {
        let end = format!("{number:040x}\"}}");
        let mut signed = self.signed.clone();
        signed.update(end.as_bytes());
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nX-GitHub-Event: push\r\n\
             X-GitHub-Hook-ID: 1\r\nX-GitHub-Delivery: {}\r\nX-Hub-Signature-256: sha256=",
            self.path,
            self.begin.len() + end.len(),
            id(number),
        );
        for byte in signed.sign().as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(head, "{byte:02x}");
        }
        head.push_str("\r\n\r\n");
        into.clear();
        into.extend_from_slice(head.as_bytes());
        into.extend_from_slice(self.begin.as_bytes());
        into.extend_from_slice(end.as_bytes());
    }
}

/// GitHub's id of the delivery of this number.
pub(crate) fn id(number: u64) -> String {
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        number >> 48,
        number & 0xffff_ffff_ffff
    )
}

/// How deliveries are sent.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    /// So many a second, whatever becomes of them; else one behind the other on each connection.
    pub(crate) rate: Option<u32>,
    /// The number before the first delivery's. No two runs on a database may overlap.
    pub(crate) first: u64,
}

/// What became of the deliveries of a run.
#[derive(Default)]
pub(crate) struct Sent {
    /// Those that were answered with 2xx, by number.
    pub(crate) accepted: Vec<u64>,
    /// How long each of them took: from when it was due, where there is a rate.
    accepted_after: Vec<Duration>,
    /// Answered with 503 and `Retry-After`.
    pub(crate) shed: u64,
    pub(crate) shed_after: Vec<Duration>,
    /// Any other answer, and none.
    pub(crate) errors: u64,
    example: Option<String>,
    took: Duration,
}

impl Sent {
    fn take(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.accepted_after.extend(other.accepted_after);
        self.shed += other.shed;
        self.shed_after.extend(other.shed_after);
        self.errors += other.errors;
        self.example = self.example.take().or(other.example);
    }

    /// As figures, where everything else than a 2xx is an error.
    pub(crate) fn load(mut self) -> Load {
        Load {
            requests: self.accepted.len() as u64,
            took: self.took,
            p50: percentile(&mut self.accepted_after, 50),
            p99: percentile(&mut self.accepted_after, 99),
            errors: self.errors + self.shed,
            example: self
                .example
                .unwrap_or_else(|| "answered with 503".to_owned()),
        }
    }

    /// How long those that were accepted took.
    pub(crate) fn accepted_after(&mut self, percent: usize) -> Duration {
        percentile(&mut self.accepted_after, percent)
    }

    /// What the first error was.
    pub(crate) fn example(&self) -> &str {
        self.example.as_deref().unwrap_or("none")
    }
}

/// The value that so many percent are not above.
pub(crate) fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or_default()
}

/// Sends deliveries on one thread of its own.
pub(crate) async fn send(plan: Plan) -> anyhow::Result<Sent> {
    let sending = tokio::task::spawn_blocking(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(send_here(plan))
    });
    sending.await?
}

async fn send_here(plan: Plan) -> anyhow::Result<Sent> {
    let templates: Vec<_> = (0..WEBHOOKS.min(plan.connections))
        .map(|tenant| Template::new(tenant).map(Arc::new))
        .collect::<Result<_, _>>()?;
    let begun = Instant::now();
    let mut connections = JoinSet::new();
    for connection in 0..plan.connections {
        let template = &templates[usize::try_from(connection)? % templates.len()];
        connections.spawn(one(plan, connection, Arc::clone(template), begun));
    }
    let mut sent = Sent::default();
    while let Some(done) = connections.join_next().await {
        sent.take(done??);
    }
    sent.took = begun.elapsed();
    Ok(sent)
}

/// What one connection sends: one delivery behind the other, or each when it is due.
async fn one(
    plan: Plan,
    connection: u32,
    template: Arc<Template>,
    begun: Instant,
) -> anyhow::Result<Sent> {
    let end = begun + Duration::from_secs(plan.seconds.into());
    let (step, own) = (u64::from(plan.connections), u64::from(connection));
    let (mut sent, mut stream, mut request) = (Sent::default(), None, Vec::new());
    for turn in 0_u64.. {
        let place = turn * step + own;
        let due = match plan.rate {
            #[expect(clippy::cast_precision_loss, reason = "a run has far fewer deliveries")]
            Some(rate) => begun + Duration::from_secs_f64(place as f64 / f64::from(rate)),
            None => Instant::now(),
        };
        if due >= end {
            break;
        }
        sleep_until(due.into()).await;
        let number = plan.first + 1 + place;
        template.request(number, &mut request);
        match timeout(PATIENCE, exchange(&mut stream, plan.address, &request)).await {
            Ok(Ok(Answer::Accepted)) => {
                sent.accepted.push(number);
                sent.accepted_after.push(due.elapsed());
            }
            Ok(Ok(Answer::Shed)) => {
                sent.shed += 1;
                sent.shed_after.push(due.elapsed());
            }
            Ok(Ok(Answer::Other(status))) => sent.failed(format!("answered with {status}")),
            Ok(Err(error)) => sent.failed(error.to_string()),
            Err(_) => {
                stream = None;
                sent.failed("no answer in time".to_owned());
            }
        }
    }
    Ok(sent)
}

impl Sent {
    fn failed(&mut self, why: String) {
        self.errors += 1;
        self.example.get_or_insert(why);
    }
}

enum Answer {
    Accepted,
    Shed,
    Other(u16),
}

/// Sends a request on the connection, which is made if there is none.
async fn exchange(
    stream: &mut Option<TcpStream>,
    address: SocketAddr,
    request: &[u8],
) -> anyhow::Result<Answer> {
    let mut open = if let Some(open) = stream.take() {
        open
    } else {
        let fresh = TcpStream::connect(address).await?;
        fresh.set_nodelay(true)?;
        fresh
    };
    open.write_all(request).await?;
    let mut answer = Vec::with_capacity(1_024);
    loop {
        ensure!(
            open.read_buf(&mut answer).await? > 0,
            "the connection broke"
        );
        if let Some((head, body)) = split(&answer) {
            let head = std::str::from_utf8(head)?.to_ascii_lowercase();
            let length = header(&head, "content-length").context("an answer without a length")?;
            if body.len() < length.parse::<usize>()? {
                continue;
            }
            if header(&head, "connection") != Some("close") {
                *stream = Some(open);
            }
            return read(&head);
        }
    }
}

fn read(head: &str) -> anyhow::Result<Answer> {
    let status = head.split(' ').nth(1).context("no answer of HTTP")?;
    Ok(match status.parse()? {
        200..=299 => Answer::Accepted,
        503 if header(head, "retry-after").is_some() => Answer::Shed,
        503 => bail!("503 without Retry-After"),
        other => Answer::Other(other),
    })
}

fn split(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((&answer[..end], &answer[end + 4..]))
}

/// A header's value, of a head in lower case.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_signed_and_as_long_as_they_say() {
        let template = Template::new(3).unwrap();
        let mut request = Vec::new();
        template.request(7, &mut request);
        let (head, body) = split(&request).unwrap();
        let head = std::str::from_utf8(head).unwrap().to_ascii_lowercase();
        assert_eq!(body.len(), BODY);
        let length = BODY.to_string();
        assert_eq!(header(&head, "content-length"), Some(length.as_str()));
        let push: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(push["repository"]["full_name"], "org-3/repository-0");
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret(3).as_bytes());
        let tag = hmac::sign(&key, body);
        let hex = tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let given = header(&head, "x-hub-signature-256").unwrap();
        assert_eq!(given, format!("sha256={hex}"));
    }

    #[test]
    fn percentiles() {
        let mut values: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut values, 50), Duration::from_millis(101));
        assert_eq!(percentile(&mut values, 99), Duration::from_millis(199));
        assert_eq!(percentile(&mut [], 99), Duration::ZERO);
    }
}
