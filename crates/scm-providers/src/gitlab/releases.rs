//! Releases ("Releases API"). They have no drafts here, and no mark for what is not ready.

use async_trait::async_trait;
use scm_types::{NewRelease, ReleaseInfo, RepositoryInfo, TagName};
use serde_json::json;

use super::{Gitlab, map, wire, within};
use crate::{ProviderError, context::Client as _, host::Releases};

#[async_trait]
impl Releases for Gitlab {
    async fn find_release(
        &self,
        info: &RepositoryInfo,
        tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError> {
        let path = within(info, &["releases", tag.as_str()]);
        let found: Option<wire::Release> = self.part(&path, &[]).await?;
        let found = found.filter(|found| found.tag_name == tag.as_str());
        Ok(found.map(|found| map::release(&self.0.repository, tag, &found)))
    }

    /// No `ref` goes along: with one, GitLab would make a missing tag by itself, a lightweight one.
    async fn create_release(
        &self,
        info: &RepositoryInfo,
        release: &NewRelease,
    ) -> Result<(), ProviderError> {
        let body = json!({
            "tag_name": release.tag.as_str(),
            "name": release.name,
            "description": release.notes,
        });
        let path = within(info, &["releases"]);
        let made: wire::Release = self.make(&path, body).await?;
        if made.tag_name == release.tag.as_str() {
            return Ok(());
        }
        Err(ProviderError::malformed("a release of another tag"))
    }
}
