//! Looking whether a connection still works.
//!
//! A definite "no" about a connection that worked is not believed at once: ten minutes later the
//! host is asked again, and only if it still says so is it written. A good answer in between clears
//! the doubt, and no answer leaves it as it is. A user's own check is written at once, as ever.

use std::time::Duration;

use scm_store::ClaimedJob;
use scm_types::{Actor, IntegrationId, Purpose, ServerTask};

use super::{JobSettings, outcome::Outcome};
use crate::{ServiceError, Services, metrics::Origin, verification::Checked};

/// What a job is marked with whose answer was not believed yet.
const DOUBT: &str = "doubt";

/// How long a doubt stands before it is looked into.
const SECOND_LOOK: Duration = Duration::from_mins(10);

impl Services {
    /// Checks an integration, if that is still due.
    pub(super) async fn verify_due(&self, job: &ClaimedJob, settings: &JobSettings) -> Outcome {
        let Ok(id) = IntegrationId::parse(job.subject()) else {
            return Outcome::Dropped;
        };
        let doubted = job.note() == Some(DOUBT);
        match self.check_if_due(&id, doubted, settings).await {
            Ok(Some(Checked::Stored(found))) => {
                self.metrics
                    .verified(Origin::Background, found.result.status.as_str());
                Outcome::Done
            }
            Ok(Some(Checked::Doubted)) => {
                self.metrics.verified(Origin::Background, DOUBT);
                Outcome::PutOff {
                    wait: SECOND_LOOK,
                    note: Some(DOUBT),
                }
            }
            // Not due any more, or changed while it was checked: what is there now is another
            // matter, and in the next plan if it is due.
            Ok(None)
            | Err(
                ServiceError::NotFound
                | ServiceError::NoCredential
                | ServiceError::Deleted
                | ServiceError::CredentialChanged,
            ) => Outcome::Dropped,
            Err(error) => {
                self.metrics.verified(Origin::Background, "unknown");
                tracing::debug!(%id, code = error.code().as_str(), "a connection could not be checked");
                let code = if doubted {
                    DOUBT
                } else {
                    error.code().as_str()
                };
                Outcome::failed_as(job, &error, code)
            }
        }
    }

    /// `None` if there is nothing to check any more.
    async fn check_if_due(
        &self,
        id: &IntegrationId,
        doubted: bool,
        settings: &JobSettings,
    ) -> Result<Option<Checked>, ServiceError> {
        let actor = Actor::server(ServerTask::Verification);
        // Without its secrets first: their opening is noted in the audit log.
        let row = self.integrations.find_by_id(&actor.scope, id).await?;
        let due = row.is_some_and(|row| {
            row.is_active && self.is_still_due(id.as_str(), row.last_verified_at, settings)
        });
        if !due {
            return Ok(None);
        }
        let row = self
            .integrations
            .find_with_secrets(&actor, id, Purpose::Verify)
            .await?;
        match row {
            Some(row) => Box::pin(self.check_in_background(&actor, row, doubted))
                .await
                .map(Some),
            None => Ok(None),
        }
    }
}
