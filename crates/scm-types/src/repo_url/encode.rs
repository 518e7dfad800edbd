//! Percent-encoding, in one spelling: unreserved characters as they are, the rest in upper-case
//! hex digits.

use std::fmt::Write as _;

use super::RepoUrlError;

/// Encodes all but `A-Za-z0-9-._~`.
pub(super) fn segment(text: &str) -> String {
    encode(text, b"-._~")
}

/// Encodes all but `A-Za-z0-9-._~` and `/`.
pub(super) fn path(text: &str) -> String {
    encode(text, b"-._~/")
}

fn encode(text: &str, keep: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || keep.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes once. A `%` that two hex digits do not follow, and bytes that are no UTF-8, are errors.
pub(super) fn decode(text: &str) -> Result<String, RepoUrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let (high, low) = digit().zip(digit()).ok_or(RepoUrlError::Encoding)?;
            decoded.push(u8::try_from(high * 16 + low).map_err(|_| RepoUrlError::Encoding)?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).map_err(|_| RepoUrlError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding() {
        #[track_caller]
        fn check(raw: &str, want: &str) {
            assert_eq!(path(raw), want);
            assert_eq!(decode(want).as_deref(), Ok(raw));
            assert_eq!(segment(raw), want.replace('/', "%2F"));
        }
        check("release/1.2_x-y~z", "release/1.2_x-y~z");
        check("a#b?c%d+e", "a%23b%3Fc%25d%2Be");
        check("ü", "%C3%BC");
        check(
            "@&=;'\"<>|$!(){},",
            "%40%26%3D%3B%27%22%3C%3E%7C%24%21%28%29%7B%7D%2C",
        );
    }

    #[test]
    fn what_cannot_be_decoded() {
        for raw in ["%", "%a", "a%g0", "%+1", "%ff", "%c3", "%%41"] {
            assert_eq!(decode(raw), Err(RepoUrlError::Encoding), "{raw:?}");
        }
        assert_eq!(decode("%2541").as_deref(), Ok("%41"));
        assert_eq!(decode("%c3%bc").as_deref(), Ok("ü"));
    }
}
