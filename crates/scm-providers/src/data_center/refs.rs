//! Branches and tags.
//!
//! - A branch is looked for in the list: only names that hold the text asked for are given, those
//!   that begin with it first, and the exact one is picked here.
//! - The slashes of a tag's name part segments: servers of this kind refuse encoded ones.

use async_trait::async_trait;
use scm_types::{
    BranchInfo, BranchName, CommitSha, NewTag, RefSearch, RepositoryInfo, TagInfo, TagName,
};
use serde_json::json;

use super::{DataCenter, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, if_there, made_at},
    host::Refs,
    list::CAP,
    page::{ListPage, NextPage, PAGE_SIZE},
    tags::message,
};

const ORDER: (&str, &str) = ("orderBy", "ALPHABETICAL");
const LIMIT: (&str, &str) = ("limit", "100");

#[async_trait]
impl Refs for DataCenter {
    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError> {
        let mut query = vec![LIMIT, ORDER];
        query.extend(search.map(|search| ("filterText", search.as_str())));
        let found = self.list(&within(info, &["branches"]), &query, at).await;
        let found: ListPage<wire::Branch> = unless_empty(info, found)?;
        let default = info.default_branch.as_deref();
        found.read(|found| map::branch(found, default).map(Some))
    }

    async fn tag_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<TagInfo>, ProviderError> {
        let path = within(info, &["tags"]);
        let found = self.list(&path, &[LIMIT, ORDER], at).await;
        let found: ListPage<wire::Tag> = unless_empty(info, found)?;
        found.read(map::tag)
    }

    async fn find_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<Option<BranchInfo>, ProviderError> {
        let path = within(info, &["branches"]);
        let query = [
            LIMIT,
            ORDER,
            ("filterText", name.as_str()),
            ("boostMatches", "true"),
        ];
        let mut at = None;
        for _ in 0..=CAP / PAGE_SIZE {
            let page = self.list(&path, &query, at.as_ref()).await;
            let page: ListPage<wire::Branch> = unless_empty(info, page)?;
            let mut branches = page.items.iter();
            if let Some(found) = branches.find(|found| found.display_id == name.as_str()) {
                return map::branch(found, info.default_branch.as_deref()).map(Some);
            }
            at = page.next;
            if at.is_none() {
                return Ok(None);
            }
        }
        Err(ProviderError::malformed(
            "a list of branches without an end",
        ))
    }

    async fn find_tag(
        &self,
        info: &RepositoryInfo,
        name: &TagName,
    ) -> Result<Option<TagInfo>, ProviderError> {
        let mut path = within(info, &["tags"]);
        path.extend(name.as_str().split('/'));
        let found: Option<wire::Tag> = self.part(&path, &[]).await?;
        match found.filter(|found| found.display_id == name.as_str()) {
            Some(found) => map::tag(&found),
            None => Ok(None),
        }
    }

    async fn create_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<(), ProviderError> {
        let body = json!({"name": name.as_str(), "startPoint": at.as_str()});
        let made: wire::Branch = self.make(&within(info, &["branches"]), body).await?;
        made_at(made.latest_commit.as_deref().unwrap_or_default(), at)
    }

    /// Without a message the tag would be a lightweight one.
    async fn create_tag(&self, info: &RepositoryInfo, tag: &NewTag) -> Result<(), ProviderError> {
        let body = json!({
            "name": tag.name.as_str(),
            "startPoint": tag.commit.as_str(),
            "message": message(tag),
        });
        let made: wire::Tag = self.make(&within(info, &["tags"]), body).await?;
        made_at(
            made.latest_commit.as_deref().unwrap_or_default(),
            &tag.commit,
        )
    }
}

/// What is missing in a repository without any commit is an empty list.
fn unless_empty<T>(
    info: &RepositoryInfo,
    found: Result<ListPage<T>, ProviderError>,
) -> Result<ListPage<T>, ProviderError> {
    if info.default_branch.is_some() {
        return found;
    }
    if_there(found).map(|found| found.unwrap_or(ListPage::EMPTY))
}
