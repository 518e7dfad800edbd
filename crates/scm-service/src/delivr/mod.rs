//! Coming over from delivr's old server, and the way home.
//!
//! - A row is judged as a request would be, by the same types; one that does not pass is told, column by
//!   column, and nothing of it is stored. No text tells what a column holds.
//! - What is here already is left as it is, so that everything can be interrupted and repeated.

mod home;
mod read;
#[cfg(test)]
mod tests;

pub use home::{GoHome, GoHomeError, HomeReport, WentHome};
use scm_store::{
    FoundInClear, SealInClear, SealedInClear, StoreError, TakeOver, TakenOver,
    delivr::{OldRow, PassPhrase, Shape},
};
use scm_types::{Actor, RepoUrl, ServerTask};

use crate::{FieldError, ServiceError, Services};

/// How rows of the old server are taken over.
#[derive(Clone, Default)]
pub struct ComeOver {
    /// What the old server sealed secrets with; without it those that it sealed cannot be read.
    pub pass_phrase: Option<PassPhrase>,
    /// Look and judge, change nothing.
    pub dry_run: bool,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameOver {
    /// It is here now; with `dry_run` it would be.
    TakenOver,
    /// It was here already, perhaps deleted since: nothing was changed.
    There,
    /// It cannot be read: which columns, and why. Nothing of it is here.
    Unreadable(Vec<FieldError>),
}

/// A row, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldRowReport {
    /// The id that it has in the old table, as it stands there.
    pub id: String,
    /// Whose it is, if that can be read.
    pub tenant: Option<String>,
    /// What became of it.
    pub came: CameOver,
    /// Columns that hold something for which there is no place here.
    pub left: Vec<&'static str>,
}

impl Services {
    /// Takes a row of the old server's table over, with its id, its times, its status and its secrets,
    /// which are sealed with our keys.
    ///
    /// Fails if the database does; then the row may or may not be here, and can be taken over again.
    pub async fn come_over(
        &self,
        row: OldRow,
        shape: Shape,
        how: &ComeOver,
    ) -> Result<OldRowReport, ServiceError> {
        let (services, pass_phrase) = (self.clone(), how.pass_phrase.clone());
        // Opening a value takes as long as many requests.
        let judged = tokio::task::spawn_blocking(move || {
            let has_app = |url: &RepoUrl| services.registry.has_app(url);
            let here = read::Here {
                hosts: services.registry.web_hosts(),
                has_app: &has_app,
                now: services.clock().now(),
            };
            let judged = read::read(&row, shape, pass_phrase.as_ref(), &here);
            let report = OldRowReport {
                id: row.id.clone(),
                tenant: row.get("tenantId").ok().flatten().map(str::to_owned),
                came: CameOver::There,
                left: read::left(&row),
            };
            (judged, report)
        });
        let (judged, report) = match judged.await {
            Ok(judged) => judged,
            // As if it had been done here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let came = match judged {
            Ok(old) => self.take(&old, how.dry_run).await?,
            Err(faults) => CameOver::Unreadable(faults),
        };
        let named = came_names(came, shape);
        Ok(OldRowReport {
            came: named,
            ..report
        })
    }

    async fn take(&self, old: &TakeOver, dry_run: bool) -> Result<CameOver, ServiceError> {
        let taken = if dry_run {
            self.integrations.would_take_over(old).await
        } else {
            let operator = Actor::server(ServerTask::Command);
            self.integrations.take_over(&operator, old).await
        };
        let fault =
            |field: &str, text: &str| Ok(CameOver::Unreadable(vec![FieldError::new(field, text)]));
        match taken {
            Ok(TakenOver::Made) => Ok(CameOver::TakenOver),
            Ok(TakenOver::There) => Ok(CameOver::There),
            Ok(TakenOver::Taken) => fault("id", "is that of another integration here"),
            Err(StoreError::DoesNotFit { field }) => fault(field, "is too long, or holds a NUL"),
            Err(StoreError::Reference { field }) => {
                fault(field, "names something that is not here")
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Seals what another writer of our table has left in clear, or sealed with the old server's pass
    /// phrase; `watch` is told of each row. See
    /// [`seal_in_clear`](scm_store::ScmIntegrationController::seal_in_clear).
    pub async fn seal_in_clear(
        &self,
        task: ServerTask,
        how: &SealInClear,
        watch: &mut (dyn FnMut(&FoundInClear) + Send),
    ) -> Result<SealedInClear, ServiceError> {
        let actor = Actor::server(task);
        Ok(self.integrations.seal_in_clear(&actor, how, watch).await?)
    }
}

/// The same with the names that the columns have in the old table.
fn came_names(came: CameOver, shape: Shape) -> CameOver {
    let CameOver::Unreadable(mut faults) = came else {
        return came;
    };
    if shape == Shape::Later {
        for fault in &mut faults {
            if let Some(theirs) = read::later_name(&fault.field) {
                theirs.clone_into(&mut fault.field);
            }
        }
    }
    faults.dedup();
    CameOver::Unreadable(faults)
}
