//! How one row of a chain follows from the row before it.
//!
//! The hash of a row is the SHA-256 of these fields in this order: `v1`, the hash of the row before
//! it, tenant, sequence, time in milliseconds since 1970, integration, action, purpose, outcome,
//! code, kind of actor, actor, request, detail. Each is written as a netstring, `5:hello,` with its
//! length in bytes, and an absent one as `-,`: no two contents have the same encoding. Numbers are
//! decimal, the detail is the text that is stored.

use ring::digest::{Context, SHA256};

/// What stands before a tenant's first row.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The form of the encoding; another one gets another word.
const FORM: &str = "v1";

/// A row as it is hashed.
#[derive(Debug)]
pub(super) struct Link<'a> {
    /// The hash of the row before it.
    pub(super) previous: &'a str,
    pub(super) tenant: &'a str,
    pub(super) sequence: i64,
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) integration: &'a str,
    pub(super) action: &'a str,
    pub(super) purpose: Option<&'a str>,
    pub(super) outcome: &'a str,
    pub(super) code: Option<&'a str>,
    pub(super) actor_type: &'a str,
    pub(super) actor_id: &'a str,
    pub(super) request_id: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

impl Link<'_> {
    /// 64 hexadecimal digits, lower case.
    pub(super) fn hash(&self) -> String {
        let (sequence, at) = (self.sequence.to_string(), self.at.to_string());
        let fields = [
            Some(FORM),
            Some(self.previous),
            Some(self.tenant),
            Some(&*sequence),
            Some(&*at),
            Some(self.integration),
            Some(self.action),
            self.purpose,
            Some(self.outcome),
            self.code,
            Some(self.actor_type),
            Some(self.actor_id),
            self.request_id,
            self.detail,
        ];
        let mut digest = Context::new(&SHA256);
        for field in fields {
            match field {
                Some(text) => {
                    digest.update(text.len().to_string().as_bytes());
                    digest.update(b":");
                    digest.update(text.as_bytes());
                }
                None => digest.update(b"-"),
            }
            digest.update(b",");
        }
        hex(digest.finish().as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digit = |value| char::from(b"0123456789abcdef"[usize::from(value)]);
    digits.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Link<'_> = Link {
        previous: GENESIS,
        tenant: "t1",
        sequence: 1,
        at: 1_801_386_000_123,
        integration: "V1StGXR8_Z5jdHi6B-myT",
        action: "credential.opened",
        purpose: Some("create_branch"),
        outcome: "done",
        code: None,
        actor_type: "member",
        actor_id: "acc_1",
        request_id: Some("r-1"),
        detail: Some(r#"{"name":"ü"}"#),
    };

    #[test]
    fn a_row_is_hashed_as_the_documentation_says() {
        // Made by hand: printf '2:v1,64:000…,2:t1,1:1,…' | sha256sum
        let text = format!(
            "2:v1,64:{GENESIS},2:t1,1:1,13:1801386000123,21:V1StGXR8_Z5jdHi6B-myT,\
             17:credential.opened,13:create_branch,4:done,-,6:member,5:acc_1,3:r-1,\
             13:{{\"name\":\"ü\"}},"
        );
        let by_hand = hex(ring::digest::digest(&SHA256, text.as_bytes()).as_ref());
        assert_eq!(ROW.hash(), by_hand);
        assert_eq!(
            ROW.hash(),
            "d2e1cbe50b8076a0fe7d7e545d84a20211b2d3f9a460bd665fefa4bac0a0b3ea"
        );
    }

    #[test]
    fn every_field_counts() {
        let changed = [
            Link {
                previous: "1",
                ..ROW
            },
            Link {
                tenant: "t2",
                ..ROW
            },
            Link { sequence: 2, ..ROW },
            Link { at: 0, ..ROW },
            Link {
                integration: "x",
                ..ROW
            },
            Link {
                action: "tag.created",
                ..ROW
            },
            Link {
                purpose: None,
                ..ROW
            },
            Link {
                outcome: "failed",
                ..ROW
            },
            Link {
                code: Some(""),
                ..ROW
            },
            Link {
                actor_type: "server",
                ..ROW
            },
            Link {
                actor_id: "acc_2",
                ..ROW
            },
            Link {
                request_id: None,
                ..ROW
            },
            Link {
                detail: None,
                ..ROW
            },
        ];
        for link in changed {
            assert_ne!(link.hash(), ROW.hash(), "{link:?}");
        }
    }

    #[test]
    fn what_moves_from_one_field_to_the_next_is_another_row() {
        let one = Link {
            actor_type: "a",
            actor_id: "bc",
            ..ROW
        };
        let other = Link {
            actor_type: "ab",
            actor_id: "c",
            ..ROW
        };
        assert_ne!(one.hash(), other.hash());
        let none = Link { code: None, ..ROW };
        let dash = Link {
            code: Some("-"),
            ..ROW
        };
        assert_ne!(none.hash(), dash.hash());
    }
}
