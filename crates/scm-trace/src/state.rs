//! `tracestate`, what systems on the way of a trace tell each other beside `traceparent`.

use std::{fmt, sync::Arc};

/// What is passed on with a trace, as it came. It is for systems of the same house: it is never sent to a
/// code host.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceState(Arc<str>);

/// The most that is passed on, in bytes, and the most entries.
const LONGEST: usize = 512;
const MOST: usize = 32;

impl TraceState {
    /// Reads the lines of the header; `None` if they hold nothing, are malformed, or are longer than 512
    /// bytes together.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let members = lines.into_iter().flat_map(|line| line.split(','));
        let blank = |letter: char| letter == ' ' || letter == '\t';
        let members = members.map(|member| member.trim_matches(blank));
        let members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
        let mut keys = Vec::new();
        for member in &members {
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) || keys.contains(&key) {
                return None;
            }
            keys.push(key);
        }
        let text = members.join(",");
        let fits = (1..=MOST).contains(&members.len()) && text.len() <= LONGEST;
        fits.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceState(…)")
    }
}

/// `vendor`, or `tenant@vendor`.
fn is_key(key: &str) -> bool {
    let rest =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte);
    let part = |part: &str, most: usize, digit: bool| {
        let first = |byte: &u8| byte.is_ascii_lowercase() || (digit && byte.is_ascii_digit());
        part.len() <= most && part.as_bytes().first().is_some_and(first) && part.bytes().all(rest)
    };
    match key.split_once('@') {
        None => part(key, 256, false),
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
    }
}

fn is_value(value: &str) -> bool {
    let letter = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(letter) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on() {
        for (lines, want) in [
            (&["a=1"][..], "a=1"),
            (&["a=1, b=2 ,,\tc=3"], "a=1,b=2,c=3"),
            (&["a=1", "b=2"], "a=1,b=2"),
            (
                &["t61rc_*/-=00f 067", "9x@vendor= a"],
                "t61rc_*/-=00f 067,9x@vendor= a",
            ),
        ] {
            let state = TraceState::parse(lines.iter().copied());
            assert_eq!(
                state.as_ref().map(TraceState::as_str),
                Some(want),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn what_is_not() {
        let many = (0..33)
            .map(|n| format!("k{n}=1"))
            .collect::<Vec<_>>()
            .join(",");
        let long = format!("a={},b={},c=1", "x".repeat(256), "y".repeat(256));
        let key = format!("{}=1", "k".repeat(257));
        for line in [
            "",
            " , ",
            "a",
            "=1",
            "a=",
            "A=1",
            "1a=1",
            "a=b=c",
            "a=1,a=2",
            "a=ä",
            "a=\u{1}",
            "a@=1",
            "@a=1",
            "a@b@c=1",
            "a@1b=1",
            "a@fifteen-letters=1",
            &many,
            &long,
            &key,
        ] {
            assert_eq!(TraceState::parse([line]), None, "{line}");
        }
    }
}
