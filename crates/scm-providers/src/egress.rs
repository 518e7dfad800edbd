//! Which addresses may be dialled.
//!
//! - Checked where the connection is made: names after they were resolved, addresses given as such
//!   before the request. A name that changes its address between two look-ups gains nothing.
//! - Addresses of cloud metadata services, link-local, unspecified, multicast and reserved ones are
//!   never dialled. Loopback and private ones only for a host that the operator marked so.
//! - An IPv4 address inside an IPv6 one is judged as the IPv4 address.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// What a host may be dialled at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Egress {
    /// Loopback, private, shared and unique local addresses as well.
    pub(crate) allow_private: bool,
}

// From the freest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Private,
    Never,
}

impl Egress {
    /// Whether an address may be dialled.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self.allow_private,
            Reach::Never => false,
        }
    }

    /// Whether the address that a URL holds may be dialled; true for a name. The resolver is not
    /// asked about addresses, so they are checked before the request.
    pub(crate) fn admits_literal(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.admits(address.into()),
            Some(Host::Ipv6(address)) => self.admits(address.into()),
            Some(Host::Domain(_)) | None => true,
        }
    }
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // "This" network; link-local, the metadata address of most clouds; protocol assignments,
        // Oracle's metadata among them; Alibaba's metadata; Azure's host; multicast and reserved.
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0, _]
        | [100, 100, 100, 200]
        | [168, 63, 129, 16] => Reach::Never,
        // Private use (RFC 1918), loopback, shared (RFC 6598), benchmarks (RFC 2544),
        // documentation (RFC 5737).
        [10 | 127, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..]
        | [192, 0, 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    const GOOGLE_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);

    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        reach_v4(Ipv4Addr::from_bits(
            (u32::from(high) << 16) | u32::from(low),
        ))
    };
    if address == AWS_METADATA || address == GOOGLE_METADATA || address.is_unspecified() {
        return Reach::Never;
    }
    if address.is_loopback() {
        return Reach::Private;
    }
    match segments {
        // IPv4-compatible and -mapped, translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low), // 6to4 (RFC 3056)
        // Teredo (RFC 4380), discard (RFC 6666), multicast, link-local.
        [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] | [0xff00..=0xffff | 0xfe80..=0xfebf, ..] => {
            Reach::Never
        }
        [0x64, 0xff9b, 1, ..] => reach_local_nat64(address),
        // Unique local (RFC 4193), site-local (RFC 3879), documentation (RFC 3849, RFC 9637).
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => {
            Reach::Private
        }
        _ => Reach::Public,
    }
}

/// Local NAT64 (RFC 8215). Only the network itself knows how long its prefix is, so an IPv4 address
/// is looked for in every place where RFC 6052 section 2.2 can have put it, and the strictest
/// verdict counts. What would be no address of a host is none.
fn reach_local_nat64(address: Ipv6Addr) -> Reach {
    let at = address.octets();
    let places = [
        [at[6], at[7], at[9], at[10]],
        [at[7], at[9], at[10], at[11]],
        [at[9], at[10], at[11], at[12]],
        [at[12], at[13], at[14], at[15]],
    ];
    places
        .into_iter()
        .filter(|octets| !matches!(octets[0], 0 | 224..=255))
        .map(|octets| reach_v4(octets.into()))
        .max()
        .unwrap_or(Reach::Never)
}

/// No address of a name may be dialled.
#[derive(Debug)]
pub(crate) struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all addresses of the host are in networks that are not called")
    }
}

impl Error for Denied {}

/// The system's resolver, less the addresses that may not be dialled.
pub(crate) struct GuardedResolver(pub(crate) Egress);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(admitted(egress, found)?.into_iter()) as Addrs)
        })
    }
}

fn admitted(
    egress: Egress,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Denied> {
    let admitted: Vec<_> = found
        .filter(|address| egress.admits(address.ip()))
        .collect();
    if admitted.is_empty() {
        Err(Denied)
    } else {
        Ok(admitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        #[track_caller]
        fn check(address: &str, want: Reach) {
            assert_eq!(reach(address.parse().unwrap()), want, "{address}");
        }
        for address in [
            "140.82.121.4",
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "2606:50c0:8000::153",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "64:ff9b:1::101:101",
            "64:ff9b:1:fffe::101:101",
            "64:ff9b:1:101:1:100::",
        ] {
            check(address, Reach::Public);
        }
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1:a00:0:100::",
            "64:ff9b:1:ab0a:0:1::",
            "64:ff9b:1:abcd:a:0:100:0",
            "2002:a00:1::",
            "2001:db8::1",
        ] {
            check(address, Reach::Private);
        }
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9fe:a9:fe00:808:808",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "64:ff9b:1::",
            "2002:a9fe:a9fe::",
            "2001:0:1::1",
        ] {
            check(address, Reach::Never);
        }
    }

    #[test]
    fn a_name_keeps_only_what_may_be_dialled() {
        let found = ["169.254.169.254:0", "10.0.0.1:0", "1.1.1.1:0"];
        let keep = |allow_private| {
            let found = found.iter().map(|address| address.parse().unwrap());
            admitted(Egress { allow_private }, found).unwrap().len()
        };
        assert_eq!(keep(false), 1);
        assert_eq!(keep(true), 2);
        let only = std::iter::once("169.254.169.254:0".parse().unwrap());
        assert!(
            admitted(
                Egress {
                    allow_private: true
                },
                only
            )
            .is_err()
        );
    }
}
