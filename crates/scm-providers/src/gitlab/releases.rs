//! Releases ("Releases API"). They have no drafts here, and no mark for what is not ready.

use http::Method;
use scm_types::{NewRelease, ReleaseInfo, RepositoryInfo, TagName};
use serde_json::json;

use super::{Gitlab, map, wire, within};
use crate::{
    ProviderError,
    context::{Subject, if_there},
};

pub(super) async fn find_release(
    gitlab: &Gitlab,
    info: &RepositoryInfo,
    tag: &TagName,
) -> Result<Option<ReleaseInfo>, ProviderError> {
    let path = within(info, &["releases", tag.as_str()]);
    let answer = gitlab.0.get(&path, &[]).await?;
    let Some(answer) = if_there(gitlab.accept(answer, Subject::Part))? else {
        return Ok(None);
    };
    let found: wire::Release = answer.json()?;
    let is_asked = found.tag_name == tag.as_str();
    Ok(is_asked.then(|| map::release(&gitlab.0.repository, tag, &found)))
}

/// No `ref` goes along: with one, GitLab would make a missing tag by itself, a lightweight one.
pub(super) async fn create_release(
    gitlab: &Gitlab,
    info: &RepositoryInfo,
    release: &NewRelease,
) -> Result<(), ProviderError> {
    let body = json!({
        "tag_name": release.tag.as_str(),
        "name": release.name,
        "description": release.notes,
    });
    let path = within(info, &["releases"]);
    let answer = gitlab.0.send(Method::POST, &path, body).await?;
    let made: wire::Release = gitlab.accept(answer, Subject::Part)?.json()?;
    if made.tag_name == release.tag.as_str() {
        return Ok(());
    }
    Err(ProviderError::malformed("a release of another tag"))
}
