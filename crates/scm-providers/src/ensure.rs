//! Making what is wanted, whatever is there: look, make, look again.
//!
//! - The wanted state already there is a success that says so; something else there is an error
//!   that names both commits. Nothing is ever overwritten, moved or removed.
//! - A change is sent once. When its answer is lost or is not a clear yes, the state is read back
//!   and decides: what is there as wanted was made, what is not there was not. A tag object without
//!   a tag, a release without its text and the like never count as made.
//! - Nothing is begun that the credential's budget or the time of the operation cannot finish.

use scm_types::{
    BranchInfo, BranchName, CommitSha, Ensured, NewRelease, NewTag, RefKind, ReleaseInfo,
    RepositoryInfo, TagInfo,
};

use crate::{ProviderError, host::Host, text};

/// A branch at a commit.
pub(crate) async fn branch<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    name: &BranchName,
    at: &CommitSha,
) -> Result<Ensured<BranchInfo>, ProviderError> {
    let judge = |found: BranchInfo| judged(RefKind::Branch, at, found);
    if let Some(found) = host.find_branch(info, name).await? {
        return judge(found).map(Ensured::existing);
    }
    writable(info)?;
    // The change, and the look after it.
    host.context().session.reserve(2, 1).await?;
    let sent = host.create_branch(info, name, at).await;
    let verdict = Verdict::of(&sent);
    match host.find_branch(info, name).await {
        Ok(Some(found)) => judge(found).map(|found| verdict.ensured(found)),
        // Its own answer said that it was made; some hosts are slow to show it.
        Ok(None) | Err(_) if sent.is_ok() => Ok(Ensured::made(BranchInfo {
            name: name.to_string(),
            commit_sha: at.clone(),
            protected: false,
            default: info.default_branch.as_deref() == Some(name.as_str()),
        })),
        Ok(None) => Err(not_made(sent, RefKind::Branch, name.as_str())),
        Err(_) => Err(unknown(sent)),
    }
}

/// An annotated tag at a commit; a lightweight one that is there already will do.
pub(crate) async fn tag<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    tag: &NewTag,
) -> Result<Ensured<TagInfo>, ProviderError> {
    let judge = |found: TagInfo| judged(RefKind::Tag, &tag.commit, found);
    if let Some(found) = host.find_tag(info, &tag.name).await? {
        return judge(found).map(Ensured::existing);
    }
    writable(info)?;
    let calls = H::TRAITS.calls_per_tag;
    host.context().session.reserve(calls + 2, calls).await?;
    let sent = host.create_tag(info, tag).await;
    let verdict = Verdict::of(&sent);
    match host.find_tag(info, &tag.name).await {
        Ok(Some(found)) => judge(found).map(|found| verdict.ensured(found)),
        Ok(None) | Err(_) if sent.is_ok() => Ok(Ensured::made(TagInfo {
            name: tag.name.to_string(),
            commit_sha: tag.commit.clone(),
            annotated: Some(true),
            date: None,
            message: Some(tag.message.clone()),
        })),
        Ok(None) => Err(not_made(sent, RefKind::Tag, tag.name.as_str())),
        Err(_) => Err(unknown(sent)),
    }
}

/// A release of a tag that is there.
pub(crate) async fn release<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    release: &NewRelease,
) -> Result<Ensured<ReleaseInfo>, ProviderError> {
    // Elsewhere the mark is not kept, so it cannot differ.
    let wanted = NewRelease {
        prerelease: release.prerelease && H::TRAITS.prereleases,
        ..release.clone()
    };
    let judge = |found: ReleaseInfo| {
        let differs = differences(&wanted, &found);
        if differs.is_empty() {
            return Ok(found);
        }
        Err(ProviderError::ReleaseConflict {
            tag: release.tag.clone(),
            differs,
        })
    };
    if let Some(found) = host.find_release(info, &release.tag).await? {
        return judge(found).map(Ensured::existing);
    }
    writable(info)?;
    // Planned for this very release, if the tag before it was there already.
    host.context().session.plan(0);
    host.context().session.reserve(2, 1).await?;
    let sent = host.create_release(info, release).await;
    let verdict = Verdict::of(&sent);
    match host.find_release(info, &release.tag).await {
        Ok(Some(found)) => judge(found).map(|found| verdict.ensured(found)),
        Ok(None) | Err(_) if sent.is_ok() => Ok(Ensured::made(ReleaseInfo {
            tag: release.tag.to_string(),
            name: release.name.clone(),
            notes: release.notes.clone(),
            draft: false,
            prerelease: wanted.prerelease,
            url: host.context().repository.release_url(&release.tag),
        })),
        Ok(None) => Err(match sent {
            Err(ProviderError::Conflict | ProviderError::BadRequest { .. }) => {
                ProviderError::ReleaseRefused {
                    tag: release.tag.clone(),
                }
            }
            other => unknown(other),
        }),
        Err(_) => Err(unknown(sent)),
    }
}

/// Whether what was found after a change was there before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It was made now.
    Made,
    /// Somebody else was faster.
    Existing,
}

impl Verdict {
    fn of(sent: &Result<(), ProviderError>) -> Self {
        match sent {
            Err(ProviderError::Conflict | ProviderError::BadRequest { .. }) => Self::Existing,
            // After a lost answer: it was not there before, so it is ours, or somebody made the
            // very same thing at the very same moment.
            Ok(()) | Err(_) => Self::Made,
        }
    }

    fn ensured<T>(self, value: T) -> Ensured<T> {
        match self {
            Self::Made => Ensured::made(value),
            Self::Existing => Ensured::existing(value),
        }
    }
}

/// What stands for a commit.
trait AtCommit {
    fn name(&self) -> &str;
    fn commit(&self) -> &CommitSha;
}

impl AtCommit for BranchInfo {
    fn name(&self) -> &str {
        &self.name
    }

    fn commit(&self) -> &CommitSha {
        &self.commit_sha
    }
}

impl AtCommit for TagInfo {
    fn name(&self) -> &str {
        &self.name
    }

    fn commit(&self) -> &CommitSha {
        &self.commit_sha
    }
}

fn judged<T: AtCommit>(kind: RefKind, wanted: &CommitSha, found: T) -> Result<T, ProviderError> {
    if found.commit() == wanted {
        return Ok(found);
    }
    Err(ProviderError::RefConflict {
        kind,
        name: found.name().to_owned(),
        found: found.commit().clone(),
        wanted: wanted.clone(),
    })
}

/// Members in which a release differs from the wanted one. Hosts change line endings and cut blank
/// ends, and what is read of them has no control characters, so those do not count.
fn differences(wanted: &NewRelease, found: &ReleaseInfo) -> Vec<&'static str> {
    let mut differs = Vec::new();
    if plain(&wanted.name) != plain(&found.name) {
        differs.push("name");
    }
    if plain(&wanted.notes) != plain(&found.notes) {
        differs.push("notes");
    }
    if wanted.prerelease != found.prerelease {
        differs.push("prerelease");
    }
    differs
}

fn plain(raw: &str) -> String {
    let text = text::prose(raw, usize::MAX).replace("\r\n", "\n");
    text.trim_end().to_owned()
}

/// A repository that takes no writes is not even asked.
fn writable(info: &RepositoryInfo) -> Result<(), ProviderError> {
    if info.archived {
        return Err(ProviderError::ReadOnly);
    }
    Ok(())
}

/// Why what was sent is not there.
fn not_made(sent: Result<(), ProviderError>, kind: RefKind, name: &str) -> ProviderError {
    let refused = |status| ProviderError::RefRefused {
        kind,
        name: name.to_owned(),
        status,
    };
    match sent {
        // "Exists" without being there: another one is in its way, such as `a` for `a/b`.
        Err(ProviderError::Conflict) => refused(409),
        Err(ProviderError::BadRequest { status }) => refused(status),
        other => unknown(other),
    }
}

/// The first failure is what the caller learns; the look after it only decided.
fn unknown(sent: Result<(), ProviderError>) -> ProviderError {
    match sent {
        Err(ProviderError::NotFound {
            what: crate::Missing::Part,
        }) => ProviderError::InsufficientScope {
            // What is there to be read and cannot be written to does not exist for some hosts.
            missing: None,
            sso_url: None,
        },
        Err(error) => error,
        Ok(()) => ProviderError::malformed("a change that was confirmed and is not there"),
    }
}

#[cfg(test)]
mod tests {
    use scm_types::TagName;

    use super::*;

    #[test]
    fn releases_that_differ() {
        #[track_caller]
        fn check(name: &str, notes: &str, prerelease: bool, want: &[&str]) {
            let wanted = NewRelease {
                tag: TagName::parse("v1").unwrap(),
                name: "One".to_owned(),
                notes: "a\nb\n".to_owned(),
                prerelease: false,
            };
            let found = ReleaseInfo {
                tag: "v1".to_owned(),
                name: name.to_owned(),
                notes: notes.to_owned(),
                draft: false,
                prerelease,
                url: String::new(),
            };
            assert_eq!(differences(&wanted, &found), want);
        }
        check("One", "a\nb\n", false, &[]);
        check("One", "a\r\nb", false, &[]);
        check("One ", "a\nb\n\n", false, &[]);
        check("One", "a\u{7}\nb", false, &[]);
        check("Two", "a\nb", false, &["name"]);
        check("One", "a", true, &["notes", "prerelease"]);
    }
}
