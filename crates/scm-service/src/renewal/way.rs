//! How a credential is renewed, if it can be.

use scm_providers::Registry;
use scm_store::Replacement;
use scm_types::{AuditAction, HostKind, RepoUrl, TenantScmIntegration, Timestamp};

use super::when::{self, Margin};
use crate::Services;

/// What is done for a new credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// An OAuth token is refreshed, which works also after its end.
    Refresh,
    /// An access token is replaced by one that it makes itself, which works before its end only.
    Rotate,
    /// The host has refused an access token that rotates: nothing can be done with it any more. If
    /// somebody else is replacing it, that is waited for.
    Await,
}

impl Way {
    /// What it is called in the audit log.
    pub(super) fn action(self) -> AuditAction {
        match self {
            Self::Refresh => AuditAction::CredentialRenewed,
            Self::Rotate | Self::Await => AuditAction::CredentialRotated,
        }
    }

    /// How the new credential comes about.
    pub(super) fn replacement(self) -> Replacement {
        match self {
            Self::Refresh => Replacement::Renewed,
            Self::Rotate | Self::Await => Replacement::Rotated,
        }
    }
}

/// What decides how a credential is renewed.
pub(super) struct Renewable {
    pub(super) has_refresh_token: bool,
    pub(super) auto_rotate: bool,
    pub(super) ends: Option<Timestamp>,
    pub(super) issued: Option<Timestamp>,
}

impl Renewable {
    pub(super) fn of(row: &TenantScmIntegration) -> Self {
        Self {
            has_refresh_token: row.refresh_token.is_some(),
            auto_rotate: row.integration.auto_rotate && row.access_token.is_some(),
            ends: row.integration.token_expires_at,
            issued: row.token_issued_at,
        }
    }

    /// How it is renewed. A refresh token says that the other one comes from OAuth, and such a one
    /// does not rotate.
    pub(super) fn way(&self, registry: &Registry, url: &RepoUrl) -> Option<Way> {
        if self.has_refresh_token {
            return registry.can_refresh(url).then_some(Way::Refresh);
        }
        let rotates = self.auto_rotate && url.kind() == HostKind::Gitlab;
        rotates.then_some(Way::Rotate)
    }

    /// Whether its end is within `margin`. One that has to renew itself is never due after its end.
    pub(super) fn is_due(&self, way: Way, now: Timestamp, margin: Margin) -> bool {
        let works = way == Way::Refresh || self.ends.is_some_and(|end| end > now);
        works && when::is_due(self.ends, self.issued, now, margin)
    }
}

impl Services {
    /// How the credential of an integration is renewed, if it is near enough to its end for a
    /// caller to wait for that.
    pub(super) fn due_way(&self, row: &TenantScmIntegration, url: &RepoUrl) -> Option<Way> {
        let renewable = Renewable::of(row);
        let way = renewable.way(&self.registry, url)?;
        let margin = match way {
            Way::Refresh => Margin::of_callers(self.renewals.least_margin),
            Way::Rotate | Way::Await => Margin::ROTATION,
        };
        let due = renewable.is_due(way, self.clock.now(), margin);
        due.then_some(way)
    }

    /// How another credential can be had for one that the host has refused.
    pub(super) fn way_after_refusal(
        &self,
        row: &TenantScmIntegration,
        url: &RepoUrl,
    ) -> Option<Way> {
        match Renewable::of(row).way(&self.registry, url)? {
            Way::Refresh => Some(Way::Refresh),
            Way::Rotate | Way::Await => Some(Way::Await),
        }
    }
}
