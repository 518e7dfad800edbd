//! Release notes and releases.
//!
//! - Where a host has no releases, the message of the annotated tag is the place for the notes, and
//!   the answer says that there is no release page.
//! - The tag is made first, annotated, by us: hosts would make a lightweight one.

use scm_types::{
    AuditAction, AuditDetail, AuditRecord, Caller, CommitSha, Comparison, Ensured, IntegrationId,
    NewRelease as ReleaseOf, NewTag, Operation, ReleaseInfo, Role, TagInfo, TagName,
};
use serde::Serialize;

use super::{
    notes::{self, Facts, ReleaseDate},
    open::Work,
    tags::{TagTarget, Target},
};
use crate::{ServiceError, Services};

/// Which tag the changes are counted from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PreviousTag {
    /// The newest other tag that the current one descends from; none for a first release.
    #[default]
    Newest,
    /// This one.
    Given(TagName),
}

/// What notes are wanted of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotesRequest {
    /// The tag whose changes they tell.
    pub current: TagName,
    /// The tag before it.
    pub previous: PreviousTag,
    /// The day that they name.
    pub date: Option<ReleaseDate>,
}

/// Release notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReleaseNotes {
    /// The tag whose changes they tell.
    pub current_tag: String,
    /// The tag before it; `null` for a first release.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub previous_tag: Option<String>,
    /// The text, Markdown.
    pub notes: String,
    /// How many commits there are.
    pub count: u64,
    /// False if counting stopped at the cap.
    pub exact: bool,
    /// True if there are more commits than the notes list.
    pub truncated: bool,
    /// The host's own page of all changes; the tag's page for a first release.
    pub url: String,
}

/// A release to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// Its tag.
    pub tag: TagName,
    /// Where the tag is to be made; without it the tag has to be there.
    pub target: Option<TagTarget>,
    /// The headline; without one it is the tag.
    pub name: Option<String>,
    /// The text; without one it is made of the commits.
    pub notes: Option<String>,
    /// The tag that the changes are counted from.
    pub previous: PreviousTag,
    /// The day that the notes name.
    pub date: Option<ReleaseDate>,
    /// Marked as not ready for everybody, where the host knows that.
    pub prerelease: bool,
}

/// A release that is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// Its tag.
    pub tag: TagInfo,
    /// The release; `null` where the host has none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub release: Option<ReleaseInfo>,
    /// The text of the release or, where there is none, of the tag.
    pub notes: String,
    /// The tag that the changes are counted from; `null` for a first release, for given notes and for
    /// a release that was there already.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub previous_tag: Option<String>,
    /// The page: of the release or, where there is none, of the tag.
    pub url: String,
    /// False where the notes are the message of a tag that was there already, and the host does not
    /// tell it.
    pub notes_confirmed: bool,
    /// What is not as on every host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub remark: Option<&'static str>,
}

const NO_RELEASE_PAGE: &str = "This code host has no releases, so there is no release page: the notes are the message of the \
     annotated tag";

const NO_RELEASE_PAGE_NOR_MARK: &str = "This code host has no releases, so there is no release page: the notes are the message of the \
     annotated tag, and the mark that it is not ready for everybody was left out";

const NO_MARK: &str =
    "This code host has no mark for releases that are not ready for everybody; it was left out";

const MESSAGE_NOT_TOLD: &str = "This code host has no releases, so there is no release page. The tag was there already, and \
     the host does not tell its message: whether it holds these notes is not known";

impl Services {
    /// The notes of a tag, made of the commits since the one before it. Makes nothing at the host.
    /// Needs the role editor.
    pub async fn release_notes(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        request: &NotesRequest,
    ) -> Result<ReleaseNotes, ServiceError> {
        let work = self
            .work(caller, Role::Editor, id, &[Operation::ReadRepository])
            .await?;
        let tag = work.provider.tag(&work.info, &request.current).await?;
        work.notes(
            &request.current,
            &tag.commit_sha,
            &request.previous,
            request.date,
        )
        .await
    }

    /// A release of a tag, which is made if it is not there and a place for it is given. Needs the
    /// role editor.
    ///
    /// There already with the same name and notes: nothing is done. There with others:
    /// [`ProviderError::ReleaseConflict`](scm_providers::ProviderError::ReleaseConflict), or
    /// [`ServiceError::TagMessageDiffers`] where the notes are the tag's message.
    pub async fn create_release(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        new: &NewRelease,
    ) -> Result<Ensured<Released>, ServiceError> {
        let operations: &[_] = match &new.target {
            Some(_) => &[Operation::CreateTag, Operation::CreateRelease],
            None => &[Operation::CreateRelease],
        };
        let opened = self.opened(caller, Role::Editor, id, operations).await?;
        let detail = AuditDetail::default().with("tag", &new.tag);
        let noting = opened.making(self, AuditAction::ReleaseCreated, detail);
        let mut tagged = None;
        let made = async {
            let work = self.work_with(opened, operations).await?;
            if work.provider.has_releases() {
                work.release(new, &mut tagged).await
            } else {
                work.release_by_message(new).await
            }
        };
        let made = made.await;
        if let Some(commit) = tagged {
            let detail = AuditDetail::default().with("name", &new.tag);
            let detail = detail.with("commit", &commit).with("existing", false);
            let record = AuditRecord::done(AuditAction::TagCreated).with(detail);
            noting.along(&record).await;
        }
        let facts = |detail: AuditDetail, made: &Ensured<Released>| {
            let detail = detail.with("commit", &made.value.tag.commit_sha);
            detail.with("existing", made.existing)
        };
        noting.ended(&made, facts).await;
        made
    }
}

impl Work {
    async fn notes(
        &self,
        current: &TagName,
        commit: &CommitSha,
        previous: &PreviousTag,
        date: Option<ReleaseDate>,
    ) -> Result<ReleaseNotes, ServiceError> {
        let (provider, info) = (&self.provider, &self.info);
        let previous = match previous {
            PreviousTag::Given(name) => Some(provider.tag(info, name).await?),
            PreviousTag::Newest => provider.previous_tag(info, current, commit).await?,
        };
        let base = previous.as_ref().map(|tag| &tag.commit_sha);
        let comparison = provider.compare(info, base, commit).await?;
        let name = previous.map(|tag| tag.name);
        // A host may hold names that we would not make; those have no page of ours.
        let previous = name.as_deref().and_then(|name| TagName::parse(name).ok());
        let compare_url = previous
            .as_ref()
            .map(|previous| self.url.compare_url(previous, current));
        let Comparison { count, exact, .. } = comparison;
        let (notes, truncated) = notes::render(&Facts {
            current,
            previous: previous.as_ref(),
            comparison: &comparison,
            date,
            compare_url: compare_url.as_deref(),
        });
        Ok(ReleaseNotes {
            current_tag: current.to_string(),
            previous_tag: name,
            notes,
            count,
            exact,
            truncated,
            url: compare_url.unwrap_or_else(|| self.url.tag_url(current)),
        })
    }

    /// Given notes, or those of the commits.
    async fn text(
        &self,
        new: &NewRelease,
        commit: &CommitSha,
    ) -> Result<(String, Option<String>), ServiceError> {
        if let Some(given) = &new.notes {
            return Ok((given.clone(), None));
        }
        let made = self
            .notes(&new.tag, commit, &new.previous, new.date)
            .await?;
        Ok((made.notes, made.previous_tag))
    }

    /// `tagged` is the commit of the tag if it was made for the release, whatever then becomes of
    /// that.
    async fn release(
        &self,
        new: &NewRelease,
        tagged: &mut Option<CommitSha>,
    ) -> Result<Ensured<Released>, ServiceError> {
        let (provider, info) = (&self.provider, &self.info);
        let name = new.name.clone().unwrap_or_else(|| new.tag.to_string());
        if let Some(found) = self.existing(new).await? {
            return Ok(Ensured::existing(found));
        }
        provider.plan_release();
        let tag = match &new.target {
            None => provider.tag(info, &new.tag).await?,
            Some(target) => match self.target(&new.tag, target).await? {
                Target::Existing(tag) => tag,
                Target::At(commit) => {
                    let tag = NewTag {
                        name: new.tag.clone(),
                        commit,
                        message: name.clone(),
                    };
                    let made = provider.ensure_tag(info, &tag).await?;
                    *tagged = (!made.existing).then(|| made.value.commit_sha.clone());
                    made.value
                }
            },
        };
        let (notes, previous_tag) = self.text(new, &tag.commit_sha).await?;
        let wanted = ReleaseOf {
            tag: new.tag.clone(),
            name,
            notes,
            prerelease: new.prerelease,
        };
        let is_unmarked = wanted.prerelease && !provider.marks_prereleases();
        let ensured = provider.ensure_release(info, &wanted).await?;
        Ok(Ensured {
            existing: ensured.existing,
            value: Released {
                tag,
                url: ensured.value.url.clone(),
                notes: wanted.notes,
                previous_tag,
                release: Some(ensured.value),
                notes_confirmed: true,
                remark: is_unmarked.then_some(NO_MARK),
            },
        })
    }

    /// The release that is there already, where nothing is said of its notes: those that would be made
    /// now may differ from those that were made then, because of a tag that came between. It has to
    /// be where it was expected, and under the name that was given.
    async fn existing(&self, new: &NewRelease) -> Result<Option<Released>, ServiceError> {
        let (provider, info) = (&self.provider, &self.info);
        if new.notes.is_some() {
            return Ok(None);
        }
        let Some(release) = provider.release(info, &new.tag).await? else {
            return Ok(None);
        };
        let tag = provider.tag(info, &new.tag).await?;
        let expected = match &new.target {
            Some(TagTarget::Branch { expected_sha, .. }) => expected_sha.as_ref(),
            Some(TagTarget::Commit(sha)) => Some(sha),
            None => None,
        };
        let is_elsewhere = expected.is_some_and(|expected| *expected != tag.commit_sha);
        let is_other = new.name.as_ref().is_some_and(|name| *name != release.name)
            || (new.prerelease != release.prerelease && provider.marks_prereleases());
        if is_elsewhere || is_other {
            return Ok(None);
        }
        Ok(Some(Released {
            tag,
            url: release.url.clone(),
            notes: release.notes.clone(),
            previous_tag: None,
            release: Some(release),
            notes_confirmed: true,
            remark: None,
        }))
    }

    async fn release_by_message(
        &self,
        new: &NewRelease,
    ) -> Result<Ensured<Released>, ServiceError> {
        let (provider, info) = (&self.provider, &self.info);
        let commit = match &new.target {
            None => provider.tag(info, &new.tag).await?.commit_sha,
            Some(target) => match self.target(&new.tag, target).await? {
                Target::Existing(tag) => tag.commit_sha,
                Target::At(commit) => commit,
            },
        };
        let (notes, previous_tag) = self.text(new, &commit).await?;
        let message = match &new.name {
            Some(name) => format!("{name}\n\n{notes}"),
            None => notes.clone(),
        };
        let tag = NewTag {
            name: new.tag.clone(),
            commit,
            message,
        };
        let ensured = provider.ensure_tag(info, &tag).await?;
        let no_release_page = if new.prerelease {
            NO_RELEASE_PAGE_NOR_MARK
        } else {
            NO_RELEASE_PAGE
        };
        let remark = match (&ensured.value.message, ensured.value.annotated) {
            _ if !ensured.existing => no_release_page,
            (Some(found), _) if same_text(found, &tag.message) => no_release_page,
            (None, Some(true) | None) => MESSAGE_NOT_TOLD,
            (Some(_), _) | (None, Some(false)) => {
                return Err(ServiceError::TagMessageDiffers {
                    tag: new.tag.clone(),
                });
            }
        };
        Ok(Ensured {
            existing: ensured.existing,
            value: Released {
                tag: ensured.value,
                release: None,
                notes,
                previous_tag,
                url: self.url.tag_url(&new.tag),
                notes_confirmed: remark != MESSAGE_NOT_TOLD,
                remark: Some(remark),
            },
        })
    }
}

/// Equal but for line endings and blank ends, which hosts change.
fn same_text(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    plain(a) == plain(b)
}
