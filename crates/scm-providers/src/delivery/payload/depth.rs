//! How deep a payload is nested, before anything is read of it: members that nobody needs are
//! skipped by the JSON reader without counting.

use crate::delivery::PayloadError;

pub(super) fn check(text: &str) -> Result<(), PayloadError> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            // What is escaped does not end the string.
            b'\\' if in_string => {
                bytes.next();
            }
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > PayloadError::MAX_DEPTH {
                    return Err(PayloadError::Depth);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_and_texts_do_not() {
        #[track_caller]
        fn accepts(text: &str, want: bool) {
            assert_eq!(check(text).is_ok(), want, "{} bytes", text.len());
        }
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        accepts(&nested(64), true);
        accepts(&nested(65), false);
        accepts(&nested(200), false);
        accepts(&"{\"a\":".repeat(65), false);
        accepts(&format!("{0},{0}", nested(60)), true);
        accepts(&format!("\"{}\"", "[".repeat(200)), true);
        accepts(&format!("\"\\\"{}\"", "[".repeat(200)), true);
        accepts(&format!("\"\\\\\"{}", "[".repeat(200)), false);
        accepts(&"]".repeat(200), true);
    }
}
