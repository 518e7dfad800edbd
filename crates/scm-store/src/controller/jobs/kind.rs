//! What work there is, and what of it comes first.

use std::fmt;

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobKind {
    /// Finds what is due and makes the jobs for it. There is one.
    Plan,
    /// Looks whether a connection still works. About an integration.
    Verify,
    /// Renews a credential before it ends. About an integration.
    Renew,
    /// Removes a webhook that is not wanted any more. About an integration and a webhook.
    WebhookRemoval,
    /// Seals stored values with the current key. There is one.
    Reseal,
    /// Takes over what an old server writes into the table. There is one.
    Adopt,
    /// Warns of tokens that end. There is one.
    ExpiryWarning,
    /// Looks for what deliveries should have told. About an integration.
    GapCheck,
    /// Changes the webhook of an integration, one change at a time. A lock: whoever makes it does
    /// the work, and nobody else claims it.
    WebhookChange,
    /// Pushes the events of a tenant, in order. A lock like the one before.
    EventPush,
}

impl JobKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Plan,
        Self::Verify,
        Self::Renew,
        Self::WebhookRemoval,
        Self::Reseal,
        Self::Adopt,
        Self::ExpiryWarning,
        Self::GapCheck,
        Self::WebhookChange,
        Self::EventPush,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Verify => "verify",
            Self::Renew => "renew",
            Self::WebhookRemoval => "webhook_removal",
            Self::Reseal => "reseal",
            Self::Adopt => "adopt",
            Self::ExpiryWarning => "expiry_warning",
            Self::GapCheck => "gap_check",
            Self::WebhookChange => "webhook_change",
            Self::EventPush => "event_push",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What comes first of one kind and host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobPriority {
    /// Somebody may be waiting for it.
    #[default]
    First,
    /// In its turn.
    Second,
    /// When nothing else is to be done.
    Last,
}

impl JobPriority {
    /// Every one, the first first.
    pub(super) const ALL: [Self; 3] = [Self::First, Self::Second, Self::Last];

    pub(super) fn number(self) -> i16 {
        match self {
            Self::First => 0,
            Self::Second => 1,
            Self::Last => 2,
        }
    }
}
