//! What the messages of events are called.
//!
//! A tenant's id is one token of the subject, whatever is in it: no tenant can be told under the
//! subject of another one, or under one that stands for several.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use scm_types::TenantEvent;

/// What stays as it is in a token.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What every subject begins with: tokens of letters, digits, `-` and `_`, with dots between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsPrefix(String);

/// The text is no such prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be names of letters, digits, - and _ with dots between them, of at most {max} characters together", max = NatsPrefix::MAX)]
pub struct InvalidNatsPrefix;

impl NatsPrefix {
    /// The longest that is accepted, in characters.
    pub const MAX: usize = 128;

    /// Takes a prefix such as `scm.events`.
    pub fn parse(raw: &str) -> Result<Self, InvalidNatsPrefix> {
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !name.is_empty() && name.bytes().all(plain)
        };
        if raw.len() <= Self::MAX && raw.split('.').all(is_name) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(InvalidNatsPrefix)
        }
    }

    /// The subject of an event: `{prefix}.{tenant}.{kind}`. In the tenant's id everything but
    /// letters, digits, `-` and `_` is percent-encoded, as in a URL: `a.b` is `a%2Eb`.
    #[must_use]
    pub fn subject(&self, event: &TenantEvent) -> String {
        let tenant = utf8_percent_encode(event.tenant_id.as_str(), ENCODED);
        format!("{}.{tenant}.{}", self.0, event.event.kind.as_str())
    }

    /// What stands for the subjects of all events.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{}.>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{prop_assert_eq, proptest};
    use scm_types::{EventKind, IntegrationId, ScmEvent, TenantId, Timestamp};

    use super::*;

    fn of(tenant: &str) -> TenantEvent {
        TenantEvent {
            id: "e1".to_owned(),
            tenant_id: TenantId::parse(tenant).unwrap(),
            integration_id: IntegrationId::parse("i1").unwrap(),
            delivery_id: None,
            occurred_at: Timestamp::EPOCH,
            event: ScmEvent {
                kind: EventKind::Ping,
                repository: None,
                actor: None,
                reconciled: false,
            },
        }
    }

    #[test]
    fn prefixes() {
        #[track_caller]
        fn check(raw: &str, is_good: bool) {
            assert_eq!(NatsPrefix::parse(raw).is_ok(), is_good, "{raw:?}");
        }
        check("scm.events", true);
        check("scm", true);
        check("SCM-1.a_b.c", true);
        check(&"a".repeat(128), true);
        check(&"a".repeat(129), false);
        for bad in [
            "",
            ".",
            "scm.",
            ".scm",
            "scm..events",
            "scm.*",
            "scm.>",
            ">",
            "scm events",
            "scm\t",
            "$JS.API",
            "_INBOX.*",
            "scm.é",
            "a%2Eb",
            "a\r\nb",
        ] {
            check(bad, false);
        }
    }

    #[test]
    fn subjects() {
        let prefix = NatsPrefix::parse("scm.events").unwrap();
        assert_eq!(prefix.all(), "scm.events.>");
        for (tenant, token) in [
            ("NJEG6wOk7e", "NJEG6wOk7e"),
            ("a-b_c", "a-b_c"),
            ("a.b", "a%2Eb"),
            ("*", "%2A"),
            (">", "%3E"),
            ("a.>", "a%2E%3E"),
            ("a%2Eb", "a%252Eb"),
            ("$JS.API", "%24JS%2EAPI"),
            (
                "4f9c1c1e-8d1c-4a41-8e2a-3d5f6f0f1d11",
                "4f9c1c1e-8d1c-4a41-8e2a-3d5f6f0f1d11",
            ),
        ] {
            let subject = prefix.subject(&of(tenant));
            assert_eq!(subject, format!("scm.events.{token}.ping"));
        }
    }

    #[test]
    fn no_two_tenants_share_a_subject() {
        let prefix = NatsPrefix::parse("p").unwrap();
        let tenants = [
            "a.b", "a%2Eb", "a%2eb", "a%252Eb", "A.b", "a_b", "a-b", "a*b", "a>b",
        ];
        let subjects: HashSet<_> = tenants.iter().map(|id| prefix.subject(&of(id))).collect();
        assert_eq!(subjects.len(), tenants.len());
    }

    proptest! {
        #[test]
        fn a_tenant_is_one_token_that_can_be_read_back(tenant in "[!-~]{1,36}") {
            let subject = NatsPrefix::parse("p").unwrap().subject(&of(&tenant));
            let tokens: Vec<_> = subject.split('.').collect();
            let [_, token, _] = tokens[..] else {
                panic!("{subject} has not three tokens");
            };
            assert!(!token.contains(['*', '>', ' ']), "{token}");
            let back = percent_encoding::percent_decode_str(token).decode_utf8().unwrap();
            prop_assert_eq!(back, tenant);
        }
    }
}
