//! Lists in pages.
//!
//! - Where a list goes on is kept as the query of the URL that the host gave; scheme, host, port,
//!   path and everything in the query but the place itself are always ours. So no host and no
//!   caller can lead a credential anywhere else.

use url::{Url, form_urlencoded};

use crate::{ProviderError, transport::Answer};

/// How many items are asked for at a time: all hosts give at most that many.
pub(crate) const PAGE_SIZE: usize = 100;

/// The longest query that is taken as a place in a list.
const MAX_QUERY: usize = 1_024;

/// The most pages that are taken on a host's word.
const MAX_PAGES: u64 = 1_000;

/// The parameters that tell a place, of all products.
const PLACES: [&str; 7] = [
    "page",
    "page_token",
    "cursor",
    "after",
    "before",
    "start",
    "ctx",
];

/// Where a list goes on: the query of its next request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextPage(String);

impl NextPage {
    /// The place that a query stands for, if it can be one.
    pub(crate) fn of_query(query: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"#<>\"\\".contains(&byte);
        let fits = !query.is_empty() && query.len() <= MAX_QUERY && query.bytes().all(plain);
        fits.then(|| Self(query.to_owned()))
    }

    /// The place that a host's URL stands for.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        Url::parse(url).ok()?.query().and_then(Self::of_query)
    }

    /// The place that parameters stand for.
    pub(crate) fn of_pairs(pairs: &[(&str, &str)]) -> Option<Self> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        Self::of_query(&query.extend_pairs(pairs).finish())
    }

    /// The query.
    pub(crate) fn query(&self) -> &str {
        &self.0
    }

    /// The number of the page, if its place is told by a number.
    pub(crate) fn number(&self) -> Option<u64> {
        number(&self.pairs())
    }

    /// The parameters that tell the place; `None` if none of them does.
    pub(crate) fn place(&self) -> Option<Vec<(String, String)>> {
        let mut pairs = self.pairs();
        pairs.retain(|(name, _)| PLACES.contains(&name.as_str()));
        (!pairs.is_empty()).then_some(pairs)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.0.as_bytes())
            .into_owned()
            .collect()
    }

    /// This page and those after it, up to number `last`, if its place is told by a number.
    pub(crate) fn up_to(&self, last: u64) -> Option<Vec<Self>> {
        let pairs = self.pairs();
        let first = number(&pairs)?;
        let pages = first..=last.min(first.saturating_add(MAX_PAGES));
        pages
            .map(|page| {
                let page = page.to_string();
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(name, value)| match name.as_str() {
                        "page" => ("page", page.as_str()),
                        name => (name, value.as_str()),
                    })
                    .collect();
                Self::of_pairs(&pairs)
            })
            .collect()
    }
}

fn number(pairs: &[(String, String)]) -> Option<u64> {
    let (_, value) = pairs.iter().find(|(name, _)| name == "page")?;
    value.parse().ok()
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListPage<T> {
    /// What is on it, in the host's order.
    pub(crate) items: Vec<T>,
    /// Where the list goes on; `None` on the last page.
    pub(crate) next: Option<NextPage>,
    /// All pages after this one, `next` being the first, if the host tells how many there are and
    /// they can be asked for in any order.
    pub(crate) rest: Option<Vec<NextPage>>,
}

impl<T> ListPage<T> {
    /// The only page of an empty list.
    pub(crate) const EMPTY: Self = Self {
        items: Vec::new(),
        next: None,
        rest: None,
    };

    /// The page in another form, without the items that `read` has none for.
    pub(crate) fn read<U>(
        self,
        read: impl FnMut(&T) -> Result<Option<U>, ProviderError>,
    ) -> Result<ListPage<U>, ProviderError> {
        let items = self.items.iter().map(read);
        let items = items.filter_map(Result::transpose);
        Ok(ListPage {
            items: items.collect::<Result<_, _>>()?,
            next: self.next,
            rest: self.rest,
        })
    }
}

/// The page that the `Link` headers (RFC 8288) of GitHub and GitLab name with a relation such as
/// `next` or `last`.
pub(crate) fn link_of(answer: &Answer, relation: &str) -> Option<NextPage> {
    let links = answer.headers.get_all(http::header::LINK);
    links
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|value| link(value, relation))
        .and_then(|url| NextPage::of_url(url.as_str()))
}

fn link(mut rest: &str, wanted: &str) -> Option<Url> {
    // A target may hold commas and semicolons, so cut at the angle brackets first.
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (parameters, following) = match after.find('<') {
            Some(at) => after.split_at(at),
            None => (after, ""),
        };
        let is_wanted = parameters.split([';', ',']).any(|parameter| {
            parameter
                .trim()
                .split_once('=')
                .is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("rel")
                        && value
                            .trim()
                            .trim_matches('"')
                            .split_ascii_whitespace()
                            .any(|relation| relation.eq_ignore_ascii_case(wanted))
                })
        });
        if is_wanted {
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
                link(header, "next").as_ref().map(Url::as_str),
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

    #[test]
    fn places() {
        let page = NextPage::of_url("https://h/x?per_page=2&page=2&q=a%20b").unwrap();
        assert_eq!(page.query(), "per_page=2&page=2&q=a%20b");
        assert_eq!(page.number(), Some(2));
        let rest = page.up_to(4).unwrap();
        let queries: Vec<_> = rest.iter().map(NextPage::query).collect();
        assert_eq!(
            queries,
            [
                "per_page=2&page=2&q=a+b",
                "per_page=2&page=3&q=a+b",
                "per_page=2&page=4&q=a+b",
            ]
        );
        assert_eq!(NextPage::of_query("page_token=xyz").unwrap().up_to(9), None);
        assert!(page.up_to(u64::MAX).unwrap().len() <= 1_001);
        for bad in ["", "a b", "a#b", "a\n", &"x".repeat(1_025)] {
            assert_eq!(NextPage::of_query(bad), None, "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_survived(header in "[<>;,=\" a-z:/]{0,60}") {
            let _ = link(&header, "next");
        }
    }
}
