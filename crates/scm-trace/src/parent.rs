//! `traceparent`, the header that says which span a request comes from (W3C Trace Context).

use std::fmt;

use crate::{SpanId, TraceId};

/// The span that a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// True if whoever sends it records the trace.
    pub is_sampled: bool,
}

/// The length of version 00, which later ones begin with.
const LENGTH: usize = 55;

impl TraceParent {
    /// Reads the header; `None` if it is malformed, and then it counts as absent. Of a version that is
    /// not known yet the part is read that every version has.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let known = raw.get(..LENGTH)?;
        let rest = &raw[LENGTH..];
        let mut parts = known.split('-');
        let [version] = digits(parts.next()?)?;
        let trace_id = TraceId::new(digits(parts.next()?)?)?;
        let span_id = SpanId::new(digits(parts.next()?)?)?;
        let [flags] = digits(parts.next()?)?;
        let is_whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        (is_whole && parts.next().is_none()).then_some(Self {
            trace_id,
            span_id,
            is_sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// Bytes of exactly so many lower-case hexadecimal digits.
fn digits<const N: usize>(raw: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let raw = raw.as_bytes();
    if raw.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(raw.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_is_one() {
        for (raw, is_sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("00-{TRACE}-{SPAN}-ff"), true),
            (format!("00-{TRACE}-{SPAN}-02"), false),
            (format!("01-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes-later"), true),
            (format!("fe-{TRACE}-{SPAN}-01-"), true),
        ] {
            let parent = TraceParent::parse(&raw).unwrap_or_else(|| panic!("{raw}"));
            assert_eq!(parent.trace_id.to_string(), TRACE, "{raw}");
            assert_eq!(parent.span_id.to_string(), SPAN, "{raw}");
            assert_eq!(parent.is_sampled, is_sampled, "{raw}");
        }
    }

    #[test]
    fn what_is_none() {
        for raw in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("fF-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01.later"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
            "ä".repeat(40),
        ] {
            assert_eq!(TraceParent::parse(&raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), is_sampled: bool) {
            let (Some(trace_id), Some(span_id)) = (TraceId::new(trace), SpanId::new(span)) else {
                return Ok(());
            };
            let parent = TraceParent { trace_id, span_id, is_sampled };
            prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        }

        #[test]
        fn nothing_breaks_the_reader(raw in "\\PC{0,70}") {
            let _ = TraceParent::parse(&raw);
        }
    }
}
