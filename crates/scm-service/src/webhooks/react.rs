//! What deliveries change of the integration that they are for.
//!
//! Each of these can be done twice: the delivery is settled afterwards, and a process that dies in
//! between leaves it to another.

use scm_store::StoreError;
use scm_types::{
    Actor, BranchName, EventKind, IntegrationId, Patch, ScmEvent, ServerTask,
    UpdateScmIntegrationDto,
};

use super::place::{Place, moved};
use crate::{ServiceError, Services};

impl Services {
    /// Takes over what the events say, and adds an event for what they only show. Gives a word for
    /// what could not be taken over.
    pub(super) async fn react(
        &self,
        place: &Place<'_>,
        events: &mut Vec<ScmEvent>,
    ) -> Result<Option<&'static str>, ServiceError> {
        notice_move(place, events);
        let mut note = None;
        for event in events.iter() {
            let found = match &event.kind {
                EventKind::DefaultBranchChanged { new, .. } => {
                    self.follow_default_branch(place, new).await?
                }
                EventKind::InstallationSuspended { installation_id } => {
                    let reason = "The installation of the GitHub App was suspended; its tokens are \
                                  refused until it is resumed at GitHub";
                    self.follow_installation(place, installation_id, reason)
                        .await?
                }
                EventKind::InstallationDeleted { installation_id } => {
                    let reason = "The installation of the GitHub App was removed; install it again, \
                                  or store a token";
                    self.follow_installation(place, installation_id, reason)
                        .await?
                }
                EventKind::WebhookRemoved { webhook_id } => {
                    self.follow_webhook(place, webhook_id.as_deref()).await?
                }
                kind => match moved(kind) {
                    Some(moved) => self.follow_repository(place, &moved.new_path).await?,
                    None => None,
                },
            };
            note = note.or(found);
        }
        Ok(note)
    }

    async fn follow_repository(
        &self,
        place: &Place<'_>,
        path: &str,
    ) -> Result<Option<&'static str>, ServiceError> {
        let Some(to) = place.moved_to(path, self.registry.web_hosts()) else {
            return Ok(Some("new_path_unusable"));
        };
        if to.to == place.url {
            return Ok(None);
        }
        let id = &place.target.integration.id;
        let by = Actor::server(ServerTask::Delivery);
        match self.integrations.move_repository(&by, id, &to).await {
            Ok(_) => Ok(None),
            Err(StoreError::Conflict) => Ok(Some("repository_taken")),
            Err(StoreError::DoesNotFit { .. }) => Ok(Some("new_path_unusable")),
            Err(error) => Err(error.into()),
        }
    }

    async fn follow_default_branch(
        &self,
        place: &Place<'_>,
        branch: &str,
    ) -> Result<Option<&'static str>, ServiceError> {
        let row = &place.target.integration;
        let Ok(branch) = BranchName::parse(branch) else {
            return Ok(Some("new_branch_unusable"));
        };
        if row.default_branch == branch.as_str() {
            return Ok(None);
        }
        let changes = UpdateScmIntegrationDto {
            default_branch: Patch::Value(branch),
            ..Default::default()
        };
        let by = Actor::server(ServerTask::Delivery);
        match self.integrations.update(&by, &row.id, &changes, None).await {
            // Deleted meanwhile.
            Ok(_) | Err(StoreError::Deleted) => Ok(None),
            Err(StoreError::DoesNotFit { .. }) => Ok(Some("new_branch_unusable")),
            Err(error) => Err(error.into()),
        }
    }

    async fn follow_installation(
        &self,
        place: &Place<'_>,
        installation: &str,
        reason: &str,
    ) -> Result<Option<&'static str>, ServiceError> {
        let id: &IntegrationId = &place.target.integration.id;
        let by = Actor::server(ServerTask::Delivery);
        let lost = self
            .integrations
            .lose_installation(&by, id, installation, reason)
            .await?;
        Ok((!lost).then_some("other_installation"))
    }

    async fn follow_webhook(
        &self,
        place: &Place<'_>,
        webhook: Option<&str>,
    ) -> Result<Option<&'static str>, ServiceError> {
        let id = &place.target.integration.id;
        let by = Actor::server(ServerTask::Delivery);
        let lost = match webhook {
            Some(webhook) => self.integrations.lose_webhook(&by, id, webhook).await?,
            None => false,
        };
        self.webhook_changed(id).await;
        Ok((!lost).then_some("other_webhook"))
    }
}

/// Puts an event first that tells of a move which the others only show.
fn notice_move(place: &Place<'_>, events: &mut Vec<ScmEvent>) {
    // Without the host's id of it, another path is another repository.
    if place.target.provider_repository_id.is_none()
        || events.iter().any(|event| {
            moved(&event.kind).is_some() || matches!(event.kind, EventKind::RepositoryDeleted)
        })
    {
        return;
    }
    let shown = events.iter().find_map(|event| {
        let kind = place.unnoticed(event.repository.as_ref()?)?;
        Some(ScmEvent {
            kind,
            repository: event.repository.clone(),
            actor: None,
            reconciled: false,
        })
    });
    if let Some(shown) = shown {
        events.insert(0, shown);
    }
}
