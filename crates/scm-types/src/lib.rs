#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod caller;
mod clock;
mod git_object;
mod git_ref;
mod host;
mod id;
mod idempotency;
mod integration;
mod page;
mod patch;
mod provider;
mod repo_url;
mod secret;
mod text;
mod timestamp;
mod verification;
mod version;

pub use caller::{Access, Caller, Role, TenantScope};
#[cfg(feature = "test")]
pub use clock::FixedClock;
pub use clock::{Clock, SystemClock};
pub use git_object::{
    CommitInfo, Comparison, Ensured, NewRelease, NewTag, PullRequestRef, RefKind, ReleaseInfo,
    TagInfo,
};
pub use git_ref::{
    BranchName, CommitSha, InvalidCommitSha, InvalidRefName, InvalidRefSearch, RefName, RefSearch,
    RefSpec, Revision, TagName,
};
pub use host::{HostKind, InvalidHost, WebHost, WebHosts};
pub use id::{AccountId, IntegrationId, InvalidId, TenantId};
pub use idempotency::{Fingerprint, IdempotencyKey, InvalidIdempotencyKey};
pub use integration::{
    CreateScmIntegrationDto, RowVersion, SafeScmIntegration, ScmIntegrationFilters,
    TenantScmIntegration, UpdateScmIntegrationDto,
};
pub use page::{InvalidPage, Page, PageCursor, PageLimit, PageRequest};
pub use patch::Patch;
pub use provider::{InvalidEnum, ScmType};
pub use repo_url::{RepoUrl, RepoUrlError, without_userinfo};
pub use secret::{AccessToken, ClientSecret, InvalidSecret, RefreshToken, WebhookSecret};
pub use text::{DisplayName, InvalidText};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use verification::{
    AccountRef, BranchInfo, ConnectionReport, HookAccess, Operation, OperationReport,
    OperationState, Permission, RepositoryInfo, TokenKind, TokenReport, VerificationMetadata,
    VerificationResult, VerificationStatus, Visibility,
};
pub use version::{InvalidTagParts, TagOrder, TagVersion, tag_name_for};
