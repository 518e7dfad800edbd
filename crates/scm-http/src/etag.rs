//! A row's state as an `ETag`, and the conditions that name one.

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
};
use scm_service::Precondition;
use scm_types::{RowVersion, SafeScmIntegration, Timestamp};

/// The strong entity tag of a row as it is answered. An expired token changes the answer without
/// changing the row, so it is part of the tag.
pub(crate) fn etag(row: &SafeScmIntegration) -> String {
    let RowVersion { number, updated_at } = row.version;
    let expired = if row.is_token_expired { "-x" } else { "" };
    format!("\"{number}-{:x}{expired}\"", updated_at.as_millis())
}

/// The state of the row that a tag stands for.
fn parse(tag: &str) -> Option<RowVersion> {
    let (number, rest) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    let millis = rest.strip_suffix("-x").unwrap_or(rest);
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

/// True if the caller has this answer already (`If-None-Match`, compared weakly).
pub(crate) fn not_modified(request: &HttpRequest, tag: &str) -> bool {
    tags(request, &IF_NONE_MATCH).is_some_and(|tags| {
        tags.iter()
            .any(|given| given == "*" || given.trim_start_matches("W/") == tag)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn conditions() {
        let updated_at = Timestamp::parse("2027-01-31T09:00:00.123Z").unwrap();
        let version = RowVersion {
            number: 3,
            updated_at,
        };
        let tag = format!("\"3-{:x}\"", updated_at.as_millis());
        let expired = format!("\"3-{:x}-x\"", updated_at.as_millis());
        let with = |name: HeaderName, value: &str| {
            TestRequest::default()
                .insert_header((name, value.to_owned()))
                .to_http_request()
        };
        for same in [&tag, &expired] {
            let wanted = Some(Precondition(vec![version]));
            assert_eq!(precondition(&with(IF_MATCH, same)), wanted, "the same row");
        }
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
            &tag
        ));
        assert!(
            !not_modified(&with(IF_NONE_MATCH, &tag), &expired),
            "another answer"
        );
        assert!(!not_modified(&with(IF_NONE_MATCH, "\"2-0\""), &tag));
    }
}
