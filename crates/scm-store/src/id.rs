//! Where ids are made, and nowhere else.

use scm_types::{ApiKeyId, IntegrationId};

/// A new id: 21 characters of the URL alphabet, 126 random bits, as the original makes them.
#[expect(
    clippy::expect_used,
    reason = "the alphabet is printable ASCII and the length is below the column's"
)]
pub(crate) fn new_integration_id() -> IntegrationId {
    IntegrationId::parse(nanoid::nanoid!()).expect("a nanoid is an id")
}

/// A new name for one run of a request: 21 characters, which nobody else has or guesses.
pub(crate) fn new_owner() -> String {
    nanoid::nanoid!()
}

/// A new id of an API key: 16 characters, of which none ends the id in the key's text.
#[expect(
    clippy::expect_used,
    reason = "the alphabet is a part of an id's, and the length is below the longest"
)]
pub(crate) fn new_api_key_id() -> ApiKeyId {
    const ALPHABET: [char; 36] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h',
        'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    ];
    ApiKeyId::parse(nanoid::nanoid!(16, &ALPHABET)).expect("such a nanoid is an id")
}
