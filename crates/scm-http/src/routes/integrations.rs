//! The rows: list, create, read, change, delete.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header::ETAG, web};
use scm_service::{FieldError, ServiceError};
use scm_types::{
    AccessToken, AccountId, BranchName, Caller, CreateScmIntegrationDto, DisplayName,
    IntegrationId, PageRequest, Patch, RefreshToken, SafeScmIntegration, ScmIntegrationFilters,
    ScmType, TenantId, Timestamp, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::{
    ApiError,
    auth::{Known, State},
    body::Fields,
    envelope::Envelope,
    etag::{etag, not_modified, precondition},
    query::{Query, boolean, limit},
};

/// Columns of a row that no request can change.
pub(crate) const IMMUTABLE: &[&str] = &[
    "id",
    "tenantId",
    "scmType",
    "repositoryUrl",
    "githubOrganization",
    "githubRepository",
    "githubInstallationId",
    "gitlabProjectId",
    "gitlabGroupId",
    "bitbucketWorkspace",
    "bitbucketRepository",
    "webhookId",
    "webhookUrl",
    "webhookSecret",
    "verificationStatus",
    "lastVerifiedAt",
    "verificationError",
    "createdByAccountId",
    "createdAt",
    "updatedAt",
    "hasValidToken",
    "isTokenExpired",
];

/// The row that a path names. A text that cannot be an id names no row.
pub(crate) fn id(request: &HttpRequest) -> Result<IntegrationId, ApiError> {
    let raw = request.match_info().get("id").unwrap_or_default();
    IntegrationId::parse(raw).map_err(|_| ServiceError::NotFound.into())
}

/// An answer with a row, its state as `ETag`.
pub(crate) fn with_etag(
    mut answer: HttpResponseBuilder,
    row: &SafeScmIntegration,
) -> HttpResponseBuilder {
    answer.insert_header((ETAG, etag(row)));
    answer
}

/// `GET /`
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let mut query = Query::of(&request)?;
    let filters = ScmIntegrationFilters {
        tenant_id: query.get("tenantId", |raw| TenantId::parse(raw)),
        scm_type: query.get("scmType", str::parse::<ScmType>),
        is_active: query.get("isActive", boolean),
        verification_status: query.get("verificationStatus", str::parse::<VerificationStatus>),
        expiring_before: query.get("expiringBefore", Timestamp::parse),
    };
    let page = PageRequest {
        limit: query.get("limit", limit).unwrap_or_default(),
        after: query.get("cursor", str::parse),
    };
    query.finish()?;
    let page = state.services.list(&caller.0, &filters, &page).await?;
    let mut envelope = Envelope::of(&page.items);
    envelope.count = Some(page.items.len());
    envelope.next_cursor = page.next.as_ref().map(ToString::to_string);
    Ok(HttpResponse::Ok().json(envelope))
}

/// `POST /`
pub(crate) async fn create(
    caller: Known,
    body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let dto = new_integration(body, &caller.0)?;
    let row = state.services.create(&caller.0, dto).await?;
    let envelope = Envelope::of(&row).message("SCM integration created successfully");
    Ok(with_etag(HttpResponse::Created(), &row).json(envelope))
}

/// What `POST /` reads from its body. A member of a tenant need not name the tenant: its credential
/// does. For who takes the same object in another way.
pub fn new_integration(
    mut body: Fields,
    caller: &Caller,
) -> Result<CreateScmIntegrationDto, ApiError> {
    let own_tenant = match caller.scope() {
        scm_types::TenantScope::Tenant(tenant) => Some(tenant),
        scm_types::TenantScope::Platform => None,
    };
    let mut missing: Vec<_> = ["tenantId", "scmType", "repositoryUrl", "accessToken"]
        .into_iter()
        .filter(|field| body.is_missing(field))
        .collect();
    missing.retain(|field| *field != "tenantId" || own_tenant.is_none());
    // With an installation of a GitHub App the token may be absent; whether one is configured is
    // the service's to say.
    missing.retain(|field| *field != "accessToken" || body.is_missing("githubInstallationId"));
    if !missing.is_empty() {
        let details = missing
            .into_iter()
            .map(|field| FieldError::new(field, "is required"));
        return Err(ServiceError::MissingRequired(details.collect()).into());
    }
    let tenant_id = body.text("tenantId", TenantId::parse).or(own_tenant);
    let scm_type = body.text("scmType", |raw| raw.parse::<ScmType>());
    let repository_url = body.text("repositoryUrl", Ok::<_, String>);
    let display_name = body.text("displayName", |raw| DisplayName::parse(&raw));
    let mut column = |field| body.text(field, column);
    let github_organization = column("githubOrganization");
    let github_repository = column("githubRepository");
    let github_installation_id = column("githubInstallationId");
    let gitlab_project_id = column("gitlabProjectId");
    let gitlab_group_id = column("gitlabGroupId");
    let bitbucket_workspace = column("bitbucketWorkspace");
    let bitbucket_repository = column("bitbucketRepository");
    let default_branch = body.text("defaultBranch", |raw| BranchName::parse(&raw));
    let access_token = body.text("accessToken", AccessToken::parse);
    let refresh_token = body.text("refreshToken", RefreshToken::parse);
    let token_expires_at = body.text("tokenExpiresAt", |raw| Timestamp::parse(&raw));
    let auto_rotate = match body.bool_patch("autoRotate") {
        Patch::Value(wanted) => wanted,
        Patch::Absent => false,
        // As in a change: nothing is erased by it.
        Patch::Null => {
            body.refuse("autoRotate", "must be true or false");
            false
        }
    };
    let created_by_account_id = body.text("createdByAccountId", AccountId::parse);
    let (Some(tenant_id), Some(scm_type), Some(repository_url)) =
        (tenant_id, scm_type, repository_url)
    else {
        // Neither missing nor understood: `finish` knows why.
        body.finish(&[])?;
        return Err(ServiceError::MissingRequired(Vec::new()).into());
    };
    body.finish(&[])?;
    Ok(CreateScmIntegrationDto {
        tenant_id,
        scm_type,
        display_name,
        github_organization,
        github_repository,
        github_installation_id,
        gitlab_project_id,
        gitlab_group_id,
        bitbucket_workspace,
        bitbucket_repository,
        repository_url,
        default_branch,
        access_token,
        refresh_token,
        token_expires_at,
        auto_rotate,
        created_by_account_id,
    })
}

/// A provider column as it was given; the service compares it with the URL.
fn column(raw: String) -> Result<String, &'static str> {
    if raw.is_empty() {
        Err("must not be empty")
    } else if raw.chars().any(char::is_control) {
        Err("must not contain control characters")
    } else {
        Ok(raw)
    }
}

/// `GET /{id}`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let row = state.services.get(&caller.0, &id).await?;
    if not_modified(&request, &etag(&row)) {
        return Ok(with_etag(HttpResponse::NotModified(), &row).finish());
    }
    Ok(with_etag(HttpResponse::Ok(), &row).json(Envelope::of(&row)))
}

/// `PATCH /{id}`
pub(crate) async fn update(
    caller: Known,
    body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let changes = changes(body)?;
    let condition = precondition(&request);
    let row = state
        .services
        .update(&caller.0, &id, &changes, condition.as_ref())
        .await?;
    let envelope = Envelope::of(&row).message("SCM integration updated successfully");
    Ok(with_etag(HttpResponse::Ok(), &row).json(envelope))
}

/// What `PATCH /{id}` reads from its body.
pub fn changes(mut body: Fields) -> Result<UpdateScmIntegrationDto, ApiError> {
    let changes = UpdateScmIntegrationDto {
        display_name: body.text_patch("displayName", |raw| DisplayName::parse(&raw)),
        default_branch: body.text_patch("defaultBranch", |raw| BranchName::parse(&raw)),
        access_token: body.text_patch("accessToken", AccessToken::parse),
        refresh_token: body.text_patch("refreshToken", RefreshToken::parse),
        token_expires_at: body.text_patch("tokenExpiresAt", |raw| Timestamp::parse(&raw)),
        auto_rotate: body.bool_patch("autoRotate"),
        is_active: body.bool_patch("isActive"),
    };
    body.finish(IMMUTABLE)?;
    Ok(changes)
}

/// `DELETE /{id}`
pub(crate) async fn delete(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let hard = query.get("hard", boolean).unwrap_or(false);
    query.finish()?;
    let condition = precondition(&request);
    state
        .services
        .delete(&caller.0, &id, hard, condition.as_ref())
        .await?;
    let envelope = Envelope::<()>::empty().message("SCM integration deleted successfully");
    Ok(HttpResponse::Ok().json(envelope))
}
