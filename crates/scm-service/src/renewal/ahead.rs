//! Renewing before anybody needs it, so that nobody has to wait: for work that no caller asked for.
//!
//! - The margins are earlier than those of callers; the lease, the fence and the back-off are the
//!   same, so that it does no harm how many servers do this at once, or that callers come meanwhile.
//! - What is not due costs no secret's opening.

use std::time::Duration;

use scm_store::{Ending, EndingPlace, EndingRequest, FailedRenewal};
use scm_types::{Actor, IntegrationId, RepoUrl, VerificationStatus};

use super::{
    attempt::Target,
    failure::NotRenewed,
    way::{Renewable, Way},
    when::Margin,
};
use crate::{ServiceError, Services};

/// How soon an attempt is repeated of which nobody said when.
const SOON: Duration = Duration::from_mins(1);

/// What became of a renewal ahead of a token's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewedAhead {
    /// The credential is another one now.
    Renewed,
    /// Its end is not near, or somebody else has renewed it.
    NotDue,
    /// Nothing renews it: there is no such integration any more, it is paused, the host has said no,
    /// or there is nothing to renew it with.
    NotPossible,
    /// It may work later.
    Later {
        /// Not before this has passed.
        wait: Duration,
    },
}

/// One page of what is due to be renewed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueAhead {
    /// The integrations, the first to end first.
    pub items: Vec<Ending>,
    /// Where the next page begins; `None` behind the last one.
    pub next: Option<EndingPlace>,
}

impl Services {
    /// The integrations whose credential is to be renewed now, `limit` looked at behind `after`. No
    /// secret is opened. Left out are those that the host has refused, until they are used or
    /// verified, and those whose next attempt is held off.
    pub async fn due_ahead(
        &self,
        after: Option<EndingPlace>,
        limit: u64,
    ) -> Result<DueAhead, ServiceError> {
        let request = EndingRequest {
            from: None,
            before: self.clock.now().plus(Margin::LONGEST),
            renewable: true,
            after,
            limit,
        };
        let page = self.integrations.ending_before(&request).await?;
        let mut items = page.items;
        items.retain(|row| {
            row.verification_status != VerificationStatus::Expired
                && self
                    .way_of(row)
                    .is_some_and(|way| self.is_due_ahead(row, way))
        });
        let failed = self.failed_renewals(&items).await?;
        items.retain(|row| {
            let mut failed = failed.iter().filter(|failed| failed.is_of(row));
            failed.all(|failed| failed.wait.is_none())
        });
        Ok(DueAhead {
            items,
            next: page.next,
        })
    }

    /// Renews the credential of an integration if it is due, as callers do, but earlier: OAuth
    /// tokens in the last 30 % of their life, and ten minutes or twice the callers' margin before
    /// their end at the latest.
    ///
    /// Fails if the database does not do what is asked, or a secret does not open.
    pub async fn renew_ahead(
        &self,
        actor: &Actor,
        id: &IntegrationId,
    ) -> Result<RenewedAhead, ServiceError> {
        let Some(ending) = self.integrations.ending(id).await? else {
            return Ok(RenewedAhead::NotPossible);
        };
        let Ok(url) = RepoUrl::parse(&ending.repository_url, self.registry.web_hosts()) else {
            return Ok(RenewedAhead::NotPossible);
        };
        let Some(way) = renewable(&ending).way(&self.registry, &url) else {
            return Ok(RenewedAhead::NotPossible);
        };
        if !self.is_due_ahead(&ending, way) {
            return Ok(RenewedAhead::NotDue);
        }
        let target = Target {
            actor: actor.clone(),
            id: ending.id,
            version: ending.credential_version,
            url,
            way,
        };
        match Box::pin(self.replaced(&target)).await {
            Ok(()) => Ok(RenewedAhead::Renewed),
            Err(NotRenewed::Refused { .. } | NotRenewed::Impossible) => {
                Ok(RenewedAhead::NotPossible)
            }
            Err(NotRenewed::Later(error)) => Ok(RenewedAhead::Later {
                wait: error.retry_after().unwrap_or(SOON),
            }),
            Err(NotRenewed::Failed(ServiceError::NotFound)) => Ok(RenewedAhead::NotPossible),
            Err(NotRenewed::Failed(error)) => Err(error),
        }
    }

    /// Of these integrations, those whose last renewal failed.
    pub(crate) async fn failed_renewals(
        &self,
        rows: &[Ending],
    ) -> Result<Vec<FailedRenewal>, ServiceError> {
        let renewed = rows
            .iter()
            .filter(|row| row.has_refresh_token || row.auto_rotate);
        let ids: Vec<_> = renewed.map(|row| row.id.clone()).collect();
        Ok(self.renewals.leases.failed(&ids).await?)
    }

    /// True if the server renews this token by itself; else somebody has to store another one.
    pub(crate) fn renews(&self, row: &Ending) -> bool {
        self.way_of(row).is_some()
    }

    fn way_of(&self, row: &Ending) -> Option<Way> {
        let url = RepoUrl::parse(&row.repository_url, self.registry.web_hosts()).ok()?;
        renewable(row).way(&self.registry, &url)
    }

    fn is_due_ahead(&self, row: &Ending, way: Way) -> bool {
        let margin = match way {
            Way::Refresh => Margin::ahead_of(self.renewals.least_margin),
            Way::Rotate | Way::Await => Margin::ROTATION,
        };
        renewable(row).is_due(way, self.clock.now(), margin)
    }
}

fn renewable(row: &Ending) -> Renewable {
    Renewable {
        has_refresh_token: row.has_refresh_token,
        auto_rotate: row.auto_rotate,
        ends: Some(row.ends),
        issued: row.issued,
    }
}
