//! Whose request it is, by address: through proxies that are trusted, and through no others.
//!
//! - A header counts only if the connection comes from a trusted proxy, and of the header only what
//!   trusted proxies have written: it is read from its end to the first address that is no such
//!   proxy's. What stands before that anybody could have written.
//! - One header is read, the one that the proxy writes: any other it may have passed on.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use actix_web::http::header::{FORWARDED, HeaderMap, X_FORWARDED_FOR};

/// Addresses with the same beginning: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an address, or an address, a slash and a number of bits: 10.0.0.0/8")]
pub struct InvalidNetwork;

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let same = |one: u128, other: u128, width: u32| {
            let rest = width - u32::from(self.bits);
            rest == width || one >> rest == other >> rest
        };
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(u32::from(own).into(), u32::from(other).into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.into(), other.into(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (address, bits) = match raw.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (raw, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits.parse().map_err(|_| InvalidNetwork)?,
        };
        if bits > width {
            return Err(InvalidNetwork);
        }
        Ok(Self { address, bits })
    }
}

/// The header in which proxies write whom they speak for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, what most write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Who is believed about whom it speaks for. By default nobody.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// The proxies, and the header that they write.
    #[must_use]
    pub fn new(networks: Vec<Network>, header: ForwardedHeader) -> Self {
        Self { networks, header }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    /// The address that a request comes from.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, address),
            ForwardedHeader::Forwarded => (FORWARDED, forwarded),
        };
        let lines: Vec<_> = headers.get_all(name).collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else {
                return client;
            };
            for hop in line.rsplit(',') {
                let Some(hop) = read(hop.trim()) else {
                    return client;
                };
                client = hop;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(raw: &str) -> Option<IpAddr> {
    let bare = match raw.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match raw.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => raw,
        },
    };
    let address: IpAddr = bare.parse().ok()?;
    Some(address.to_canonical())
}

/// `for=192.0.2.1;proto=https`, `For="[2001:db8::1]:80"`.
fn forwarded(raw: &str) -> Option<IpAddr> {
    let mut pairs = raw
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, given) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(given.trim_matches('"'))
}

/// What an address is counted under: who has one of IPv6 has a whole network of them.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn networks() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/25", "192.0.2.127", "192.0.2.128"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{outside}");
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/",
            "/8",
            "proxy",
            "10.0.0.0/-1",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(InvalidNetwork), "{bad}");
        }
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let trusted = || vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let plain = TrustedProxies::new(trusted(), ForwardedHeader::XForwardedFor);
        for (peer, lines, want) in [
            ("203.0.113.9", &["192.0.2.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::1", &["192.0.2.1:8080"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
            (
                "10.0.0.1",
                &["198.51.100.1, 192.0.2.1, 10.0.0.2"],
                "192.0.2.1",
            ),
            ("10.0.0.1", &["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| (X_FORWARDED_FOR, *line)).collect();
            let got = plain.client(peer.parse().unwrap(), &headers(&lines));
            assert_eq!(got.to_string(), want, "{peer} {lines:?}");
        }
        let forged = headers(&[(FORWARDED, "for=192.0.2.1")]);
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(
            plain.client(peer, &forged),
            peer,
            "the other header is not read"
        );
    }

    #[test]
    fn the_other_header() {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        let proxies = TrustedProxies::new(trusted, ForwardedHeader::Forwarded);
        for (line, want) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1"),
            ("proto=https; for=192.0.2.1 ; by=10.0.0.9", "192.0.2.1"),
            ("for=198.51.100.1, for=192.0.2.1", "192.0.2.1"),
            ("for=_hidden", "10.0.0.1"),
            ("for=192.0.2.1, for=unknown", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            let got = proxies.client("10.0.0.1".parse().unwrap(), &headers(&[(FORWARDED, line)]));
            assert_eq!(got.to_string(), want, "{line}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let of = |raw: &str| counted(raw.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }
}
