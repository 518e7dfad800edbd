//! Where ids are made, and nowhere else.

use scm_types::IntegrationId;

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
