//! Checks of a connection against its code host.
//!
//! - Only a definite answer of the host changes a row's status. A host that is down, slow, rate
//!   limited or talks nonsense changes nothing; the caller is told to come back.
//! - A result is written only if the credential that was checked is still the stored one.
//! - A repository that was deleted and made anew under the same name is not the one that was
//!   connected: its id differs, and the connection is INVALID.

use scm_providers::{Known, ProviderError, Registry};
use scm_store::VerificationOutcome;
use scm_types::{
    AccessToken, Actor, AuditAction, AuditDetail, AuditOutcome, Caller, ConnectionReport, HostKind,
    IntegrationId, Patch, Purpose, RepoUrl, Role, SafeScmIntegration, ScmType,
    TenantScmIntegration, Timestamp, VerificationMetadata, VerificationResult, VerificationStatus,
};

use crate::{
    ServiceError, Services,
    audit::Noting,
    input,
    jobs::is_in_background,
    metrics::Origin,
    renewal::{Ready, has_credential, is_refusal},
};

/// A check that came to a definite result, and the row as it stands after it.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The row.
    pub integration: SafeScmIntegration,
    /// What the check found.
    pub result: VerificationResult,
}

/// What came of a check that nobody asked for.
pub(crate) enum Checked {
    /// A definite result, and it is stored.
    Stored(Box<Verification>),
    /// A "no" that is not believed yet.
    Doubted,
}

/// A definite result that is not stored yet.
struct Found {
    outcome: VerificationOutcome,
    result: VerificationResult,
}

impl Services {
    /// Checks the stored credential against the code host and stores what comes out. Needs the
    /// role owner. One that has ended, or that the host refuses, is renewed first where that is
    /// possible.
    ///
    /// Fails with [`ServiceError::Provider`] if the host gave no definite answer (nothing is
    /// changed then), with [`ServiceError::NoCredential`] if there is nothing to check, and with
    /// [`ServiceError::CredentialChanged`] if a new credential came in meanwhile.
    pub async fn verify(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<Verification, ServiceError> {
        let actor = Self::actor(caller, Role::Owner)?;
        let row = self
            .integrations
            .find_with_secrets(&actor, id, Purpose::Verify)
            .await?;
        let row = row.ok_or(ServiceError::NotFound)?;
        let noting = self.noting_check(&actor, &row);
        let verified = match self.look(&actor, row).await {
            Ok(found) => self.keep(&actor, id, found).await,
            Err(error) => Err(error),
        };
        match &verified {
            Ok(verified) => {
                let status = verified.result.status;
                self.metrics.verified(Origin::Request, status.as_str());
                noting.settled();
            }
            Err(error) => {
                if matches!(error, ServiceError::Provider(_)) {
                    self.metrics.verified(Origin::Request, "unknown");
                }
                note_no_result(noting, error).await;
            }
        }
        verified
    }

    /// Checks an integration that nobody asked about, with a credential that was opened for it.
    ///
    /// Unless it was `doubted` before, a "no" about a connection that worked is not believed yet,
    /// and nothing is written.
    pub(crate) async fn check_in_background(
        &self,
        actor: &Actor,
        row: TenantScmIntegration,
        doubted: bool,
    ) -> Result<Checked, ServiceError> {
        let id = row.integration.id.clone();
        let hesitant = !doubted && row.integration.verification_status == VerificationStatus::Valid;
        let noting = self.noting_check(actor, &row);
        let checked = match self.look(actor, row).await {
            Ok(found) if hesitant && !found.result.success => Ok(Checked::Doubted),
            Ok(found) => {
                let kept = self.keep(actor, &id, found).await;
                kept.map(|kept| Checked::Stored(Box::new(kept)))
            }
            Err(error) => Err(error),
        };
        match &checked {
            Ok(Checked::Stored(_)) => noting.settled(),
            Ok(Checked::Doubted) => noting.not_done(AuditOutcome::Unknown, "doubted").await,
            Err(error) => note_no_result(noting, error).await,
        }
        checked
    }

    fn noting_check(&self, actor: &Actor, row: &TenantScmIntegration) -> Noting {
        let (action, detail) = (AuditAction::IntegrationVerified, AuditDetail::default());
        self.noting(actor, &row.integration, action, detail)
    }

    /// Checks with a credential that was opened for it. Stores nothing but a renewed credential.
    async fn look(&self, actor: &Actor, row: TenantScmIntegration) -> Result<Found, ServiceError> {
        if !has_credential(&row) {
            return Err(ServiceError::NoCredential);
        }
        let url = self.repository_url(&row.integration)?;

        let (row, checked) = Box::pin(self.check_integration(actor, row, &url)).await;
        let result = verdict(checked.map(|report| refuse_other_repository(&row, &url, report)))?;
        let metadata = result.metadata.as_ref().filter(|_| result.success);
        let outcome = VerificationOutcome {
            status: result.status,
            error: result.error.clone(),
            credential_version: row.credential_version,
            token_expires_at: match metadata.map(|found| found.token_expires_at) {
                // It is of a token that is not stored.
                Some(_) if row.access_token.is_none() => Patch::Absent,
                Some(Some(end)) => Patch::Value(end),
                // The host has just accepted what was thought to have expired.
                Some(None) if row.integration.is_token_expired => Patch::Null,
                Some(None) | None => Patch::Absent,
            },
            provider_repository_id: metadata.map(|found| found.repository_id.clone()),
            operations: metadata.map(|found| found.operations.clone()),
        };
        Ok(Found { outcome, result })
    }

    /// Stores what a check found.
    async fn keep(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        found: Found,
    ) -> Result<Verification, ServiceError> {
        let stored = self
            .integrations
            .update_verification_status(actor, id, &found.outcome)
            .await?;
        let integration = stored.ok_or(ServiceError::NotFound)?;
        Ok(Verification {
            integration,
            result: found.result,
        })
    }

    /// Checks a credential without storing anything. Needs the role owner.
    pub async fn verify_credential(
        &self,
        caller: &Caller,
        kind: ScmType,
        repository_url: &str,
        token: &AccessToken,
        expires_at: Option<Timestamp>,
    ) -> Result<VerificationResult, ServiceError> {
        Self::scope(caller, Role::Owner)?;
        let url = input::repository(repository_url, kind, self.registry.web_hosts())
            .map_err(|error| ServiceError::Invalid(vec![error]))?;
        let known = Known {
            expires_at,
            ..Known::default()
        };
        let checked = async { self.registry.open(&url, token, known)?.check().await };
        verdict(checked.await.map(Ok).map_err(ServiceError::from))
    }

    /// Checks with the credential of an integration; once more with a renewed one if the host
    /// refuses the first. Gives the row with the credential that was checked last.
    async fn check_integration(
        &self,
        actor: &Actor,
        row: TenantScmIntegration,
        url: &RepoUrl,
    ) -> (TenantScmIntegration, Result<ConnectionReport, ServiceError>) {
        let mut ready = match self.fresh(actor, row.clone(), url).await {
            Ok(ready) => ready,
            Err(error) => return (row, Err(error)),
        };
        let open = if is_in_background(actor) {
            Registry::open_in_background
        } else {
            Registry::open
        };
        let check = async |ready: &Ready| {
            let provider = open(&self.registry, url, &ready.token, ready.known())?;
            provider.check().await
        };
        let mut checked = check(&ready).await;
        if checked.as_ref().is_err_and(is_refusal) {
            match self.after_refusal(actor, &ready, url).await {
                Ok(Some(next)) => {
                    checked = check(&next).await;
                    if checked.as_ref().is_err_and(is_refusal) {
                        self.refused_again(&next).await;
                    }
                    ready = next;
                }
                Ok(None) => {}
                Err(error) => return (ready.row, Err(error)),
            }
        }
        (ready.row, checked.map_err(ServiceError::from))
    }
}

/// Of a check that came to no answer nothing is known, whatever kept it from one.
async fn note_no_result(noting: Noting, error: &ServiceError) {
    let outcome = match error {
        ServiceError::Provider(_) => AuditOutcome::Unknown,
        _ => AuditOutcome::Failed,
    };
    noting.not_done(outcome, error.code().as_str()).await;
}

/// A reason of our own to call a connection INVALID, although the host let us in.
type Refusal = (String, ConnectionReport);

/// The report, unless it speaks of another repository than the one that was connected.
fn refuse_other_repository(
    row: &TenantScmIntegration,
    url: &RepoUrl,
    report: ConnectionReport,
) -> Result<ConnectionReport, Box<Refusal>> {
    let found = &report.repository.id;
    if row
        .provider_repository_id
        .as_ref()
        .is_some_and(|known| known != found)
    {
        let text = "The repository at this URL is not the one that was connected: it was deleted \
                    and made anew, or the name was taken over. Delete the integration and create \
                    it again if the new repository is the right one";
        return Err(Box::new((text.to_owned(), report)));
    }
    let given = row.integration.gitlab_project_id.as_deref();
    if url.kind() == HostKind::Gitlab && given.is_some_and(|id| input::is_number(id) && id != found)
    {
        let text = "gitlabProjectId names another project than repositoryUrl";
        return Err(Box::new((text.to_owned(), report)));
    }
    Ok(report)
}

/// A definite result, or the error of a check that came to none.
fn verdict(
    checked: Result<Result<ConnectionReport, Box<Refusal>>, ServiceError>,
) -> Result<VerificationResult, ServiceError> {
    let (status, error, metadata) = match checked {
        Ok(Ok(report)) => (VerificationStatus::Valid, None, Some(report)),
        Ok(Err(refusal)) => (
            VerificationStatus::Invalid,
            Some(refusal.0),
            Some(refusal.1),
        ),
        Err(
            error @ (ServiceError::CredentialExpired { .. }
            | ServiceError::Provider(ProviderError::TokenExpired { .. })),
        ) => (VerificationStatus::Expired, Some(error.to_string()), None),
        Err(ServiceError::Provider(error)) if error.is_definite() => {
            (VerificationStatus::Invalid, Some(error.to_string()), None)
        }
        Err(error) => return Err(error),
    };
    Ok(VerificationResult {
        success: status == VerificationStatus::Valid,
        status,
        error,
        metadata: metadata.map(VerificationMetadata::from),
    })
}
