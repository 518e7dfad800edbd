//! Lists in pages.

use scm_types::BranchInfo;
use url::Url;

use crate::transport::Answer;

/// Where a list goes on. It came from the host, so it is used only if it lies on the configured
/// address; the transport sees to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextPage(pub(crate) Url);

/// A page of branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchPage {
    /// The branches, at most 100, in the host's order.
    pub branches: Vec<BranchInfo>,
    /// Where the list goes on; `None` on the last page.
    pub next: Option<NextPage>,
}

impl BranchPage {
    /// The only page of an empty repository.
    pub(crate) const EMPTY: Self = Self {
        branches: Vec::new(),
        next: None,
    };
}

/// The next page of the `Link` headers (RFC 8288), which GitHub and GitLab send.
pub(crate) fn next_of(answer: &Answer) -> Option<NextPage> {
    let links = answer.headers.get_all(http::header::LINK);
    links
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_link)
        .map(NextPage)
}

fn next_link(mut rest: &str) -> Option<Url> {
    // A target may hold commas and semicolons, so cut at the angle brackets first.
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (parameters, following) = match after.find('<') {
            Some(at) => after.split_at(at),
            None => (after, ""),
        };
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter
                .trim()
                .split_once('=')
                .is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("rel")
                        && value
                            .trim()
                            .trim_matches('"')
                            .split_ascii_whitespace()
                            .any(|relation| relation.eq_ignore_ascii_case("next"))
                })
        });
        if is_next {
            return Url::parse(target).ok();
        }
        rest = following;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_headers() {
        #[track_caller]
        fn check(header: &str, want: Option<&str>) {
            assert_eq!(
                next_link(header).as_ref().map(Url::as_str),
                want,
                "{header}"
            );
        }
        check(
            r#"<https://h/r/1/branches?per_page=2&page=2>; rel="next", <https://h/x>; rel="last""#,
            Some("https://h/r/1/branches?per_page=2&page=2"),
        );
        check(
            r#"<https://h/a>; rel="prev", <https://h/b?x=1,2;3>; rel=next"#,
            Some("https://h/b?x=1,2;3"),
        );
        check(
            r#"<https://h/a>; title="x"; rel="last next""#,
            Some("https://h/a"),
        );
        check(
            r#"<https://h/a>; rel="first", <https://h/b>; rel="last""#,
            None,
        );
        check("", None);
        check("<", None);
        check("<https://h/a", None);
        check(r#"<not a url>; rel="next""#, None);
        check(r#"rel="next""#, None);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_survived(header in "[<>;,=\" a-z:/]{0,60}") {
            let _ = next_link(&header);
        }
    }
}
