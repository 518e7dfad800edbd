//! `[limits]`, and who is believed about whom it speaks for.

use std::{num::NonZeroU32, time::Duration};

use scm_http::{ForwardedHeader, Limits, Network, TrustedProxies};
use serde::Deserialize;

use super::{Config, ConfigError};

/// `[limits]`; 0 is no limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsEntry {
    failed_attempts: u32,
    address: u32,
    tenant: u32,
    account: u32,
    deliveries: u32,
    concurrent: u32,
    connections: u32,
    head_timeout_seconds: u64,
    idle_timeout_seconds: u64,
}

/// How long and how many connections may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// How many may be open; `None` is any number.
    pub(crate) most: Option<NonZeroU32>,
    /// How long the first head may take.
    pub(crate) head: Duration,
    /// How long one may be idle.
    pub(crate) idle: Duration,
}

/// `forwarded_header`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ForwardedEntry {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

impl Config {
    /// How much is let in.
    pub(crate) fn limits(&self) -> Result<Limits, ConfigError> {
        let given = &self.limits;
        Ok(Limits {
            failed_attempts: NonZeroU32::new(given.failed_attempts),
            address: NonZeroU32::new(given.address),
            tenant: NonZeroU32::new(given.tenant),
            account: NonZeroU32::new(given.account),
            deliveries: NonZeroU32::new(given.deliveries),
            concurrent: NonZeroU32::new(given.concurrent),
            proxies: self.proxies()?,
        })
    }

    /// How long and how many connections may be.
    pub(crate) fn connections(&self) -> ConnectionLimits {
        let given = &self.limits;
        ConnectionLimits {
            most: NonZeroU32::new(given.connections),
            head: Duration::from_secs(given.head_timeout_seconds),
            idle: Duration::from_secs(given.idle_timeout_seconds),
        }
    }

    fn proxies(&self) -> Result<TrustedProxies, ConfigError> {
        let (mut networks, mut problems) = (Vec::new(), Vec::new());
        for (index, word) in self.trusted_proxies.0.iter().enumerate() {
            match word.parse::<Network>() {
                Ok(network) => networks.push(network),
                Err(error) => problems.push(format!("trusted_proxies[{index}]: {error}")),
            }
        }
        let header = match self.forwarded_header {
            ForwardedEntry::XForwardedFor => ForwardedHeader::XForwardedFor,
            ForwardedEntry::Forwarded => ForwardedHeader::Forwarded,
        };
        if problems.is_empty() {
            Ok(TrustedProxies::new(networks, header))
        } else {
            Err(ConfigError(problems))
        }
    }
}
