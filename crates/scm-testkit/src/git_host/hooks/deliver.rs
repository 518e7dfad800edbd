//! The way of a delivery to its receiver, and what its answer changes about the webhook.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use url::{Url, form_urlencoded};

use super::{Attempt, HeldHook, Outgoing, Pause, sign::Message};
use crate::git_host::{Dialect, host::Host};

/// How long an answer is waited for, as on most products.
const PATIENCE: Duration = Duration::from_secs(10);
/// From how many failures in a row on GitLab pauses a webhook, and from how many it gives it up.
const PAUSED_FROM: u32 = 4;
const DISABLED_FROM: u32 = 40;

/// Delivers all of them, one after the other; gives the last attempt of each.
pub(super) async fn all(host: &Arc<Host>, outgoing: Vec<Outgoing>) -> Vec<Attempt> {
    let host = Arc::clone(host);
    let work = tokio::task::spawn_blocking(move || {
        let attempts = outgoing.iter().filter_map(|it| one(&host, it));
        attempts.collect()
    });
    work.await.unwrap_or_default()
}

/// Delivers to one webhook, if it is still there. Bitbucket tries twice more after a 5xx.
pub(super) fn one(host: &Host, outgoing: &Outgoing) -> Option<Attempt> {
    let key = outgoing.key.clone().unwrap_or_else(|| new_key(host));
    let mut redelivery = outgoing.key.is_some();
    let mut number = 1;
    loop {
        let attempt = attempt(host, outgoing, &key, redelivery, number)?;
        let is_repeated = host.dialect == Dialect::Bitbucket && attempt.status >= 500;
        if !is_repeated || number == 3 {
            return Some(attempt);
        }
        redelivery = true;
        number += 1;
    }
}

fn new_key(host: &Host) -> String {
    let mut state = host.state();
    state.hooks.sent += 1;
    let port = host.base.rsplit(':').next().unwrap_or_default();
    format!("{port:0>8}-242f-41e5-81e1-{:012x}", state.hooks.sent)
}

fn attempt(
    host: &Host,
    outgoing: &Outgoing,
    key: &str,
    redelivery: bool,
    number: u32,
) -> Option<Attempt> {
    let (hook, signs, now, id) = {
        let hooks = &host.state().hooks;
        let id = 12_077_215_000 + hooks.attempts.len() as u64;
        (
            hooks.find(&outgoing.hook)?.clone(),
            hooks.signs,
            hooks.now,
            id,
        )
    };
    let body = if hook.json {
        outgoing.body.clone()
    } else {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &outgoing.body).finish()
    };
    let message = Message {
        hook: &hook,
        event: &outgoing.event,
        key,
        body: body.as_bytes(),
        number,
        attempt: id,
        now,
        base: &host.base,
        signs,
    };
    let status = send(&hook.url, &message.headers(host.dialect), body.as_bytes());
    let attempt = Attempt {
        id,
        hook: hook.id,
        key: key.to_owned(),
        event: outgoing.event.clone(),
        body: outgoing.body.clone(),
        status: status.unwrap_or(0),
        redelivery,
        at: now,
    };
    let mut state = host.state();
    if let Some(hook) = state.hooks.find_mut(&attempt.hook) {
        note(hook, host.dialect, attempt.status);
    }
    state.hooks.attempts.push(attempt.clone());
    Some(attempt)
}

/// What an answer changes about a webhook.
fn note(hook: &mut HeldHook, dialect: Dialect, status: u16) {
    hook.last_status = Some(status);
    if (200..300).contains(&status) {
        hook.failures = 0;
        hook.pause = Pause::None;
        return;
    }
    hook.failures += 1;
    if dialect == Dialect::Gitlab {
        hook.pause = match hook.failures {
            DISABLED_FROM.. => Pause::Disabled,
            PAUSED_FROM.. => Pause::Paused,
            _ => hook.pause,
        };
    }
}

/// One request; the status of its answer.
fn send(url: &str, headers: &[(&str, String)], body: &[u8]) -> io::Result<u16> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let url = Url::parse(url).map_err(|_| invalid())?;
    let address = url.socket_addrs(|| None)?.into_iter();
    let address = address.filter(|it| it.ip().is_loopback() && url.scheme() == "http");
    let address: Vec<SocketAddr> = address.collect();
    let address = address.as_slice().to_socket_addrs()?.next();
    let mut stream = TcpStream::connect_timeout(&address.ok_or_else(invalid)?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["Content-Length: ", &body.len().to_string(), "\r\n\r\n"]);
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    // The head is enough; whoever sends more is not waited for.
    while !answer.windows(4).any(|it| it == b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.ok_or_else(invalid)
}
