#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod api_key;
mod error;
mod idempotency;
mod input;
mod integrations;
mod renewal;
mod services;
mod verification;
mod work;

pub use api_key::{ApiKey, ApiKeyError, ApiKeys, NewApiKey};
pub use error::{FieldError, ServiceError};
pub use input::Precondition;
// What the builder takes and errors hold, so that an embedding host needs this crate alone.
#[cfg(any(test, feature = "faults"))]
pub use renewal::RenewalStep;
pub use scm_providers::{
    GithubApp, InvalidListCursor, ListCursor, ListRequest, Listing, Missing, OauthClient, Outage,
    ProviderDescription, ProviderError, ProviderHost, TransportSettings,
};
pub use scm_store::{
    Cipher, Claim, ConnectOptions, DatabaseConnection, KeyId, KeyRing, StoreError, StoredAnswer,
    Ticket, connect,
};
pub use services::{BuildError, Services, ServicesBuilder};
pub use verification::Verification;
pub use work::{
    CherryPicks, Compared, InvalidTagCursor, NewBranch, NewRelease, NewTag, NotesRequest,
    PreviousTag, ReleaseDate, ReleaseNotes, Released, TagCursor, TagPage, TagRequest, TagTarget,
    UrlRequest, WebUrls,
};
