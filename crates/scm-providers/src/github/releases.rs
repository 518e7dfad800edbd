//! Releases ("Releases and release assets").

use async_trait::async_trait;
use scm_types::{NewRelease, ReleaseInfo, RepositoryInfo, TagName};
use serde_json::json;

use super::{Github, map, named, wire, within};
use crate::{ProviderError, host::Releases};

#[async_trait]
impl Releases for Github {
    /// The published release of a tag; drafts have none.
    async fn find_release(
        &self,
        info: &RepositoryInfo,
        tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError> {
        let path = named(info, &["releases", "tags"], tag.as_str());
        let found: Option<wire::Release> = self.part(&path, &[]).await?;
        let found = found.filter(|found| found.tag_name == tag.as_str());
        Ok(found.map(|found| map::release(&self.0.repository, tag, &found)))
    }

    /// Whether it becomes the latest one is left to GitHub, which goes by date and version.
    async fn create_release(
        &self,
        info: &RepositoryInfo,
        release: &NewRelease,
    ) -> Result<(), ProviderError> {
        let path = within(info, &["releases"]);
        let body = json!({
            "tag_name": release.tag,
            "name": release.name,
            "body": release.notes,
            "draft": false,
            "prerelease": release.prerelease,
            "make_latest": "legacy",
        });
        let made: wire::Release = self.make(&path, body).await?;
        if made.tag_name == release.tag.as_str() {
            Ok(())
        } else {
            Err(ProviderError::malformed("a release of another tag"))
        }
    }
}
