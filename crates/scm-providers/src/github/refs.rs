//! Branches and tags.
//!
//! - A name is compared with the one that came back: GitHub redirects from a renamed branch to its
//!   new name, which is another branch.
//! - An annotated tag takes two calls, the object and the ref ("Git tags"). An object without a ref
//!   is nothing that anybody sees.

use async_trait::async_trait;
use scm_types::{
    BranchInfo, BranchName, CommitSha, NewTag, RefSearch, RepositoryInfo, TagInfo, TagName,
};
use serde_json::json;

use super::{
    Github,
    map::{self, MAX_NOTES},
    named, wire, within,
};
use crate::{
    ProviderError,
    host::Refs,
    page::{ListPage, NextPage},
    text::{commit_sha, prose},
};

/// The most tags of tags that are gone through.
const MAX_HOPS: usize = 5;

#[async_trait]
impl Refs for Github {
    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        _search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError> {
        let path = within(info, &["branches"]);
        let page: ListPage<wire::Branch> = self.list(&path, &[("per_page", "100")], at).await?;
        let default = info.default_branch.as_deref();
        page.read(|found| map::branch(found, default).map(Some))
    }

    async fn tag_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<TagInfo>, ProviderError> {
        let path = within(info, &["tags"]);
        let page: ListPage<wire::ListedTag> = self.list(&path, &[("per_page", "100")], at).await?;
        page.read(map::listed_tag)
    }

    async fn find_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<Option<BranchInfo>, ProviderError> {
        // One segment, with its slashes encoded: as several, the branch `a/protection` would be the
        // protection of the branch `a`.
        let path = within(info, &["branches", name.as_str()]);
        let found: Option<wire::Branch> = self.part(&path, &[]).await?;
        found
            .filter(|found| found.name == name.as_str())
            .map(|found| map::branch(&found, info.default_branch.as_deref()))
            .transpose()
    }

    /// A tag that stands for something other than a commit is none here.
    async fn find_tag(
        &self,
        info: &RepositoryInfo,
        name: &TagName,
    ) -> Result<Option<TagInfo>, ProviderError> {
        let path = named(info, &["git", "ref", "tags"], name.as_str());
        let found: Option<wire::Ref> = self.part(&path, &[]).await?;
        let full_name = format!("refs/tags/{name}");
        let Some(found) = found.filter(|found| found.name == full_name) else {
            return Ok(None);
        };
        let (mut object, mut message) = (found.object, None);
        let mut hops = 0;
        while object.kind.as_deref() == Some("tag") {
            hops += 1;
            if hops > MAX_HOPS {
                return Err(ProviderError::malformed("a tag of tags without an end"));
            }
            let sha = commit_sha(&object.sha)?;
            let path = within(info, &["git", "tags", sha.as_str()]);
            let tag: Option<wire::TagObject> = self.part(&path, &[]).await?;
            let tag = tag.ok_or_else(|| ProviderError::malformed("a tag without its object"))?;
            message.get_or_insert(tag.message.unwrap_or_default());
            object = tag.object;
        }
        if object.kind.as_deref() != Some("commit") {
            return Ok(None);
        }
        Ok(Some(TagInfo {
            name: name.to_string(),
            commit_sha: commit_sha(&object.sha)?,
            annotated: Some(message.is_some()),
            date: None,
            message: message.map(|message| prose(&message, MAX_NOTES)),
        }))
    }

    async fn create_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<(), ProviderError> {
        let full_name = format!("refs/heads/{name}");
        self.create_ref(info, &full_name, at.as_str()).await
    }

    /// The tagger is left to GitHub: the account of the credential, now.
    async fn create_tag(&self, info: &RepositoryInfo, tag: &NewTag) -> Result<(), ProviderError> {
        let path = within(info, &["git", "tags"]);
        let body = json!({
            "tag": tag.name,
            "message": tag.message,
            "object": tag.commit,
            "type": "commit",
        });
        let made: wire::TagObject = self.make(&path, body).await?;
        if CommitSha::parse(&made.object.sha).as_ref() != Ok(&tag.commit) {
            return Err(ProviderError::malformed("a tag of another commit"));
        }
        let object = commit_sha(&made.sha)?;
        let full_name = format!("refs/tags/{}", tag.name);
        self.create_ref(info, &full_name, object.as_str()).await
    }
}

impl Github {
    /// Makes `refs/heads/…` or `refs/tags/…`.
    async fn create_ref(
        &self,
        info: &RepositoryInfo,
        full_name: &str,
        sha: &str,
    ) -> Result<(), ProviderError> {
        let path = within(info, &["git", "refs"]);
        let body = json!({"ref": full_name, "sha": sha});
        let made: wire::Ref = self.make(&path, body).await?;
        if made.name == full_name && made.object.sha.eq_ignore_ascii_case(sha) {
            Ok(())
        } else {
            Err(ProviderError::malformed("another ref than asked for"))
        }
    }
}
