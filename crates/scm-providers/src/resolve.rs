//! From what a person names to a commit.

use scm_types::{BranchName, CommitSha, RefKind, RefName, RefSpec, RepositoryInfo, TagName};

use crate::{ProviderError, host::Host};

/// A ref that is there, and the commit that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What it is: a branch, a tag or a commit, never just a name.
    pub spec: RefSpec,
    /// The commit.
    pub commit: CommitSha,
}

/// See [`crate::Provider::resolve`].
pub(crate) async fn resolve<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    spec: &RefSpec,
) -> Result<Resolved, ProviderError> {
    let found = match spec {
        RefSpec::Branch(name) => branch(host, info, name).await?,
        RefSpec::Tag(name) => tag(host, info, name).await?,
        RefSpec::Commit(sha) => {
            let found = host.find_commit(info, sha).await?;
            found.map(|_| sha.clone())
        }
        RefSpec::Name(name) => return by_name(host, info, name).await,
    };
    let kind = match spec {
        RefSpec::Branch(_) => RefKind::Branch,
        RefSpec::Tag(_) => RefKind::Tag,
        RefSpec::Commit(_) | RefSpec::Name(_) => RefKind::Commit,
    };
    let short = match spec {
        RefSpec::Branch(name) => name.as_str(),
        RefSpec::Tag(name) => name.as_str(),
        RefSpec::Commit(sha) => sha.as_str(),
        RefSpec::Name(name) => name.as_str(),
    };
    let commit = found.ok_or_else(|| ProviderError::no_ref(kind, short))?;
    Ok(Resolved {
        spec: spec.clone(),
        commit,
    })
}

/// A branch or a tag. Both are asked for, because a guess between two would be a silent one.
async fn by_name<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    name: &RefName,
) -> Result<Resolved, ProviderError> {
    // A tag may have a name that no branch can have.
    let as_branch = BranchName::parse(name.as_str()).ok();
    let as_tag = TagName::parse(name.as_str()).ok();
    let (on_branch, on_tag) = tokio::try_join!(
        async {
            match &as_branch {
                Some(name) => branch(host, info, name).await,
                None => Ok(None),
            }
        },
        async {
            match &as_tag {
                Some(name) => tag(host, info, name).await,
                None => Ok(None),
            }
        },
    )?;
    match (on_branch.zip(as_branch), on_tag.zip(as_tag)) {
        (Some((branch, _)), Some((tag, _))) if branch != tag => Err(ProviderError::RefAmbiguous {
            name: name.to_string(),
        }),
        (Some((commit, name)), _) => Ok(Resolved {
            spec: RefSpec::Branch(name),
            commit,
        }),
        (None, Some((commit, name))) => Ok(Resolved {
            spec: RefSpec::Tag(name),
            commit,
        }),
        (None, None) => Err(ProviderError::no_ref(RefKind::Ref, name.as_str())),
    }
}

async fn branch<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    name: &BranchName,
) -> Result<Option<CommitSha>, ProviderError> {
    let found = host.find_branch(info, name).await?;
    Ok(found.map(|branch| branch.commit_sha))
}

async fn tag<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    name: &TagName,
) -> Result<Option<CommitSha>, ProviderError> {
    let found = host.find_tag(info, name).await?;
    Ok(found.map(|tag| tag.commit_sha))
}
