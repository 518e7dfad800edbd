//! URLs of API calls. Whatever stands in a segment or a query value is encoded here; no text is ever
//! put into a path as it is.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::{Missing, ProviderError};

/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `base` with path segments and query parameters added. A segment that a URL cannot hold (empty,
/// `.` or `..`, which would be taken for steps) names nothing that can exist.
pub(crate) fn api_url(
    base: &Url,
    segments: &[&str],
    query: &[(&str, &str)],
) -> Result<Url, ProviderError> {
    let mut path = base.path().trim_end_matches('/').to_owned();
    for segment in segments {
        if matches!(*segment, "" | "." | "..") {
            return Err(ProviderError::NotFound {
                what: Missing::Repository,
            });
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, RESERVED));
    }
    let mut url = base.clone();
    url.set_path(&path);
    url.set_query(None);
    if !query.is_empty() {
        let mut text = String::new();
        for (name, value) in query {
            let joint = if text.is_empty() { "" } else { "&" };
            let value = utf8_percent_encode(value, RESERVED);
            // Writing to a string does not fail.
            let _ = write!(text, "{joint}{name}={value}");
        }
        url.set_query(Some(&text));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn everything_is_encoded() {
        #[track_caller]
        fn check(segments: &[&str], query: &[(&str, &str)], want: &str) {
            let base = Url::parse("https://h:8443/git/api/v4/").unwrap();
            let got = api_url(&base, segments, query).unwrap();
            assert_eq!(got.as_str(), format!("https://h:8443/git/api/v4{want}"));
        }
        check(
            &["projects", "a/b"],
            &[("per_page", "1")],
            "/projects/a%2Fb?per_page=1",
        );
        check(&["x y", "a#b?c%d+e"], &[], "/x%20y/a%23b%3Fc%25d%2Be");
        check(&["ünï", "日本"], &[], "/%C3%BCn%C3%AF/%E6%97%A5%E6%9C%AC");
        check(
            &["{a-b}", "\\..\\", "%2e%2e"],
            &[],
            "/%7Ba-b%7D/%5C..%5C/%252e%252e",
        );
        check(
            &["a"],
            &[("q", "n=\"w/r\"&x"), ("b", "")],
            "/a?q=n%3D%22w%2Fr%22%26x&b=",
        );
        check(&["-._~"], &[], "/-._~");
    }

    #[test]
    fn steps_are_refused() {
        let base = Url::parse("https://h/api").unwrap();
        for segment in ["", ".", ".."] {
            assert!(
                api_url(&base, &["repos", segment], &[]).is_err(),
                "{segment:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_segment_stays_one_segment(segment in "\\PC{1,20}", value in "\\PC{0,20}") {
            prop_assume!(segment != "." && segment != "..");
            let base = Url::parse("https://h/api").unwrap();
            let url = api_url(&base, &["repos", &segment], &[("q", &value)]).unwrap();
            let parts: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(parts.len(), 3);
            let decoded = percent_encoding::percent_decode_str(parts[2]).decode_utf8().unwrap();
            prop_assert_eq!(decoded.as_ref(), segment);
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(pairs.len(), 1);
            prop_assert_eq!(pairs[0].1.as_ref(), value);
            prop_assert!(url.as_str().is_ascii() && url.fragment().is_none());
        }
    }
}
