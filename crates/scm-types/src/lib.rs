#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod actor;
mod api_key;
mod audit;
mod caller;
mod clock;
mod delivery;
mod error_code;
mod event;
mod full_ref;
mod git_object;
mod git_ref;
mod host;
mod id;
mod idempotency;
mod inbox;
mod integration;
#[cfg(feature = "openapi")]
mod openapi;
mod page;
mod patch;
mod provider;
mod repo_url;
mod secret;
mod text;
mod timestamp;
mod verification;
mod version;
mod webhook;
mod words;

pub use actor::{Actor, InvalidRequestId, Purpose, RequestId, ServerTask, Who};
pub use api_key::{
    ApiKeyCursor, ApiKeyFilter, ApiKeyId, ApiKeyPage, ApiKeySecret, InvalidApiKeyId, SafeApiKey,
};
pub use audit::{
    AuditAction, AuditActor, AuditChain, AuditCursor, AuditDetail, AuditEntry, AuditFact,
    AuditOutcome, AuditPage, AuditRecord, AuditRequest,
};
pub use caller::{Access, Caller, Role, TenantScope};
#[cfg(feature = "test")]
pub use clock::FixedClock;
pub use clock::{Clock, SystemClock};
pub use delivery::{DeliveryId, InvalidDeliveryId};
pub use error_code::ErrorCode;
pub use event::{
    EventCommit, EventKind, EventRepository, MoveEvent, PullRequestEvent, PushEvent, RefEvent,
    ReleaseEvent, ScmEvent,
};
pub use full_ref::FullRef;
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
pub use inbox::{DeliveryCursor, DeliveryState, DeliverySummary, EventCursor, TenantEvent};
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
pub use webhook::{SignatureScheme, WebhookHealth};
