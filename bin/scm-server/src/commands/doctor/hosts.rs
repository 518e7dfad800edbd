//! The code hosts: whether each can be reached by the way that every call to it goes, and whether our
//! clock is theirs.

use std::{sync::Arc, time::Duration};

use scm_providers::{HostAnswer, HostReach, Outage, ProviderError, ProviderHost, Registry};
use scm_types::SystemClock;
use url::{Host, Url};

use super::report::Check;
use crate::{commands::serve, config::Config};

/// An answer that took longer is worth a word: every operation makes several calls.
const SLOW: Duration = Duration::from_secs(2);

/// A clock that is further off than this is worth a word, in milliseconds.
const CLOCK_WARN: i64 = 30_000;

/// GitHub refuses what its Apps sign with a clock that is this far off, in milliseconds.
const CLOCK_FAIL: i64 = 300_000;

pub(super) async fn look(config: &Config) -> Vec<Check> {
    let name = "host";
    let fix = "mend the [[hosts]] in the settings";
    let hosts = match config.provider_hosts() {
        Ok(hosts) => hosts,
        Err(error) => return vec![Check::fail(name, error.to_string(), fix)],
    };
    let clock = Arc::new(SystemClock);
    let registry = match Registry::new(hosts, serve::transport(config), clock) {
        Ok(registry) => registry,
        Err(error) => return vec![Check::fail(name, error.to_string(), fix)],
    };
    let found = registry.reach_all().await;
    let mut checks: Vec<_> = registry
        .hosts()
        .iter()
        .zip(&found)
        .map(|(host, reach)| one(host, reach))
        .collect();
    checks.extend(clock_check(&found));
    checks
}

fn one(host: &ProviderHost, reach: &HostReach) -> Check {
    let check = match &reach.answer {
        Ok(answer) => answered(host, reach, answer),
        Err(error) => Check::fail("host", told(error), fix(error, &host.api_url)),
    };
    check
        .about(&reach.host)
        .detail("kind", host.web.kind().as_str())
        .detail("encrypted", reach.encrypted)
}

fn answered(host: &ProviderHost, reach: &HostReach, answer: &HostAnswer) -> Check {
    let millis = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
    let way = if reach.encrypted {
        "over TLS"
    } else {
        "without TLS"
    };
    let said = format!("answered in {millis} ms {way}");
    let check = if answer.status >= 500 {
        Check::warn(
            "host",
            format!("{said}, with the status {}", answer.status),
            "the host has trouble of its own: look at its status page, and try again later",
        )
    } else if !reach.encrypted && !is_loopback(&host.api_url) {
        Check::warn(
            "host",
            format!("{said}: credentials go over the network in clear"),
            "give the host an https:// address",
        )
    } else if answer.took > SLOW {
        Check::warn(
            "host",
            format!("{said}, which is slow"),
            "look at the network between this machine and the host",
        )
    } else {
        Check::ok("host", said)
    };
    check
        .detail("latencyMs", millis)
        .detail("httpStatus", answer.status)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The error with its causes: whoever runs this reads the log, too.
fn told(error: &ProviderError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text} ({error})");
        cause = error.source();
    }
    text
}

fn fix(error: &ProviderError, api_url: &Url) -> String {
    let name = api_url.host_str().unwrap_or_default();
    let port = api_url.port_or_known_default().unwrap_or_default();
    match error {
        ProviderError::EgressDenied => {
            "the host's address is a private one: if it is inside your network, set \
             allow_private_addresses = true for it"
                .to_owned()
        }
        ProviderError::Unavailable {
            outage: Outage::Tls,
            ..
        } => "give the authority that has signed the host's certificate as ca_file, and look at this \
              machine's clock"
            .to_owned(),
        _ => format!(
            "this machine must resolve {name} and be let out to it on port {port}: look at names, \
             firewall and network policy, and at the host's api_url"
        ),
    }
}

/// Our clock beside that of the host which is nearest to it: one host whose clock is wrong says nothing
/// about ours.
fn clock_check(found: &[HostReach]) -> Option<Check> {
    let ahead = |reach: &HostReach| {
        let answer = reach.answer.as_ref().ok()?;
        // A `Date` is cut to its second.
        let theirs = answer.date?.as_millis() + 500;
        Some((reach.host.clone(), answer.seen.as_millis() - theirs))
    };
    let nearest = found.iter().filter_map(ahead);
    let (host, ahead) = nearest.min_by_key(|(_, ahead)| ahead.abs())?;
    let seconds = ahead.abs() / 1_000;
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let fix = "set this machine's clock, and keep it with NTP";
    let check = match ahead.abs() {
        ..CLOCK_WARN => Check::ok(
            "clock",
            format!("the clock is that of {host}, within seconds"),
        ),
        CLOCK_WARN..CLOCK_FAIL => Check::warn(
            "clock",
            format!("the clock is {seconds} s {side} that of {host}"),
            fix,
        ),
        _ => Check::fail(
            "clock",
            format!("the clock is {seconds} s {side} that of {host}: tokens and signatures fail"),
            fix,
        ),
    };
    Some(check.about(host).detail("aheadMs", ahead))
}
