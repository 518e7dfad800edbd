//! API keys: make, list, look at one, revoke.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::{NewApiKeyRequest, ServiceError};
use scm_types::{
    AccountId, ApiKeyCursor, ApiKeyFilter, ApiKeyId, DisplayName, Role, SafeApiKey, TenantId,
    Timestamp,
};
use serde::Serialize;

use crate::{
    ApiError,
    auth::{Known, State},
    body::{Fields, NoBody},
    envelope::Envelope,
    idempotency,
    query::{Query, limit},
    routes::there,
};

/// A key that was made, with the key itself: the only answer that holds one.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    stored: &'a SafeApiKey,
    key: &'a str,
}

/// `GET /api-keys`
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let mut query = Query::of(&request)?;
    let filter = ApiKeyFilter {
        tenant_id: query.get("tenantId", |raw| TenantId::parse(raw)),
        limit: query.get("limit", limit).unwrap_or_default(),
        after: query.get("cursor", str::parse::<ApiKeyCursor>),
    };
    query.finish()?;
    let page = state.services.api_keys(&caller.0, &filter).await?;
    let mut envelope = Envelope::of(&page.items);
    envelope.count = Some(page.items.len());
    envelope.next_cursor = page.next.as_ref().map(ToString::to_string);
    Ok(HttpResponse::Ok().json(envelope))
}

/// `POST /api-keys`
pub(crate) async fn create(
    caller: Known,
    mut body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    if request.headers().contains_key(idempotency::KEY) {
        let text = "cannot be used here: the answer holds a secret, and is not kept";
        body.refuse(idempotency::FIELD, text);
    }
    let tenant_id = body.text("tenantId", TenantId::parse);
    let role = body.required_text("role", |raw| role(&raw));
    let name = body.required_text("name", |raw| DisplayName::parse(&raw));
    let account_id = body.text("accountId", AccountId::parse);
    let expires_at = body.text("expiresAt", |raw| Timestamp::parse(&raw));
    body.finish(&[])?;
    let wanted = NewApiKeyRequest {
        tenant_id,
        role: there(role)?,
        name: there(name)?,
        account_id,
        expires_at,
    };
    let made = state.services.create_api_key(&caller.0, wanted).await?;
    let shown = Made {
        stored: &made.key,
        key: made.secret.expose(),
    };
    let envelope = Envelope::of(&shown).message("API key created; it is shown this once");
    Ok(HttpResponse::Created().json(envelope))
}

/// `GET /api-keys/{key}`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = key(&request)?;
    Query::of(&request)?.finish()?;
    let key = state.services.api_key(&caller.0, &id).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&key)))
}

/// `DELETE /api-keys/{key}`
pub(crate) async fn revoke(
    caller: Known,
    _: NoBody,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = key(&request)?;
    Query::of(&request)?.finish()?;
    let key = state.services.revoke_api_key(&caller.0, &id).await?;
    let envelope = Envelope::of(&key).message("API key revoked");
    Ok(HttpResponse::Ok().json(envelope))
}

/// The key that a path names. A text that cannot be an id names none.
fn key(request: &HttpRequest) -> Result<ApiKeyId, ApiError> {
    let raw = request.match_info().get("key").unwrap_or_default();
    ApiKeyId::parse(raw).map_err(|_| ServiceError::UnknownApiKey.into())
}

/// A role in a tenant; `None` for the platform.
fn role(raw: &str) -> Result<Option<Role>, &'static str> {
    if raw == "platform" {
        return Ok(None);
    }
    let role = raw.parse().map(Some);
    role.map_err(|_| "must be viewer, editor, owner or platform")
}
