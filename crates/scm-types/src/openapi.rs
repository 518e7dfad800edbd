//! Schemas of the types that are written by hand: what `parse` lets in, as far as a pattern can say
//! it. Those of structs and plain enumerations are derived beside them.
//!
//! - A pattern is understood by ECMAScript and by Rust, and lets in nothing that `parse` refuses but
//!   for lengths: a name's is counted in bytes there and in characters here.
//! - A secret is write-only: it is in requests and never in an answer.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type, schema::AdditionalProperties,
    },
};

use crate::{
    AccessToken, AccountId, AuditDetail, AuditFact, BranchName, CommitSha, DeliveryId,
    DeliveryState, DisplayName, ErrorCode, IdempotencyKey, IntegrationId, PageLimit, RefName,
    RefSearch, RefSpec, RefreshToken, RequestId, TagName, TenantId, Timestamp,
};

/// What no ref name contains, and what no ref name is.
const NAME: &str = concat!(
    r"(?!.{245})(?!refs/)(?!@$)(?![0-9A-Fa-f]{40}$)(?![0-9A-Fa-f]{64}$)",
    r"(?!.*(?:\.\.|//|@\{|/\.|\.lock/|\.lock$|\.$|/$))",
    r"[^\x00-\x20\x7f~^:?*\[\\/.][^\x00-\x20\x7f~^:?*\[\\]*",
);

/// A commit id, in either case.
const COMMIT: &str = "[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}";

/// What no branch is called beside that.
const BRANCH: &str = "(?!-)(?!HEAD$)";

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .examples([example])
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(all.iter().map(|member| word(*member))))
}

macro_rules! schemas {
    ($($name:ident => $schema:expr,)+) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

/// An identifier: printable ASCII without spaces.
fn id(description: &str, max: usize, example: &str) -> ObjectBuilder {
    text(description, example)
        .min_length(Some(1))
        .max_length(Some(max))
        .pattern(Some("^[!-~]+$"))
}

fn secret(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(1))
        .max_length(Some(16 * 1024))
        .pattern(Some("^[!-~]+$"))
        .write_only(true)
}

fn ref_name(description: &str, pattern: &str, example: &str) -> ObjectBuilder {
    text(description, example)
        .min_length(Some(1))
        .max_length(Some(RefName::MAX))
        .pattern(Some(format!("^{pattern}$")))
}

schemas! {
    IntegrationId => id("The id of an integration.", Self::MAX, "V1StGXR8_Z5jdHi6B-myT"),
    TenantId => id("The id of a tenant.", Self::MAX, "acme"),
    AccountId => id("The id of an account of the platform.", Self::MAX, "acc-42"),
    DeliveryId => text("The code host's id of a delivery, or a digest where it has none.", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .min_length(Some(1))
        .max_length(Some(Self::MAX))
        .pattern(Some("^[-A-Za-z0-9_.:{}]+$")),
    DisplayName => text("What people call an integration; no control characters, not only white space.", "Acme shop")
        .min_length(Some(1))
        .max_length(Some(Self::MAX))
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")),
    Timestamp => text("A point in time, RFC 3339. Answers are in UTC with milliseconds; any offset is accepted.", "2027-01-31T09:00:00.000Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
    BranchName => ref_name("The short name of a branch; at most 244 bytes.", &format!("{BRANCH}{NAME}"), "release/1.2"),
    TagName => ref_name("The short name of a tag; at most 244 bytes.", NAME, "v1.2.0"),
    RefSpec => text("A full commit id, `refs/heads/…`, `refs/tags/…`, or a short name of a branch or a tag.", "main")
        .min_length(Some(1))
        .max_length(Some(RefName::MAX + "refs/heads/".len()))
        .pattern(Some(format!("^(?:{COMMIT}|(?:refs/heads/{BRANCH}|refs/tags/)?{NAME})$"))),
    RefSearch => text("A part of a name; at most 244 bytes.", "rel")
        .min_length(Some(1))
        .max_length(Some(RefName::MAX))
        .pattern(Some(r"^[^\x00-\x20\x7f-\x9f~^:?*\[\\]+$")),
    CommitSha => text("The full id of a commit, SHA-1 or SHA-256; lower case in answers.", "6113728f27ae82c7b1a177c8d03f9e96e0adf246")
        .pattern(Some(format!("^(?:{COMMIT})$"))),
    AccessToken => secret("What is presented to the code host: a token, or `email:token` for a Bitbucket API token. Never in an answer."),
    RefreshToken => secret("What an OAuth access token is renewed with. Never in an answer."),
    IdempotencyKey => text("1 to 255 printable ASCII characters, no space at either end.", "3f1c9b1e-4a3f-4f0e-9f0d-0d6f3b3d0f3a")
        .min_length(Some(1))
        .max_length(Some(Self::MAX))
        .pattern(Some("^[!-~](?:[ -~]*[!-~])?$")),
    RequestId => text("The id of a request.", "r-2027-01-31")
        .min_length(Some(1))
        .max_length(Some(128))
        .pattern(Some("^[-A-Za-z0-9_.]+$")),
    PageLimit => ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("How many at the most."))
        .minimum(Some(1_i32))
        .maximum(Some(i32::from(Self::MAX.get()))),
    DeliveryState => words(Self::ALL, Self::as_str).description(Some("What has become of a delivery.")),
    ErrorCode => words(Self::ALL, Self::as_str)
        .description(Some("Why something was not done. A word never changes its meaning; more may come.")),
    AuditDetail => ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Facts beside an act, by name."))
        .additional_properties(Some(AdditionalProperties::RefOr(AuditFact::schema()))),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema<T: ToSchema>() -> serde_json::Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    #[test]
    fn a_secret_is_in_no_answer() {
        for schema in [AccessToken::schema(), RefreshToken::schema()] {
            assert_eq!(serde_json::to_value(schema).unwrap()["writeOnly"], true);
        }
    }

    #[test]
    fn patterns_let_in_what_is_parsed() {
        type Parse = fn(&str) -> bool;
        let cases: [(serde_json::Value, Parse, &[&str]); 5] = [
            (
                schema::<BranchName>(),
                |raw| BranchName::parse(raw).is_ok(),
                &[
                    "main",
                    "a/b",
                    "-x",
                    "HEAD",
                    "a..b",
                    "a.lock",
                    "a.lock/b",
                    "ä",
                    "@",
                    "a b",
                    "a~",
                    ".a",
                    "a/.b",
                    "a.",
                    "/a",
                    "a/",
                    "a//b",
                    "a@{b",
                    "refs/heads/a",
                    "\u{1}",
                ],
            ),
            (
                schema::<TagName>(),
                |raw| TagName::parse(raw).is_ok(),
                &[
                    "v1",
                    "-x",
                    "HEAD",
                    "refs/tags/v1",
                    "0123456789abcdef0123456789abcdef01234567",
                    "0123456789abcdef0123456789abcdef0123456",
                    "",
                ],
            ),
            (
                schema::<RefSpec>(),
                |raw| RefSpec::parse(raw).is_ok(),
                &[
                    "main",
                    "refs/heads/main",
                    "refs/heads/-x",
                    "refs/tags/-x",
                    "refs/heads/HEAD",
                    "refs/remotes/x",
                    "0123456789ABCDEF0123456789abcdef01234567",
                    "a..b",
                    "refs/heads/",
                    "-x",
                    "HEAD",
                ],
            ),
            (
                schema::<DisplayName>(),
                |raw| DisplayName::parse(raw).is_ok(),
                &["a", " a ", " ", "", "a\u{7f}b", "日本"],
            ),
            (
                schema::<RefSearch>(),
                |raw| RefSearch::parse(raw).is_ok(),
                &["a", "", "a b", "a*", "\u{85}", "ü"],
            ),
        ];
        for (schema, parses, texts) in cases {
            for text in texts {
                assert_eq!(
                    jsonschema::is_valid(&schema, &(*text).into()),
                    parses(text),
                    "{text:?} and {}",
                    schema["pattern"]
                );
            }
        }
    }
}
