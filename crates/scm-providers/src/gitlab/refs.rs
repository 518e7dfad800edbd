//! Branches and tags ("Branches API", "Tags API").
//!
//! - Lists are walked by key, where a full page announces another even if that is empty. Instances
//!   that do not know this give pages by number, with the same `Link`.
//! - A list of branches that was searched has no keys: GitLab then ignores them, and gives the whole
//!   list as its first page. So it is walked by numbers, of which all but the first mean what they
//!   say.

use async_trait::async_trait;
use http::StatusCode;
use scm_types::{
    BranchInfo, BranchName, CommitSha, NewTag, RefSearch, RepositoryInfo, TagInfo, TagName,
};
use serde_json::json;

use super::{Gitlab, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject, made_at},
    host::Refs,
    page::{ListPage, NextPage, PAGE_SIZE, link_of},
    tags::message,
    transport::Answer,
};

#[async_trait]
impl Refs for Gitlab {
    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError> {
        let path = within(info, &["repository", "branches"]);
        let search = search.and_then(plain_part);
        let query = match search {
            None => [("pagination", "keyset"), ("per_page", "100")],
            Some(search) => [("search", search), ("per_page", "100")],
        };
        let answer = self.0.page(at, &path, &query).await?;
        if is_without_repository(&answer, info) {
            return Ok(ListPage::EMPTY);
        }
        let answer = self.accept(answer, Subject::Part)?;
        let mut branches: Vec<wire::Branch> = answer.json()?;
        let next = match search {
            None => next_of(&answer, branches.len()),
            Some(search) => {
                let is_full = branches.len() >= PAGE_SIZE;
                // What the first page gives beyond comes again with the second.
                branches.truncate(PAGE_SIZE);
                let number = at.and_then(NextPage::number).unwrap_or(1).saturating_add(1);
                let number = number.to_string();
                let pairs = [
                    ("search", search),
                    ("per_page", "100"),
                    ("page", number.as_str()),
                ];
                is_full.then(|| NextPage::of_pairs(&pairs)).flatten()
            }
        };
        let default = info.default_branch.as_deref();
        let found = ListPage {
            items: branches,
            next,
            rest: None,
        };
        found.read(|found| map::branch(found, default).map(Some))
    }

    async fn tag_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<TagInfo>, ProviderError> {
        let path = within(info, &["repository", "tags"]);
        // Keys are names, so the order must be that of names.
        let query = [
            ("pagination", "keyset"),
            ("per_page", "100"),
            ("order_by", "name"),
            ("sort", "asc"),
        ];
        let answer = self.0.page(at, &path, &query).await?;
        if is_without_repository(&answer, info) {
            return Ok(ListPage::EMPTY);
        }
        let answer = self.accept(answer, Subject::Part)?;
        let tags: Vec<wire::Tag> = answer.json()?;
        let found = ListPage {
            next: next_of(&answer, tags.len()),
            items: tags,
            rest: None,
        };
        found.read(map::tag)
    }

    async fn find_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<Option<BranchInfo>, ProviderError> {
        let path = within(info, &["repository", "branches", name.as_str()]);
        let found: Option<wire::Branch> = self.part(&path, &[]).await?;
        let found = found.filter(|found| found.name == name.as_str());
        let default = info.default_branch.as_deref();
        found.map(|found| map::branch(&found, default)).transpose()
    }

    async fn find_tag(
        &self,
        info: &RepositoryInfo,
        name: &TagName,
    ) -> Result<Option<TagInfo>, ProviderError> {
        let path = within(info, &["repository", "tags", name.as_str()]);
        let found: Option<wire::Tag> = self.part(&path, &[]).await?;
        match found.filter(|found| found.name == name.as_str()) {
            Some(found) => map::tag(&found),
            None => Ok(None),
        }
    }

    /// Not sent for an empty project: GitLab would make a first commit for it by itself.
    async fn create_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<(), ProviderError> {
        if info.default_branch.is_none() {
            return Err(ProviderError::EmptyRepository);
        }
        let path = within(info, &["repository", "branches"]);
        let body = json!({"branch": name.as_str(), "ref": at.as_str()});
        let made: wire::Branch = self.make(&path, body).await?;
        made_at(&made.commit.id, at)
    }

    /// One call, which makes the tag object and the tag. Without a message the tag would be a
    /// lightweight one.
    async fn create_tag(&self, info: &RepositoryInfo, tag: &NewTag) -> Result<(), ProviderError> {
        let path = within(info, &["repository", "tags"]);
        let body = json!({
            "tag_name": tag.name.as_str(),
            "ref": tag.commit.as_str(),
            "message": message(tag),
        });
        let made: wire::Tag = self.make(&path, body).await?;
        let made = made.commit.as_ref().map_or("", |commit| &commit.id);
        made_at(made, &tag.commit)
    }
}

/// The longest part of a search that means itself: GitLab takes `$` for the end of a name, wherever
/// it stands. The names found are searched again for the whole.
fn plain_part(search: &RefSearch) -> Option<&str> {
    let parts = search.as_str().split('$');
    parts
        .max_by_key(|part| part.len())
        .filter(|part| !part.is_empty())
}

/// A project without any commit may have no repository behind it yet.
fn is_without_repository(answer: &Answer, info: &RepositoryInfo) -> bool {
    answer.status == StatusCode::NOT_FOUND
        && info.default_branch.is_none()
        && answer.refusal().is_ok()
}

/// A full page announces another even if that is empty.
fn next_of(answer: &Answer, found: usize) -> Option<NextPage> {
    link_of(answer, "next").filter(|_| found > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_without_anchors() {
        #[track_caller]
        fn check(search: &str, want: Option<&str>) {
            let search = RefSearch::parse(search).unwrap();
            assert_eq!(plain_part(&search), want);
        }
        check("release/1", Some("release/1"));
        check("main$", Some("main"));
        check("a$long", Some("long"));
        check("$", None);
    }
}
