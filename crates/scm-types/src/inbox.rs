//! What code hosts have delivered, as it is kept, and what a tenant is told of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, IntegrationId, InvalidPage, ScmEvent, TenantId, Timestamp, words::words};

words! {
    /// What has become of a delivery.
    DeliveryState {
        /// It waits for being processed, for the first time or again.
        Pending = "pending",
        /// It was processed: its events are told.
        Done = "done",
        /// There was nothing in it to be told.
        Ignored = "ignored",
        /// It could not be processed, and is not tried again unless somebody asks for it.
        Dead = "dead",
    }
}

impl Serialize for DeliveryState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A delivery without what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliverySummary {
    /// Our own id of it.
    pub id: String,
    /// The integration that it is for.
    pub integration_id: IntegrationId,
    /// The host's id of it, or a digest where it has none.
    pub delivery_id: DeliveryId,
    /// The host's name of what happened; empty if it gave none.
    pub event: String,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried since it came or was replayed.
    pub attempts: u32,
    /// Why it was ignored, why it is dead, or why the last attempt failed: a short, stable word.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_error: Option<String>,
    /// When it came first.
    pub received_at: Timestamp,
    /// When it was last settled.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub processed_at: Option<Timestamp>,
    /// The length of its body, in bytes.
    pub size: u32,
}

/// The place behind which a page of deliveries starts. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCursor {
    /// When the last delivery seen was received.
    pub received_at: Timestamp,
    /// The last delivery seen.
    pub id: String,
}

impl DeliveryCursor {
    /// The longest id of a delivery, in characters.
    pub const MAX_ID: usize = 32;
}

impl fmt::Display for DeliveryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.received_at.as_millis(), self.id)
    }
}

impl FromStr for DeliveryCursor {
    type Err = InvalidPage;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (millis, id) = raw.split_once('.').ok_or(InvalidPage::Cursor)?;
        let millis = millis.parse().map_err(|_| InvalidPage::Cursor)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if id.is_empty() || id.len() > Self::MAX_ID || !id.bytes().all(plain) {
            return Err(InvalidPage::Cursor);
        }
        Ok(Self {
            received_at: Timestamp::from_millis(millis).ok_or(InvalidPage::Cursor)?,
            id: id.to_owned(),
        })
    }
}

/// An event as a tenant is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TenantEvent {
    /// Its id; the same whenever it is told again.
    pub id: String,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The integration that it came through.
    pub integration_id: IntegrationId,
    /// The delivery that told it, by our own id; `None` if none did and it was found by comparing.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub delivery_id: Option<String>,
    /// When the delivery came, or when it was found.
    pub occurred_at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: ScmEvent,
}

/// The place behind which a tenant's events go on; the default is before the first one. Opaque to
/// callers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventCursor(i64);

impl EventCursor {
    /// Behind the event of this number.
    #[must_use]
    pub fn behind(sequence: i64) -> Self {
        Self(sequence.max(0))
    }

    /// The number of the last event seen; 0 before the first.
    #[must_use]
    pub fn sequence(self) -> i64 {
        self.0
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

impl FromStr for EventCursor {
    type Err = InvalidPage;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let digits = raw.strip_prefix('e').ok_or(InvalidPage::Cursor)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPage::Cursor);
        }
        digits.parse().map(Self).map_err(|_| InvalidPage::Cursor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EventKind;

    #[test]
    fn cursors_come_back_as_they_were() {
        let cursor = DeliveryCursor {
            received_at: Timestamp::parse("2027-01-31T09:00:00.123Z").unwrap(),
            id: "018f-x_1".to_owned(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for raw in [
            "",
            "12",
            "x.y",
            "12.",
            "12.a b",
            &format!("1.{}", "x".repeat(33)),
        ] {
            assert_eq!(
                raw.parse::<DeliveryCursor>(),
                Err(InvalidPage::Cursor),
                "{raw:?}"
            );
        }
        let cursor = EventCursor::behind(17);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for raw in ["", "e", "17", "e-1", "e+1", "e1x", "e99999999999999999999"] {
            assert_eq!(
                raw.parse::<EventCursor>(),
                Err(InvalidPage::Cursor),
                "{raw:?}"
            );
        }
    }

    #[test]
    fn events_are_flat_and_come_back() {
        let event = TenantEvent {
            id: "ev1".to_owned(),
            tenant_id: TenantId::parse("t1").unwrap(),
            integration_id: IntegrationId::parse("i1").unwrap(),
            delivery_id: Some("d1".to_owned()),
            occurred_at: Timestamp::EPOCH,
            event: ScmEvent {
                kind: EventKind::Ping,
                repository: None,
                actor: None,
                reconciled: false,
            },
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(
            json,
            json!({
                "id": "ev1", "tenantId": "t1", "integrationId": "i1", "deliveryId": "d1",
                "occurredAt": "1970-01-01T00:00:00.000Z", "kind": "ping", "repository": null,
                "actor": null, "reconciled": false,
            })
        );
        assert_eq!(serde_json::from_value::<TenantEvent>(json).unwrap(), event);
    }
}
