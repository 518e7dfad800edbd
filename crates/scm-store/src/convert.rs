//! Rows of `tenant_scm_integrations` to domain types, column by column, so that a value that makes
//! no sense is told with its row and column: [`StoreError::Corrupt`].

use scm_types::{
    AccessToken, AccountId, IntegrationId, OperationReport, PageCursor, Purpose, RefreshToken,
    RowVersion, SafeScmIntegration, ScmType, TenantId, TenantScmIntegration, Timestamp,
    VerificationStatus, WebhookSecret, without_userinfo,
};
use sea_orm::{
    ColumnTrait, EntityTrait, IdenStatic, QueryResult, QuerySelect, Select, TryGetable,
    prelude::DateTimeUtc,
};

use crate::{
    Cipher, SecretPlace, StoreError,
    entity::tenant_scm_integration::{Column, Entity, TABLE},
};

/// Every column that may leave the process.
const SAFE: [Column; 26] = [
    Column::Id,
    Column::TenantId,
    Column::ScmType,
    Column::DisplayName,
    Column::GithubOrganization,
    Column::GithubRepository,
    Column::GithubInstallationId,
    Column::GitlabProjectId,
    Column::GitlabGroupId,
    Column::BitbucketWorkspace,
    Column::BitbucketRepository,
    Column::RepositoryUrl,
    Column::DefaultBranch,
    Column::TokenExpiresAt,
    Column::AutoRotate,
    Column::WebhookId,
    Column::WebhookUrl,
    Column::IsActive,
    Column::VerificationStatus,
    Column::LastVerifiedAt,
    Column::VerificationError,
    Column::CreatedByAccountId,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::Version,
    Column::DeletedAt,
];

/// What is read in place of the token: whether there is one.
const HAS_TOKEN: &str = "hasToken";

/// Selects what `Row::safe` reads. The secrets stay in the database.
pub(crate) fn select_safe() -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns(SAFE)
        .expr_as(Column::AccessToken.is_not_null(), HAS_TOKEN)
}

/// Selects what `Row::opened` reads.
pub(crate) fn select_with_secrets() -> Select<Entity> {
    select_safe().columns([
        Column::AccessToken,
        Column::RefreshToken,
        Column::WebhookSecret,
        Column::ProviderRepositoryId,
        Column::CredentialVersion,
        Column::Capabilities,
        Column::TokenIssuedAt,
    ])
}

/// What a row is seen with.
pub(crate) struct View<'a> {
    /// Decides whether the token has expired.
    pub(crate) now: Timestamp,
    /// Whether there is an App to read the repository at this URL with.
    pub(crate) has_app: &'a (dyn Fn(&str) -> bool + Send + Sync),
}

/// One row while it is read.
pub(crate) struct Row<'a> {
    row: &'a QueryResult,
    id: IntegrationId,
}

impl<'a> Row<'a> {
    pub(crate) fn new(row: &'a QueryResult) -> Result<Self, StoreError> {
        let corrupt = |id| StoreError::Corrupt {
            table: TABLE,
            column: "id",
            id,
        };
        let raw: String = row
            .try_get("", "id")
            .map_err(|_| corrupt("(unreadable)".to_owned()))?;
        let id = IntegrationId::parse(raw.as_str()).map_err(|_| corrupt(raw))?;
        Ok(Self { row, id })
    }

    /// A column of text as it is stored.
    pub(crate) fn text(&self, column: Column) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    pub(crate) fn id(&self) -> &IntegrationId {
        &self.id
    }

    pub(crate) fn into_id(self) -> IntegrationId {
        self.id
    }

    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt {
            table: TABLE,
            column,
            id: self.id.to_string(),
        }
    }

    pub(crate) fn get<T: TryGetable>(&self, column: Column) -> Result<T, StoreError> {
        let column = column.as_str();
        self.row
            .try_get("", column)
            .map_err(|_| self.corrupt(column))
    }

    fn parse<T, E>(
        &self,
        column: Column,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.get(column)?).map_err(|_| self.corrupt(column.as_str()))
    }

    pub(crate) fn time(&self, column: Column) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<DateTimeUtc>>(column)?.map(Into::into))
    }

    /// Where the row stands in a list.
    pub(crate) fn place(&self) -> Result<PageCursor, StoreError> {
        Ok(PageCursor {
            created_at: self.required_time(Column::CreatedAt)?,
            id: self.id.clone(),
        })
    }

    fn required_time(&self, column: Column) -> Result<Timestamp, StoreError> {
        Ok(self.get::<DateTimeUtc>(column)?.into())
    }

    pub(crate) fn is_deleted(&self) -> Result<bool, StoreError> {
        Ok(self.time(Column::DeletedAt)?.is_some())
    }

    pub(crate) fn has_token(&self) -> Result<bool, StoreError> {
        self.row
            .try_get("", HAS_TOKEN)
            .map_err(|_| self.corrupt(Column::AccessToken.as_str()))
    }

    pub(crate) fn version(&self) -> Result<RowVersion, StoreError> {
        Ok(RowVersion {
            number: self.get(Column::Version)?,
            updated_at: self.required_time(Column::UpdatedAt)?,
        })
    }

    pub(crate) fn tenant(&self) -> Result<TenantId, StoreError> {
        self.parse(Column::TenantId, TenantId::parse)
    }

    /// Whether there is something to present to the host: a stored token, or an installation of an
    /// App, which a deleted row must not use any more.
    fn has_credential(&self, view: &View<'_>) -> Result<bool, StoreError> {
        if self.has_token()? {
            return Ok(true);
        }
        let installation: Option<String> = self.get(Column::GithubInstallationId)?;
        if installation.is_none() || self.is_deleted()? {
            return Ok(false);
        }
        Ok((view.has_app)(&self.get::<String>(Column::RepositoryUrl)?))
    }

    /// The row as it may leave the process.
    pub(crate) fn safe(&self, view: &View<'_>) -> Result<SafeScmIntegration, StoreError> {
        let token_expires_at = self.time(Column::TokenExpiresAt)?;
        let verification_status: VerificationStatus =
            self.parse(Column::VerificationStatus, |raw| raw.parse())?;
        let token = TokenState::of(token_expires_at, verification_status, view.now);
        Ok(SafeScmIntegration {
            id: self.id.clone(),
            tenant_id: self.tenant()?,
            scm_type: self.parse(Column::ScmType, |raw| raw.parse::<ScmType>())?,
            display_name: self.get(Column::DisplayName)?,
            github_organization: self.get(Column::GithubOrganization)?,
            github_repository: self.get(Column::GithubRepository)?,
            github_installation_id: self.get(Column::GithubInstallationId)?,
            gitlab_project_id: self.get(Column::GitlabProjectId)?,
            gitlab_group_id: self.get(Column::GitlabGroupId)?,
            bitbucket_workspace: self.get(Column::BitbucketWorkspace)?,
            bitbucket_repository: self.get(Column::BitbucketRepository)?,
            // An old writer may have stored a password in it.
            repository_url: without_userinfo(&self.get::<String>(Column::RepositoryUrl)?)
                .into_owned(),
            default_branch: self.get(Column::DefaultBranch)?,
            token_expires_at,
            auto_rotate: self.get(Column::AutoRotate)?,
            webhook_id: self.get(Column::WebhookId)?,
            webhook_url: self.get(Column::WebhookUrl)?,
            is_active: self.get(Column::IsActive)?,
            verification_status,
            last_verified_at: self.time(Column::LastVerifiedAt)?,
            verification_error: self.get(Column::VerificationError)?,
            created_by_account_id: self.parse(Column::CreatedByAccountId, AccountId::parse)?,
            created_at: self.required_time(Column::CreatedAt)?,
            updated_at: self.required_time(Column::UpdatedAt)?,
            has_valid_token: token.usable && self.has_credential(view)?,
            is_token_expired: token.expired,
            version: self.version()?,
        })
    }

    /// The row with its secrets opened. Fails with [`StoreError::Unreadable`] if one does not open.
    pub(crate) fn opened(
        &self,
        cipher: &Cipher,
        view: &View<'_>,
        purpose: Purpose,
    ) -> Result<TenantScmIntegration, StoreError> {
        let integration = self.safe(view)?;
        let tenant = &integration.tenant_id;
        Ok(TenantScmIntegration {
            access_token: self.secret(cipher, tenant, Column::AccessToken, AccessToken::parse)?,
            refresh_token: self.secret(
                cipher,
                tenant,
                Column::RefreshToken,
                RefreshToken::parse,
            )?,
            webhook_secret: self.secret(
                cipher,
                tenant,
                Column::WebhookSecret,
                WebhookSecret::parse,
            )?,
            provider_repository_id: self.get(Column::ProviderRepositoryId)?,
            credential_version: self.get(Column::CredentialVersion)?,
            token_issued_at: self.time(Column::TokenIssuedAt)?,
            is_deleted: self.is_deleted()?,
            opened_for: purpose,
            operations: self.operations(),
            integration,
        })
    }

    /// What the last good check found possible. It is knowledge that another check can bring back,
    /// so what cannot be read, or names an operation of a newer program, is just not known.
    fn operations(&self) -> Vec<OperationReport> {
        let stored = self.text(Column::Capabilities).ok().flatten();
        let reports: Vec<serde_json::Value> = stored
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default();
        reports
            .into_iter()
            .filter_map(|report| serde_json::from_value(report).ok())
            .collect()
    }

    pub(crate) fn secret<T, E>(
        &self,
        cipher: &Cipher,
        tenant: &TenantId,
        column: Column,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        let Some(sealed) = self.get::<Option<String>>(column)? else {
            return Ok(None);
        };
        let mut opened = cipher
            .open(&place(&self.id, tenant, column), &sealed)
            .map_err(|_| StoreError::Unreadable {
                table: TABLE,
                column: column.as_str(),
                id: self.id.to_string(),
            })?;
        // The text moves into the secret, which wipes it in its turn.
        parse(std::mem::take(&mut *opened))
            .map(Some)
            .map_err(|_| self.corrupt(column.as_str()))
    }
}

/// Where a secret of an integration is stored.
pub(crate) fn place<'a>(
    id: &'a IntegrationId,
    tenant: &'a TenantId,
    column: Column,
) -> SecretPlace<'a> {
    SecretPlace {
        table: TABLE,
        column: column.as_str(),
        row: id.as_str(),
        tenant: tenant.as_str(),
    }
}

/// What expiry and the last check say about a token, if there is one.
pub(crate) struct TokenState {
    pub(crate) expired: bool,
    pub(crate) usable: bool,
}

impl TokenState {
    pub(crate) fn of(
        expires_at: Option<Timestamp>,
        status: VerificationStatus,
        now: Timestamp,
    ) -> Self {
        let expired = expires_at.is_some_and(|at| at <= now);
        let refused = match status {
            VerificationStatus::Invalid | VerificationStatus::Expired => true,
            VerificationStatus::Pending | VerificationStatus::Valid => false,
        };
        Self {
            expired,
            usable: !expired && !refused,
        }
    }
}
