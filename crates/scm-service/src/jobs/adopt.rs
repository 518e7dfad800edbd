//! What an old server goes on writing into the table beside this one: rows without the key of their
//! repository, and secrets in clear, which nobody here uses until they are sealed.

use std::time::Duration;

use scm_store::{ClaimedJob, FoundInClear, SealInClear, SealedInClear};
use scm_types::ServerTask;

use super::{outcome::Outcome, pace};
use crate::{ServiceError, Services};

/// Between two looks: so long a credential that the old server stores may not work here.
const PAUSE: Duration = Duration::from_mins(2);

/// The last look has told of values that only an operator can do something about.
const TOLD: &str = "unreadable";

impl Services {
    /// Takes over what another writer has left.
    pub(super) async fn adopt(&self, job: &ClaimedJob) -> Outcome {
        match self.adopt_everything().await {
            Ok(done) => {
                if done.unreadable > 0 && job.note() != Some(TOLD) {
                    tracing::warn!(
                        unreadable = done.unreadable,
                        "another writer has left values in the table that this server cannot seal, \
                         and does not use; scm-server import delivr tells which"
                    );
                }
                Outcome::PutOff {
                    wait: pace::jittered(PAUSE),
                    note: (done.unreadable > 0).then_some(TOLD),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what another writer has left could not be taken over");
                Outcome::failed(job, &error)
            }
        }
    }

    async fn adopt_everything(&self) -> Result<SealedInClear, ServiceError> {
        self.adopt_rows().await?;
        let metrics = self.metrics.clone();
        let watch = &mut move |row: &FoundInClear| {
            if row.sealed.is_empty() {
                return;
            }
            metrics.adopted(row.sealed.len() as u64);
            tracing::warn!(
                id = ?row.id,
                columns = row.sealed.join(", "),
                "sealed what another writer had left in clear"
            );
        };
        let how = SealInClear::default();
        self.seal_in_clear(ServerTask::Adoption, &how, watch).await
    }
}
