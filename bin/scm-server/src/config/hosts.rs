//! From `[[hosts]]` to the hosts that the provider clients may call.

use std::sync::Arc;

use scm_providers::{ProviderHost, Registry, TransportSettings};
use scm_types::{SystemClock, WebHost};

use super::{Config, ConfigError, HostEntry};

impl Config {
    /// The configured hosts, or the three public ones; every problem with them.
    pub(crate) fn provider_hosts(&self) -> Result<Vec<ProviderHost>, ConfigError> {
        if self.hosts.is_empty() {
            return Ok(ProviderHost::public());
        }
        let mut problems = Vec::new();
        let mut hosts = Vec::new();
        for (index, entry) in self.hosts.iter().enumerate() {
            match entry.host() {
                Ok(host) => hosts.push(host),
                Err(problem) => problems.push(format!("hosts[{index}].{problem}")),
            }
        }
        // Opens nothing; says what cannot be served.
        let registry = Registry::new(
            hosts.clone(),
            TransportSettings::default(),
            Arc::new(SystemClock),
        );
        if let Err(error) = registry {
            problems.push(format!("hosts: {error}"));
        }
        if problems.is_empty() {
            Ok(hosts)
        } else {
            Err(ConfigError(problems))
        }
    }
}

impl HostEntry {
    fn host(&self) -> Result<ProviderHost, String> {
        let web =
            WebHost::parse(self.kind, &self.host).map_err(|error| format!("host: {error}"))?;
        let mut host = ProviderHost::default_for(web);
        if let Some(url) = &self.api_url {
            host.api_url = url.parse().map_err(|error| format!("api_url: {error}"))?;
        }
        if let Some(url) = &self.oauth_url {
            host.oauth_url = Some(url.parse().map_err(|error| format!("oauth_url: {error}"))?);
        }
        host.allow_private_addresses = self.allow_private_addresses;
        if let Some(file) = &self.ca_file {
            let pem = std::fs::read(file);
            host.ca_pem =
                Some(pem.map_err(|error| {
                    format!("ca_file: {} cannot be read: {error}", file.display())
                })?);
        }
        Ok(host)
    }
}
