//! Bodies of requests that have no type of their own: handlers take their members out one by one.
//! A test holds the members against those that the handlers know.

#![expect(dead_code, reason = "only their schemas are used")]

use scm_types::{
    AccessToken, BranchName, CommitSha, DisplayName, RefSpec, ScmType, TagName, Timestamp,
};
use utoipa::ToSchema;

/// A credential to be tried before it is stored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyCredential {
    /// Which product the repository lives on.
    scm_type: ScmType,
    /// The repository, in any form that people use.
    #[schema(min_length = 1)]
    repository_url: String,
    /// The credential.
    access_token: AccessToken,
    /// When the credential ends, if that is known.
    token_expires_at: Option<Timestamp>,
}

/// A branch to be made.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBranch {
    /// Its name.
    name: BranchName,
    /// Where it begins.
    from: RefSpec,
    /// Make it only if `from` stands for this commit.
    expected_sha: Option<CommitSha>,
}

/// A tag to be made: named, or by targets and version; at a branch, or at a commit.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTag {
    /// Its name; not beside `targets` and `version`.
    name: Option<TagName>,
    /// What is released, such as `WEB` or `PLAY_STORE`: the initials of all words make the name.
    #[schema(min_items = 1, max_items = 16)]
    targets: Option<Vec<Target>>,
    /// The version that follows the initials.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9.+-]+$")]
    version: Option<String>,
    /// The branch whose head gets the tag.
    branch: Option<BranchName>,
    /// The commit that the branch must stand for; without a branch the commit itself.
    expected_sha: Option<CommitSha>,
    /// The message; the tag's name if absent. At most 64 KiB.
    #[schema(min_length = 1, max_length = 65536)]
    message: Option<String>,
}

/// A target of a release: words of letters and digits, with underscores between them.
#[derive(ToSchema)]
#[schema(
    pattern = r"^[A-Za-z0-9]{1,64}(?:_[A-Za-z0-9]{1,64})*$",
    max_length = 128,
    example = "PLAY_STORE"
)]
pub(super) struct Target(String);

/// Notes that are wanted.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseNotesOf {
    /// The tag whose changes they tell.
    current_tag: TagName,
    /// The tag before it; the newest other tag that it descends from if absent.
    previous_tag: Option<TagName>,
    /// The targets of the tag before it, instead of its name.
    #[schema(min_items = 1, max_items = 16)]
    parent_targets: Option<Vec<Target>>,
    /// The version of the tag before it, with `parentTargets`.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9.+-]+$")]
    base_version: Option<String>,
    /// The day that the notes name, or a time that begins with one.
    #[schema(format = "date", examples("2026-11-23"))]
    release_date: Option<String>,
}

/// A release to be made.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRelease {
    /// Its tag; not beside `targets` and `version`.
    tag: Option<TagName>,
    /// What is released, instead of the tag's name.
    #[schema(min_items = 1, max_items = 16)]
    targets: Option<Vec<Target>>,
    /// The version that follows the initials of the targets.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9.+-]+$")]
    version: Option<String>,
    /// The branch at which the tag is made if it is not there.
    branch: Option<BranchName>,
    /// The commit that the branch must stand for; without a branch the commit itself.
    expected_sha: Option<CommitSha>,
    /// The headline; the tag if absent.
    name: Option<DisplayName>,
    /// The text, Markdown; made of the commits if absent. At most 120,000 bytes.
    #[schema(min_length = 1, max_length = 120_000)]
    notes: Option<String>,
    /// The tag that changes are counted from; the newest other one that the tag descends from if absent.
    previous_tag: Option<TagName>,
    /// The targets of that tag, instead of its name.
    #[schema(min_items = 1, max_items = 16)]
    parent_targets: Option<Vec<Target>>,
    /// The version of that tag, with `parentTargets`.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9.+-]+$")]
    base_version: Option<String>,
    /// The day that the notes name, or a time that begins with one.
    #[schema(format = "date", examples("2026-11-23"))]
    release_date: Option<String>,
    /// Marked as not ready for everybody, where the host knows that.
    prerelease: Option<bool>,
}

/// Deliveries to be processed again.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayDead {
    /// Those that came at this time or later, and are dead.
    since: Timestamp,
}
