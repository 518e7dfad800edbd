#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod audit;
mod authentication;
mod delivr;
mod error;
mod expiry;
mod gaps;
mod idempotency;
mod input;
mod integrations;
mod jobs;
mod lookups;
mod metrics;
mod push;
mod renewal;
mod services;
mod traces;
mod verification;
mod webhooks;
mod work;

pub use authentication::{
    ApiKey, ApiKeyError, ApiKeys, AuthenticationError, BadJwtKey, Bearers, CreatedApiKey,
    JwtAlgorithm, JwtClaims, JwtRoles, JwtSettings, JwtVerifier, NewApiKey, NewApiKeyRequest,
    UnknownJwtAlgorithm,
};
pub use delivr::{CameOver, ComeOver, GoHome, GoHomeError, HomeReport, OldRowReport, WentHome};
pub use error::{FieldError, ServiceError};
pub use expiry::Expiring;
pub use gaps::Presence;
pub use input::Precondition;
pub use jobs::{JobReport, JobSettings};
pub use push::{EventSink, InvalidPushSecret, PushSecret, PushSettings, SinkError, WebhookSink};
#[cfg(feature = "nats")]
pub use push::{
    InvalidNatsAuthority, InvalidNatsLogin, InvalidNatsPrefix, InvalidNatsServers, NatsLogin,
    NatsPrefix, NatsServers, NatsSettings, NatsSink,
};
// What the builder takes and errors hold, so that an embedding host needs this crate alone.
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub use renewal::RenewalStep;
pub use renewal::{DueAhead, RenewedAhead};
pub use scm_providers::transport::{FetchError, PostError};
pub use scm_providers::{
    GithubApp, InvalidListCursor, ListCursor, ListRequest, Listing, Missing, OauthClient, Outage,
    ProviderDescription, ProviderError, ProviderHost, TransportSettings,
};
pub use scm_store::{
    Cipher, Claim, ConnectOptions, DatabaseConnection, Ending, EndingPlace, InboxLimits, KeyId,
    KeyRing, StoreError, StoredAnswer, Ticket, connect,
};
pub use services::{BuildError, Services, ServicesBuilder};
pub use verification::Verification;
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub use webhooks::DeliveryStep;
pub use webhooks::{
    DeliveryDetail, DeliveryFilter, DeliveryPage, DeliverySettings, EventPage, Received,
};
pub use work::{
    CherryPicks, Compared, InvalidTagCursor, NewBranch, NewRelease, NewTag, NotesRequest,
    PreviousTag, ReleaseDate, ReleaseNotes, Released, TagCursor, TagPage, TagRequest, TagTarget,
    UrlRequest, WebUrls, WebhookRegistered, WebhookReport, WebhookRotated, WebhookTested,
};
