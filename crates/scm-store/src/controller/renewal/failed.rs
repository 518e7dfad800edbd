//! What became of renewals that failed.

use std::time::Duration;

use scm_types::IntegrationId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QueryResult, QuerySelect,
    QueryTrait,
};

use super::{
    RenewalController,
    acquire::{WAIT, corrupt, get, left},
};
use crate::{
    StoreError,
    controller::{clock_sql::millis_until, integration::Ending},
    entity::scm_credential_renewal::{Column, Entity},
};

/// A credential whose last renewal failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRenewal {
    /// Whose credential.
    pub integration: IntegrationId,
    /// Which one.
    pub credential_version: i64,
    /// What the attempt failed with, as it was given to [`RenewalController::fail`].
    pub code: String,
    /// So much has to pass before the next attempt.
    pub wait: Option<Duration>,
}

impl FailedRenewal {
    /// True if it speaks of the credential that this integration has.
    #[must_use]
    pub fn is_of(&self, row: &Ending) -> bool {
        self.integration == row.id && self.credential_version == row.credential_version
    }
}

impl RenewalController {
    /// Of these integrations, those whose last renewal failed.
    pub async fn failed(&self, of: &[IntegrationId]) -> Result<Vec<FailedRenewal>, StoreError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let select = Entity::find()
            .select_only()
            .columns([
                Column::IntegrationId,
                Column::CredentialVersion,
                Column::LastError,
            ])
            .expr_as(millis_until(self.backend(), Column::NextAttemptAt), WAIT)
            .filter(Column::IntegrationId.is_in(of.iter().map(IntegrationId::as_str)))
            .filter(Column::LastError.is_not_null())
            .into_query();
        let found = self.db.run(|pool| pool.query_all(&select)).await?;
        found.iter().map(read).collect()
    }
}

fn read(found: &QueryResult) -> Result<FailedRenewal, StoreError> {
    let column = Column::IntegrationId.as_str();
    let raw: String = found
        .try_get("", column)
        .map_err(|_| corrupt("(unreadable)", column))?;
    let id = IntegrationId::parse(raw.as_str()).map_err(|_| corrupt(&raw, column))?;
    let wait: Option<i64> = get(found, &id, WAIT)?;
    Ok(FailedRenewal {
        credential_version: get(found, &id, Column::CredentialVersion.as_str())?,
        code: get(found, &id, Column::LastError.as_str())?,
        wait: left(wait).map(Duration::from_millis),
        integration: id,
    })
}
