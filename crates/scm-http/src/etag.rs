//! A row's state as an `ETag`, and the conditions that name one.

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
};
use scm_service::Precondition;
use scm_types::{RowVersion, Timestamp};

/// The strong entity tag of a row's state.
pub(crate) fn etag(version: RowVersion) -> String {
    format!(
        "\"{}-{:x}\"",
        version.number,
        version.updated_at.as_millis()
    )
}

fn parse(tag: &str) -> Option<RowVersion> {
    let (number, millis) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    let updated_at = Timestamp::from_millis(i64::from_str_radix(millis, 16).ok()?)?;
    Some(RowVersion {
        number: number.parse().ok()?,
        updated_at,
    })
}

fn tags(request: &HttpRequest, name: &HeaderName) -> Option<Vec<String>> {
    let mut values = request.headers().get_all(name).peekable();
    values.peek()?;
    let text = values.map(|value| value.to_str().unwrap_or_default());
    Some(
        text.flat_map(|value| value.split(','))
            .map(|tag| tag.trim().to_owned())
            .collect(),
    )
}

/// What `If-Match` demands; `None` if there is nothing to compare (absent, or `*`, which any
/// existing row fulfils). A tag that this service never gave out matches no row.
pub(crate) fn precondition(request: &HttpRequest) -> Option<Precondition> {
    let tags = tags(request, &IF_MATCH)?;
    if tags.iter().any(|tag| tag == "*") {
        return None;
    }
    Some(Precondition(
        tags.iter().filter_map(|tag| parse(tag)).collect(),
    ))
}

/// True if the caller has this state already (`If-None-Match`, compared weakly).
pub(crate) fn not_modified(request: &HttpRequest, version: RowVersion) -> bool {
    tags(request, &IF_NONE_MATCH).is_some_and(|tags| {
        tags.iter()
            .any(|tag| tag == "*" || parse(tag.trim_start_matches("W/")) == Some(version))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn conditions() {
        let version = RowVersion {
            number: 3,
            updated_at: Timestamp::parse("2027-01-31T09:00:00.123Z").unwrap(),
        };
        let tag = etag(version);
        let with = |name: HeaderName, value: &str| {
            TestRequest::default()
                .insert_header((name, value.to_owned()))
                .to_http_request()
        };
        assert_eq!(
            precondition(&with(IF_MATCH, &tag)),
            Some(Precondition(vec![version]))
        );
        assert_eq!(precondition(&with(IF_MATCH, "*")), None);
        assert_eq!(
            precondition(&TestRequest::default().to_http_request()),
            None
        );
        for wrong in ["", "\"\"", "3", "\"x-y\"", "W/\"3-0\""] {
            assert_eq!(
                precondition(&with(IF_MATCH, wrong)),
                Some(Precondition(vec![])),
                "{wrong}"
            );
        }
        assert!(not_modified(
            &with(IF_NONE_MATCH, &format!("\"a\", W/{tag}")),
            version
        ));
        assert!(!not_modified(&with(IF_NONE_MATCH, "\"2-0\""), version));
    }
}
