//! Host names and ports, in one spelling: lower case, no final dot, punycode.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Why a name is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadName {
    /// No host name or address.
    Malformed,
    /// Not ASCII, and this build has no Unicode tables (feature `idn`).
    #[cfg_attr(
        feature = "idn",
        expect(dead_code, reason = "only without the feature")
    )]
    NotAscii,
}

/// A port that is no number from 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPort;

/// The one spelling of a host name, IPv4 address or bracketed IPv6 address.
pub(crate) fn normalise(raw: &str) -> Result<String, BadName> {
    if let Some(address) = raw.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(BadName::Malformed)?;
        let address: Ipv6Addr = address.parse().map_err(|_| BadName::Malformed)?;
        return Ok(format!("[{address}]"));
    }
    let mut name = to_ascii(raw)?;
    if name.ends_with('.') {
        name.pop();
    }
    if is_name(&name) {
        Ok(name)
    } else {
        Err(BadName::Malformed)
    }
}

fn to_ascii(raw: &str) -> Result<String, BadName> {
    if raw.is_ascii() {
        return Ok(raw.to_ascii_lowercase());
    }
    #[cfg(feature = "idn")]
    return idna::domain_to_ascii(raw).map_err(|_| BadName::Malformed);
    #[cfg(not(feature = "idn"))]
    Err(BadName::NotAscii)
}

/// Letters, digits, `-` and (seen inside networks) `_`. A name whose last label is a number has to
/// be a plain IPv4 address: other parsers would read `0x7f.1` or `127.1` as one.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return false;
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !number || name.parse::<Ipv4Addr>().is_ok()
}

/// Cuts `host:port` in two; the colons inside `[…]` are none. `host:` has no port.
pub(crate) fn split_port(authority: &str) -> Result<(&str, Option<u16>), BadPort> {
    let Some(colon) = port_colon(authority) else {
        return Ok((authority, None));
    };
    let port = match &authority[colon + 1..] {
        "" => None,
        digits => Some(parse_port(digits).ok_or(BadPort)?),
    };
    Ok((&authority[..colon], port))
}

/// Where the first colon stands that is not inside `[…]`.
pub(crate) fn port_colon(authority: &str) -> Option<usize> {
    let from = if authority.starts_with('[') {
        authority.find(']')?
    } else {
        0
    };
    authority[from..].find(':').map(|at| from + at)
}

/// A number from 1 to 65535 without a sign.
pub(crate) fn parse_port(digits: &str) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller]
        fn check(raw: &str, want: Option<&str>) {
            assert_eq!(normalise(raw).ok().as_deref(), want, "{raw:?}");
        }
        check("GitHub.COM", Some("github.com"));
        check("github.com.", Some("github.com"));
        check("localhost", Some("localhost"));
        check("gitlab_1", Some("gitlab_1"));
        check("xn--bcher-kva.example", Some("xn--bcher-kva.example"));
        check("127.0.0.1", Some("127.0.0.1"));
        check("[0:0:0:0:0:0:0:1]", Some("[::1]"));
        check(
            &format!("{}.example", "a".repeat(63)),
            Some(&format!("{}.example", "a".repeat(63))),
        );

        check("", None);
        check(".", None);
        check("a..b", None);
        check("github.com..", None);
        check(".github.com", None);
        check("-a.example", None);
        check("a-.example", None);
        check("a b", None);
        check("a%2eb", None);
        check("a/b", None);
        check(&format!("{}.example", "a".repeat(64)), None);
        check(&"a.".repeat(128), None);
        check("127.1", None);
        check("0x7f.1", None);
        check("127.0.0.0x1", None);
        check("2130706433", None);
        check("127.0.0.01", None);
        check("256.0.0.1", None);
        check("::1", None);
        check("[::1", None);
        check("[fe80::1%25eth0]", None);
        check("[github.com]", None);
    }

    #[cfg(feature = "idn")]
    #[test]
    fn names_in_other_scripts_become_punycode() {
        assert_eq!(
            normalise("Bücher.example").as_deref(),
            Ok("xn--bcher-kva.example")
        );
        assert_eq!(normalise("ｇithub。com").as_deref(), Ok("github.com"));
        // Two dots and a slash, once mapped.
        assert_eq!(normalise("a\u{2025}b.example"), Err(BadName::Malformed));
        assert_eq!(normalise("\u{2100}.example"), Err(BadName::Malformed));
    }

    #[cfg(not(feature = "idn"))]
    #[test]
    fn names_in_other_scripts_are_refused() {
        assert_eq!(normalise("bücher.example"), Err(BadName::NotAscii));
    }

    #[test]
    fn ports() {
        #[track_caller]
        fn check(raw: &str, want: Result<(&str, Option<u16>), BadPort>) {
            assert_eq!(split_port(raw), want, "{raw:?}");
        }
        check("h", Ok(("h", None)));
        check("h:", Ok(("h", None)));
        check("h:1", Ok(("h", Some(1))));
        check("h:65535", Ok(("h", Some(65535))));
        check("[::1]", Ok(("[::1]", None)));
        check("[::1]:8443", Ok(("[::1]", Some(8443))));
        check("h:0", Err(BadPort));
        check("h:65536", Err(BadPort));
        check("h:+1", Err(BadPort));
        check("h:000001", Err(BadPort));
        check("h:1:2", Err(BadPort));
        check("h:x", Err(BadPort));
    }
}
