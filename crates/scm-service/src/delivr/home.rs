//! The way home: a row of ours in the old server's terms.

use scm_store::delivr::{OldCell, OldTable, OldTableError, PassPhrase, Put, seal};
use scm_types::{
    AccessToken, Actor, IntegrationId, PageRequest, Purpose, RefreshToken, SafeScmIntegration,
    ScmIntegrationFilters, ScmType, ServerTask, TenantScmIntegration, TenantScope, WebhookSecret,
};

use crate::{ServiceError, Services};

/// How rows are brought home.
#[derive(Clone, Default)]
pub struct GoHome {
    /// What the old server opens secrets with; without it they are written in clear.
    pub pass_phrase: Option<PassPhrase>,
    /// Look, write nothing and open nothing.
    pub dry_run: bool,
}

/// What became of a row at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WentHome {
    /// It was not there, and is now.
    Added,
    /// It was there, and is as it is here.
    Updated,
    /// It was deleted here and is not there either: nothing was to be done.
    Nothing,
    /// It was not written, and why.
    Left(&'static str),
}

/// A row, and what became of it at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeReport {
    /// Its id, the same on both sides.
    pub id: IntegrationId,
    /// Whose it is.
    pub tenant: String,
    /// What became of it.
    pub went: WentHome,
    /// Columns of ours that hold something and that the table there lacks.
    pub left: Vec<&'static str>,
}

/// Why a row could not be brought home.
#[derive(Debug, thiserror::Error)]
pub enum GoHomeError {
    /// Here.
    #[error(transparent)]
    Here(#[from] ServiceError),
    /// There.
    #[error(transparent)]
    There(#[from] OldTableError),
}

impl Services {
    /// Writes every row into the old server's table, active ones first; `watch` is told of each. A row
    /// that was deleted here is switched off there. That secrets were opened is noted in the audit log.
    ///
    /// Can be interrupted anywhere and run again: a row that is there is written once more.
    pub async fn go_home(
        &self,
        table: &OldTable,
        how: &GoHome,
        watch: &mut (dyn FnMut(&HomeReport) + Send),
    ) -> Result<(), GoHomeError> {
        // The active one goes first: the later table takes one row of a tenant.
        for is_active in [true, false] {
            let filters = ScmIntegrationFilters {
                is_active: Some(is_active),
                ..ScmIntegrationFilters::default()
            };
            let mut page = PageRequest::default();
            loop {
                let found = self
                    .integrations
                    .find_all(&TenantScope::Platform, &filters, &page)
                    .await
                    .map_err(ServiceError::from)?;
                for row in found.items {
                    watch(&self.bring_home(table, row, how).await?);
                }
                page.after = found.next;
                if page.after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn bring_home(
        &self,
        table: &OldTable,
        row: SafeScmIntegration,
        how: &GoHome,
    ) -> Result<HomeReport, GoHomeError> {
        let (id, tenant) = (row.id.clone(), row.tenant_id.to_string());
        let report = |went, left| HomeReport {
            id: id.clone(),
            tenant: tenant.clone(),
            went,
            left,
        };
        if how.dry_run {
            let put = table.would_put(id.as_str(), &tenant, true).await?;
            return Ok(report(went(put), left(table, &row)));
        }
        let operator = Actor::server(ServerTask::Command);
        let opened = self
            .integrations
            .find_with_secrets(&operator, &id, Purpose::Export)
            .await;
        let opened = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(report(WentHome::Nothing, Vec::new())),
            Err(scm_store::StoreError::Unreadable { .. }) => {
                let why = "a secret does not open; scm-server doctor tells more";
                return Ok(report(WentHome::Left(why), Vec::new()));
            }
            Err(error) => return Err(ServiceError::from(error).into()),
        };
        if opened.is_deleted {
            let off = vec![("isActive", OldCell::Flag(false))];
            let put = table.put(id.as_str(), &tenant, off, false).await?;
            return Ok(report(went(put), Vec::new()));
        }
        let mut left = left(table, &row);
        if opened.refresh_token.is_some() && !table.has("refreshToken") {
            left.push("refreshToken");
        }
        let phrase = how.pass_phrase.clone();
        // Sealing a value takes as long as many requests.
        let cells = tokio::task::spawn_blocking(move || cells(&opened, phrase.as_ref()));
        let cells = match cells.await {
            Ok(Some(cells)) => cells,
            Ok(None) => return Err(ServiceError::NoRandomness.into()),
            // As if it had been done here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let put = table.put(id.as_str(), &tenant, cells, true).await?;
        Ok(report(went(put), left))
    }
}

fn went(put: Put) -> WentHome {
    match put {
        Put::Added => WentHome::Added,
        Put::Updated => WentHome::Updated,
        Put::Absent => WentHome::Nothing,
        Put::Taken => WentHome::Left("another row there has its id, its tenant or its repository"),
        Put::Refused => WentHome::Left(
            "the table there does not take it: it has no such tenant or account, a value is too \
             long, or one is missing that it wants",
        ),
    }
}

/// What a row holds that the table has no column for.
fn left(table: &OldTable, row: &SafeScmIntegration) -> Vec<&'static str> {
    let holds = [
        ("tokenExpiresAt", row.token_expires_at.is_some()),
        ("githubInstallationId", row.github_installation_id.is_some()),
        ("webhookId", row.webhook_id.is_some()),
        ("webhookUrl", row.webhook_url.is_some()),
    ];
    let left = holds
        .into_iter()
        .filter(|(column, holds)| *holds && !table.has(column));
    left.map(|(column, _)| column).collect()
}

/// Every column of either table; `None` if the system gives no random numbers.
fn cells(
    opened: &TenantScmIntegration,
    pass_phrase: Option<&PassPhrase>,
) -> Option<Vec<(&'static str, OldCell)>> {
    let secret = |secret: Option<&str>| {
        Some(OldCell::Text(match (secret, pass_phrase) {
            (None, _) => None,
            (Some(secret), Some(phrase)) => Some(seal(secret, phrase).ok()?),
            (Some(secret), None) => Some(secret.to_owned()),
        }))
    };
    let row = &opened.integration;
    let text = |text: &Option<String>| OldCell::Text(text.clone());
    let word = |text: &str| OldCell::Text(Some(text.to_owned()));
    let (owner, repo) = names(row);
    Some(vec![
        ("scmType", word(row.scm_type.as_str())),
        ("displayName", word(&row.display_name)),
        ("owner", OldCell::Text(owner)),
        ("repo", OldCell::Text(repo)),
        ("githubOrganization", text(&row.github_organization)),
        ("githubRepository", text(&row.github_repository)),
        ("githubInstallationId", text(&row.github_installation_id)),
        ("gitlabProjectId", text(&row.gitlab_project_id)),
        ("gitlabGroupId", text(&row.gitlab_group_id)),
        ("bitbucketWorkspace", text(&row.bitbucket_workspace)),
        ("bitbucketRepository", text(&row.bitbucket_repository)),
        ("repositoryUrl", word(&row.repository_url)),
        ("defaultBranch", word(&row.default_branch)),
        (
            "accessToken",
            secret(opened.access_token.as_ref().map(AccessToken::expose))?,
        ),
        (
            "refreshToken",
            secret(opened.refresh_token.as_ref().map(RefreshToken::expose))?,
        ),
        ("tokenExpiresAt", OldCell::Time(row.token_expires_at)),
        ("webhookId", text(&row.webhook_id)),
        (
            "webhookSecret",
            secret(opened.webhook_secret.as_ref().map(WebhookSecret::expose))?,
        ),
        ("webhookUrl", text(&row.webhook_url)),
        ("webhookEnabled", OldCell::Flag(row.webhook_id.is_some())),
        ("isActive", OldCell::Flag(row.is_active)),
        ("verificationStatus", word(row.verification_status.as_str())),
        ("lastVerifiedAt", OldCell::Time(row.last_verified_at)),
        ("verificationError", text(&row.verification_error)),
        (
            "createdByAccountId",
            word(row.created_by_account_id.as_str()),
        ),
        ("createdAt", OldCell::Time(Some(row.created_at))),
        ("updatedAt", OldCell::Time(Some(row.updated_at))),
    ])
}

/// Owner and name of the repository, as its stored URL has them.
fn names(row: &SafeScmIntegration) -> (Option<String>, Option<String>) {
    let path = || {
        let (_, rest) = row.repository_url.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        path.rsplit_once('/')
    };
    let pair = match row.scm_type {
        ScmType::Github => (
            row.github_organization.clone(),
            row.github_repository.clone(),
        ),
        ScmType::Bitbucket => (
            row.bitbucket_workspace.clone(),
            row.bitbucket_repository.clone(),
        ),
        // An id may stand in its columns.
        ScmType::Gitlab => (None, None),
    };
    match (pair, path()) {
        ((Some(owner), Some(repo)), _) => (Some(owner), Some(repo)),
        (_, Some((owner, repo))) => (Some(owner.to_owned()), Some(repo.to_owned())),
        (pair, None) => pair,
    }
}
