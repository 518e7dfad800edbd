//! The addresses of a NATS system.

use async_nats::ServerAddr;
use url::Url;

/// The servers of one NATS system, all with TLS or all without.
#[derive(Debug, Clone)]
pub struct NatsServers {
    addresses: Vec<ServerAddr>,
    are_tls: bool,
}

/// The text does not name servers. Says what is wrong, without the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNatsServers {
    /// Nothing, or nothing between two commas.
    #[error("must name at least one server, and one between two commas")]
    Empty,
    /// No URL.
    #[error("is no URL: {0}")]
    Url(#[from] url::ParseError),
    /// Another protocol.
    #[error("must start with nats:// or tls://")]
    Scheme,
    /// No name and no address.
    #[error("must name a host")]
    Host,
    /// A login in the URL, which would stand in logs.
    #[error("must not hold a user, a password or a token: there are settings for these")]
    Login,
    /// More than scheme, host and port.
    #[error("must end with the host or its port")]
    Path,
    /// Some with TLS and some without.
    #[error("must start with tls:// for all servers or for none")]
    Mixed,
}

impl NatsServers {
    /// Reads `nats://host:port` or `tls://host:port`, or several of them with commas between them. The
    /// port is 4222 if it is not given. With `tls://` nothing is sent in clear, also to the servers that
    /// these name.
    pub fn parse(raw: &str) -> Result<Self, InvalidNatsServers> {
        let mut addresses = Vec::new();
        let mut with_tls = 0;
        for part in raw.split(',') {
            let url = server(part.trim())?;
            with_tls += usize::from(url.scheme() == "tls");
            let address = ServerAddr::from_url(url).map_err(|_| InvalidNatsServers::Scheme)?;
            addresses.push(address);
        }
        if with_tls != 0 && with_tls != addresses.len() {
            return Err(InvalidNatsServers::Mixed);
        }
        Ok(Self {
            addresses,
            are_tls: with_tls != 0,
        })
    }

    pub(super) fn addresses(&self) -> &[ServerAddr] {
        &self.addresses
    }

    pub(super) fn are_tls(&self) -> bool {
        self.are_tls
    }
}

fn server(raw: &str) -> Result<Url, InvalidNatsServers> {
    if raw.is_empty() {
        return Err(InvalidNatsServers::Empty);
    }
    let url = Url::parse(raw)?;
    if !["nats", "tls"].contains(&url.scheme()) {
        Err(InvalidNatsServers::Scheme)
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(InvalidNatsServers::Login)
    } else if url.host_str().is_none_or(str::is_empty) {
        Err(InvalidNatsServers::Host)
    } else if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        Err(InvalidNatsServers::Path)
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_servers() {
        for (raw, want) in [
            ("nats://127.0.0.1", &[("127.0.0.1", 4222)][..]),
            (
                "nats://nats.example.com:4333/",
                &[("nats.example.com", 4333)],
            ),
            ("tls://[::1]:1", &[("::1", 1)]),
            ("tls://a, tls://b:2", &[("a", 4222), ("b", 2)]),
        ] {
            let servers = NatsServers::parse(raw).unwrap();
            let got: Vec<_> = servers
                .addresses()
                .iter()
                .map(|one| (one.host(), one.port()))
                .collect();
            assert_eq!(got, want, "{raw}");
            assert_eq!(servers.are_tls(), raw.starts_with("tls"), "{raw}");
        }
    }

    #[test]
    fn what_does_not() {
        use InvalidNatsServers as Invalid;
        for (raw, want) in [
            ("", Invalid::Empty),
            ("nats://a,", Invalid::Empty),
            (",nats://a", Invalid::Empty),
            (
                "nats.example.com",
                Invalid::Url(url::ParseError::RelativeUrlWithoutBase),
            ),
            ("localhost:4222", Invalid::Scheme),
            ("http://a", Invalid::Scheme),
            ("ws://a", Invalid::Scheme),
            ("nats://", Invalid::Host),
            ("nats://user:hunter2@a", Invalid::Login),
            ("nats://token@a", Invalid::Login),
            ("nats://a,nats://:hunter2@b", Invalid::Login),
            ("nats://a/stream", Invalid::Path),
            ("nats://a?tls=1", Invalid::Path),
            ("nats://a#x", Invalid::Path),
            ("tls://a,nats://b", Invalid::Mixed),
        ] {
            let got = NatsServers::parse(raw).unwrap_err();
            assert_eq!(got, want, "{raw}");
            assert!(!got.to_string().contains("hunter2"), "{got}");
        }
    }
}
