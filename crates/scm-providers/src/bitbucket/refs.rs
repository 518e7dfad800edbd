//! Branches and tags ("Refs" of the REST API).
//!
//! - One ref is asked for by a query: a `/` in its name is then no matter of the path. What comes
//!   back is compared with the name once more.
//! - Most lists tell how many entries there are, and number their pages; where they do not, each
//!   page tells the next.
//! - A tag that is made here is always annotated.

use async_trait::async_trait;
use scm_types::{
    BranchInfo, BranchName, CommitSha, NewTag, RefSearch, RepositoryInfo, TagInfo, TagName,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Bitbucket, map, quoted, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject, made_at},
    host::Refs,
    page::{ListPage, NextPage},
};

const BRANCHES: [&str; 2] = ["refs", "branches"];
const TAGS: [&str; 2] = ["refs", "tags"];

#[async_trait]
impl Refs for Bitbucket {
    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError> {
        let search = search.map(|search| format!("name ~ {}", quoted(search.as_str())));
        let found: ListPage<wire::Branch> = self
            .ref_page(info, &BRANCHES, search.as_deref(), at)
            .await?;
        let default = info.default_branch.as_deref();
        found.read(|found| map::branch(found, default))
    }

    async fn tag_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<TagInfo>, ProviderError> {
        let found: ListPage<wire::Tag> = self.ref_page(info, &TAGS, None, at).await?;
        found.read(map::tag)
    }

    async fn find_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<Option<BranchInfo>, ProviderError> {
        let found: Vec<wire::Branch> = self.named(info, &BRANCHES, name.as_str()).await?;
        let found = found.iter().find(|found| found.name == name.as_str());
        let default = info.default_branch.as_deref();
        found.map_or(Ok(None), |found| map::branch(found, default))
    }

    async fn find_tag(
        &self,
        info: &RepositoryInfo,
        name: &TagName,
    ) -> Result<Option<TagInfo>, ProviderError> {
        let found: Vec<wire::Tag> = self.named(info, &TAGS, name.as_str()).await?;
        let found = found.iter().find(|found| found.name == name.as_str());
        found.map_or(Ok(None), map::tag)
    }

    async fn create_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<(), ProviderError> {
        let body = json!({"name": name.as_str(), "target": {"hash": at.as_str()}});
        let made: wire::Branch = self.make(&within(info, &BRANCHES), body).await?;
        made_at(made.target.as_ref().map_or("", |at| &at.hash), at)
    }

    async fn create_tag(&self, info: &RepositoryInfo, tag: &NewTag) -> Result<(), ProviderError> {
        let body = json!({
            "name": tag.name.as_str(),
            "target": {"hash": tag.commit.as_str()},
            "message": tag.message,
        });
        let made: wire::Tag = self.make(&within(info, &TAGS), body).await?;
        made_at(made.target.as_ref().map_or("", |at| &at.hash), &tag.commit)
    }
}

impl Bitbucket {
    /// The refs that a name finds, which may be none or more than the one.
    async fn named<T: DeserializeOwned>(
        &self,
        info: &RepositoryInfo,
        kind: &[&str; 2],
        name: &str,
    ) -> Result<Vec<T>, ProviderError> {
        let search = format!("name={}", quoted(name));
        let query = [("q", search.as_str()), ("pagelen", "100")];
        let found: Option<wire::Page<T>> = self.part(&within(info, kind), &query).await?;
        Ok(found.map_or_else(Vec::new, |found| found.values))
    }

    async fn ref_page<T: DeserializeOwned>(
        &self,
        info: &RepositoryInfo,
        kind: &[&str; 2],
        search: Option<&str>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<T>, ProviderError> {
        let mut query = vec![("pagelen", "100"), ("sort", "name")];
        query.extend(search.map(|search| ("q", search)));
        let answer = self.0.page(at, &within(info, kind), &query).await?;
        let found: wire::Page<T> = self.accept(answer, Subject::Part)?.json()?;
        let next = found.next.as_deref().and_then(NextPage::of_url);
        let last = found.last_page();
        Ok(ListPage {
            items: found.values,
            rest: next
                .as_ref()
                .zip(last)
                .and_then(|(next, last)| next.up_to(last)),
            next,
        })
    }
}
