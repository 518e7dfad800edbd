//! Web addresses of a repository and of what is in it. No code host is asked.

use scm_types::{
    BranchName, Caller, CommitSha, HostKind, IntegrationId, RefSpec, Revision, Role, TagName,
};
use serde::Serialize;

use crate::{ServiceError, Services};

/// What addresses are wanted of, beside the repository itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlRequest {
    /// A branch.
    pub branch: Option<BranchName>,
    /// A tag.
    pub tag: Option<TagName>,
    /// A commit.
    pub commit: Option<CommitSha>,
    /// The two sides of a comparison, the base first. A name that is not said to be a branch or a
    /// tag is taken as it is; on Data Center it must be said.
    pub compare: Option<(RefSpec, RefSpec)>,
}

/// Addresses, encoded. Nothing says that what they name is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WebUrls {
    /// The repository.
    pub repository: String,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub branch: Option<String>,
    /// The tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub tag: Option<String>,
    /// The release of the tag; the tag's page where the host has no releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub release: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub commit: Option<String>,
    /// The comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub compare: Option<String>,
}

impl Services {
    /// Web addresses. Needs the role viewer.
    pub async fn urls(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        request: &UrlRequest,
    ) -> Result<WebUrls, ServiceError> {
        let scope = Self::scope(caller, Role::Viewer)?;
        let row = self.integrations.find_by_id(&scope, id).await?;
        let url = self.repository_url(&row.ok_or(ServiceError::NotFound)?)?;
        let tag = request.tag.as_ref();
        let compare = match &request.compare {
            Some((base, head)) => {
                let base = Side::of(url.kind(), "base", base)?;
                let head = Side::of(url.kind(), "head", head)?;
                Some(url.compare_url(base.revision(), head.revision()))
            }
            None => None,
        };
        Ok(WebUrls {
            repository: url.to_string(),
            branch: request.branch.as_ref().map(|name| url.branch_url(name)),
            tag: tag.map(|name| url.tag_url(name)),
            release: tag.map(|name| url.release_url(name)),
            commit: request.commit.as_ref().map(|sha| url.commit_url(sha)),
            compare,
        })
    }
}

/// One side of a comparison.
enum Side<'a> {
    /// A short name, which stands in an address as it is.
    Short(TagName),
    Given(Revision<'a>),
}

impl<'a> Side<'a> {
    fn of(kind: HostKind, field: &str, spec: &'a RefSpec) -> Result<Self, ServiceError> {
        Ok(match spec {
            RefSpec::Branch(name) => Self::Given(name.into()),
            RefSpec::Tag(name) => Self::Given(name.into()),
            RefSpec::Commit(sha) => Self::Given(sha.into()),
            // The one product whose addresses say which it is.
            RefSpec::Name(name) if kind == HostKind::BitbucketDataCenter => {
                let problem = format!("must be refs/heads/{name}, refs/tags/{name} or a commit id");
                return Err(ServiceError::invalid(field, problem));
            }
            RefSpec::Name(name) => Self::Short(
                TagName::parse(name.as_str())
                    .map_err(|error| ServiceError::invalid(field, error))?,
            ),
        })
    }

    fn revision(&self) -> Revision<'_> {
        match self {
            Self::Short(name) => name.into(),
            Self::Given(revision) => *revision,
        }
    }
}
