//! Pages: by a token, by a number, and the first one by number, which promises a second whatever
//! there is.

use serde_json::Value;

use super::{ID, Project};
use crate::{
    code_host::Reply,
    git_host::{objects::Ref, request::Request},
};

/// What a listing shows of its refs on one page, and how it goes on.
pub(super) struct Page {
    pub(super) refs: Vec<Ref>,
    way: Way,
}

enum Way {
    /// The token of the next page.
    Keyset(Option<String>),
    Offset {
        page: usize,
        size: usize,
        total: usize,
        next: bool,
    },
}

/// The size of a page.
pub(super) fn size(request: &Request) -> usize {
    request.number("per_page", 20).min(100)
}

/// A page of branches or tags; none if the token is of no ref.
///
/// A search is made over everything that there is, and its first page holds every find: the product
/// leaves the cut to git there, and git is not asked. With a token it never cuts.
pub(super) fn page(request: &Request, all: Vec<Ref>) -> Option<Page> {
    let size = size(request);
    let search = request.query("search").filter(|it| !it.is_empty());
    let total = all.len();
    let mut found = all;
    if let Some(search) = search {
        found.retain(|it| matches(search, &it.name));
    }
    if request.query("pagination") == Some("keyset") {
        if search.is_none() {
            if let Some(token) = request.query("page_token").filter(|it| !it.is_empty()) {
                let at = found.iter().position(|it| it.name == token)?;
                found.drain(..=at);
            }
            found.truncate(size);
        }
        let last = found.last().filter(|_| found.len() == size);
        let way = Way::Keyset(last.map(|it| it.name.clone()));
        return Some(Page { refs: found, way });
    }
    let page = request.number("page", 1);
    if page > 1 {
        let total = found.len();
        let refs: Vec<_> = found
            .into_iter()
            .skip((page - 1) * size)
            .take(size)
            .collect();
        let next = total > page * size;
        let way = Way::Offset {
            page,
            size,
            total,
            next,
        };
        return Some(Page { refs, way });
    }
    if search.is_none() {
        found.truncate(size);
    }
    let way = Way::Offset {
        page,
        size,
        total,
        next: true,
    };
    Some(Page { refs: found, way })
}

/// `^` and `$` hold a search to an end of the name; letters of either case are the same.
fn matches(search: &str, name: &str) -> bool {
    let (search, name) = (search.to_lowercase(), name.to_lowercase());
    let text = search.trim_start_matches('^').trim_end_matches('$');
    match (search.starts_with('^'), search.ends_with('$')) {
        (true, true) => name == text,
        (true, false) => name.starts_with(text),
        (false, true) => name.ends_with(text),
        (false, false) => name.contains(text),
    }
}

impl Project<'_> {
    /// An answer with the links of its page.
    pub(super) fn linked(&self, request: &Request, page: &Page, body: Vec<Value>) -> Reply {
        let reply = Reply::json(200, &Value::Array(body));
        match &page.way {
            Way::Keyset(None) => reply,
            Way::Keyset(Some(token)) => {
                let link = self.link(request, "next", &[("page_token", token)]);
                reply.header("link", &link)
            }
            &Way::Offset {
                page,
                size,
                total,
                next,
            } => {
                let pages = total.div_ceil(size).max(1);
                self.numbered(reply, request, page, next, Some(pages))
                    .header("x-total", &total.to_string())
                    .header("x-total-pages", &pages.to_string())
            }
        }
    }

    /// An answer with the headers of a numbered page.
    pub(super) fn numbered(
        &self,
        reply: Reply,
        request: &Request,
        page: usize,
        next: bool,
        last: Option<usize>,
    ) -> Reply {
        let number = |page: usize| page.to_string();
        let mut links = Vec::new();
        let mut link = |rel: &str, page: usize| {
            links.push(self.link(request, rel, &[("page", &number(page))]));
        };
        if page > 1 {
            link("prev", page - 1);
        }
        if next {
            link("next", page + 1);
        }
        link("first", 1);
        if let Some(last) = last {
            link("last", last);
        }
        let previous = if page > 1 {
            number(page - 1)
        } else {
            String::new()
        };
        let next = if next {
            number(page + 1)
        } else {
            String::new()
        };
        reply
            .header("link", &links.join(", "))
            .header("x-page", &number(page))
            .header("x-per-page", &number(size(request)))
            .header("x-next-page", &next)
            .header("x-prev-page", &previous)
    }

    fn link(&self, request: &Request, rel: &str, changes: &[(&str, &str)]) -> String {
        let query = request.with_query(changes);
        let path = request.raw.join("/");
        format!(
            "<{}/projects/{ID}/{path}?id={ID}&{query}>; rel=\"{rel}\"",
            self.host.api()
        )
    }
}
