//! From `[[hosts]]` to the hosts that the provider clients may call.

use std::{path::Path, sync::Arc};

use scm_providers::{GithubApp, OauthClient, ProviderHost, Registry, TransportSettings};
use scm_types::{ClientSecret, SystemClock, WebHost};

use super::{AppEntry, Config, ConfigError, HostEntry, OauthEntry};

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
            host.ca_pem = Some(text_of("ca_file", file)?.into_bytes());
        }
        let oauth = self.oauth.as_ref().map(OauthEntry::client).transpose();
        host.oauth = oauth.map_err(|problem| format!("oauth.{problem}"))?;
        let app = self.app.as_ref().map(AppEntry::app).transpose();
        host.app = app.map_err(|problem| format!("app.{problem}"))?;
        Ok(host)
    }
}

impl OauthEntry {
    fn client(&self) -> Result<OauthClient, String> {
        // What the header of HTTP's basic authentication can carry.
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if self.client_id.is_empty() || !self.client_id.bytes().all(fits) {
            return Err("client_id: must be printable ASCII without spaces and colons".to_owned());
        }
        let secret = match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => {
                return Err(
                    "client_secret: is given as client_secret and as client_secret_file; \
                            give one"
                        .to_owned(),
                );
            }
            (Some(secret), None) => secret.clone(),
            (None, Some(file)) => text_of("client_secret_file", file)?.trim().to_owned(),
            (None, None) => {
                return Err("client_secret: is missing; give it, or client_secret_file".to_owned());
            }
        };
        if let Some(uri) = &self.redirect_uri
            && !(uri.starts_with("https://") || uri.starts_with("http://"))
        {
            return Err("redirect_uri: must start with https:// or http://".to_owned());
        }
        Ok(OauthClient {
            client_id: self.client_id.clone(),
            client_secret: ClientSecret::parse(secret)
                .map_err(|error| format!("client_secret: {error}"))?,
            redirect_uri: self.redirect_uri.clone(),
        })
    }
}

impl AppEntry {
    fn app(&self) -> Result<GithubApp, String> {
        Ok(GithubApp {
            id: self.id,
            private_key: text_of("private_key_file", &self.private_key_file)?.into(),
        })
    }
}

fn text_of(member: &str, file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("{member}: {} cannot be read: {error}", file.display()))
}
