//! The audit log: reading it, and noting what is done at a code host.
//!
//! - The opening of the credential is stored before anything is sent to a host; without it nothing
//!   is sent. It names what the credential is for, so that an act of which nothing more is known
//!   can be seen to have been begun.
//! - What came of the act is noted when it is over, also when its caller goes away meanwhile.

use scm_providers::ProviderError;
use scm_store::AuditController;
use scm_types::{
    Actor, AuditAction, AuditDetail, AuditOutcome, AuditPage, AuditRecord, AuditRequest, Caller,
    IntegrationId, Role, SafeScmIntegration, TenantId,
};

use crate::{ServiceError, Services};

/// The code of an act whose caller did not wait for its end.
const CANCELLED: &str = "cancelled";

impl Services {
    /// What was done to an integration, newest first, also to one that was deleted for good. Needs
    /// the role owner.
    pub async fn audit(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        request: &AuditRequest,
    ) -> Result<AuditPage, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        self.audit
            .page(&scope, id, request)
            .await?
            .ok_or(ServiceError::NotFound)
    }

    /// An act that begins now.
    pub(crate) fn noting(
        &self,
        actor: &Actor,
        row: &SafeScmIntegration,
        action: AuditAction,
        detail: AuditDetail,
    ) -> Noting {
        Noting {
            subject: Subject {
                audit: self.audit.clone(),
                actor: actor.clone(),
                tenant: row.tenant_id.clone(),
                id: row.id.clone(),
            },
            action,
            detail,
            is_open: true,
        }
    }
}

/// Who acts on what.
#[derive(Clone)]
struct Subject {
    audit: AuditController,
    actor: Actor,
    tenant: TenantId,
    id: IntegrationId,
}

impl Subject {
    /// A row that cannot be stored does not turn what has happened into a failure: its caller would
    /// do it again. The opening of the credential stands in the log.
    async fn note(&self, record: &AuditRecord) {
        let Self {
            audit,
            actor,
            tenant,
            id,
        } = self;
        if let Err(error) = audit.note(actor, tenant, id, record).await {
            let (action, outcome) = (record.action.as_str(), record.outcome.as_str());
            tracing::error!(
                %error, %id, action, outcome,
                "what came of an act at a code host could not be noted in the audit log"
            );
        }
    }
}

/// An act at a code host that is noted however it ends.
#[must_use = "it is noted as cancelled unless it is told how it ended"]
pub(crate) struct Noting {
    subject: Subject,
    action: AuditAction,
    detail: AuditDetail,
    is_open: bool,
}

impl Noting {
    /// Notes how it ended; `facts` adds to the detail what is known of a success.
    pub(crate) async fn ended<T>(
        self,
        result: &Result<T, ServiceError>,
        facts: impl FnOnce(AuditDetail, &T) -> AuditDetail,
    ) {
        match result {
            Ok(value) => self.done(|detail| facts(detail, value)).await,
            Err(error) => {
                self.not_done(outcome_of(error), error.code().as_str())
                    .await;
            }
        }
    }

    /// Notes a success.
    pub(crate) async fn done(mut self, facts: impl FnOnce(AuditDetail) -> AuditDetail) {
        self.is_open = false;
        let detail = facts(std::mem::take(&mut self.detail));
        let record = AuditRecord::done(self.action).with(detail);
        self.subject.note(&record).await;
    }

    /// Notes that it was not done, or that nobody knows.
    pub(crate) async fn not_done(mut self, outcome: AuditOutcome, code: &'static str) {
        self.is_open = false;
        let detail = std::mem::take(&mut self.detail);
        let record = AuditRecord::not_done(self.action, outcome, code).with(detail);
        self.subject.note(&record).await;
    }

    /// Notes another act that was done along the way.
    pub(crate) async fn along(&self, record: &AuditRecord) {
        self.subject.note(record).await;
    }

    /// Noted elsewhere, with what was written of it; or there is nothing to note.
    pub(crate) fn settled(mut self) {
        self.is_open = false;
    }
}

impl Drop for Noting {
    /// Whoever asked went away in the middle: whether the host did it is not known.
    fn drop(&mut self) {
        let (true, Ok(runtime)) = (self.is_open, tokio::runtime::Handle::try_current()) else {
            return;
        };
        let (subject, action) = (self.subject.clone(), self.action);
        let detail = std::mem::take(&mut self.detail);
        runtime.spawn(async move {
            let record = AuditRecord::not_done(action, AuditOutcome::Unknown, CANCELLED);
            subject.note(&record.with(detail)).await;
        });
    }
}

/// Whether a change at a host that came to this error was not made, or whether nobody knows: a host
/// whose answer was lost may have made it.
pub(crate) fn outcome_of(error: &ServiceError) -> AuditOutcome {
    match error {
        ServiceError::Provider(ProviderError::Unavailable { .. }) => AuditOutcome::Unknown,
        _ => AuditOutcome::Failed,
    }
}
