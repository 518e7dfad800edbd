//! The handlers; each takes the caller first, who has been found to be of the path's tenant.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::{ListRequest, ServiceError};
use scm_types::RefSearch;

use super::{
    At, Opens, answer,
    body::{Given, Needs},
    connect::{Desk, Done},
};
use crate::{
    ApiError, Fields,
    auth::{Known, State},
    etag::{etag, not_modified, precondition},
    failure::Form,
    query::{Query, boolean, limit},
    routes::with_etag,
};

fn opens(request: &HttpRequest) -> Option<super::PanelKey> {
    request
        .app_data::<Opens>()
        .and_then(|Opens(key)| key.clone())
}

fn desk<'a>(state: &'a State, caller: &'a Known, at: &'a At) -> Desk<'a> {
    Desk {
        services: &state.services,
        caller: &caller.0,
        tenant: &at.tenant,
    }
}

/// `GET /integrations/scm/providers`
pub(super) async fn providers(
    _caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    Ok(answer::providers(&state.services.providers()))
}

/// `GET …/{provider}`
pub(super) async fn get(
    caller: Known,
    at: At,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let row = desk(&state, &caller, &at).current(at.product).await?;
    if not_modified(&request, &etag(&row)) {
        return Ok(with_etag(HttpResponse::NotModified(), &row).finish());
    }
    Ok(answer::integration(
        &state.services,
        &row,
        HttpResponse::Ok(),
        None,
    ))
}

/// `POST …/{provider}`
pub(super) async fn create(
    caller: Known,
    at: At,
    body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let kind = at.kind()?;
    let mut given = Given::read(body, &at, Needs::All, opens(&request).as_ref())?;
    let desk = desk(&state, &caller, &at);
    let url = given.repository(desk.services, kind, None)?;
    let (Some(url), Some(token)) = (url, given.token.take()) else {
        return Err(ServiceError::invalid("accessToken", "is required").into());
    };
    let done = desk.connect(kind, &url, token, given).await?;
    Ok(told(&state, &at, done, &request, false))
}

/// `PATCH …/{provider}`
pub(super) async fn update(
    caller: Known,
    at: At,
    body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let kind = at.kind()?;
    let mut given = Given::read(body, &at, Needs::Nothing, opens(&request).as_ref())?;
    let desk = desk(&state, &caller, &at);
    let row = desk.current(Some(kind)).await?;
    if given
        .integration_id
        .as_deref()
        .is_some_and(|id| id != row.id.as_str())
    {
        let text = "is not that of this integration; it cannot be changed";
        return Err(ServiceError::invalid("integrationId", text).into());
    }
    let condition = precondition(&request);
    let Some(url) = given.repository(desk.services, kind, Some(&row))? else {
        let done = desk.change(&row, given, condition.as_ref()).await?;
        return Ok(told(&state, &at, done, &request, true));
    };
    let Some(token) = given.token.take() else {
        let text = "is required for another repository";
        return Err(ServiceError::invalid("accessToken", text).into());
    };
    if condition.is_some_and(|condition| !condition.0.contains(&row.version)) {
        return Err(ServiceError::VersionMismatch.into());
    }
    let done = desk.connect(kind, &url, token, given).await?;
    Ok(told(&state, &at, done, &request, true))
}

/// The answer to a change. The panel is told that a PATCH has updated, also where another repository
/// took the place.
fn told(state: &State, at: &At, done: Done, request: &HttpRequest, patched: bool) -> HttpResponse {
    let label = at.product.map_or("SCM", scm_types::ScmType::label);
    let (row, made) = match done {
        Done::Refused(check) => return answer::refused(&check, Form::asked_by(request)),
        Done::Created(row) => (row, !patched),
        Done::Updated(row) => (row, false),
    };
    let (answer, what) = if made {
        (HttpResponse::Created(), "created")
    } else {
        (HttpResponse::Ok(), "updated")
    };
    let message = format!("{label} integration {what} successfully");
    answer::integration(&state.services, &row, answer, Some(message))
}

/// `DELETE …/{provider}?hard=true`
pub(super) async fn delete(
    caller: Known,
    at: At,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let mut query = Query::of(&request)?;
    let hard = query.get("hard", boolean).unwrap_or(false);
    query.finish()?;
    let row = desk(&state, &caller, &at).current(Some(at.kind()?)).await?;
    let condition = precondition(&request);
    state
        .services
        .delete(&caller.0, &row.id, hard, condition.as_ref())
        .await?;
    let label = row.scm_type.label();
    let message = format!("{label} integration deleted successfully");
    Ok(answer::message(&message))
}

/// `POST …/{provider}/verify`
pub(super) async fn verify(
    caller: Known,
    at: At,
    body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let form = Form::asked_by(&request);
    Ok(match checked(&caller, &at, body, &request, &state).await {
        Ok(check) if check.success => answer::verified(&check),
        Ok(check) => answer::refused(&check, form),
        Err(error) => {
            let mut failure = error.failure();
            failure.beside.insert("verified".to_owned(), false.into());
            failure.respond(form)
        }
    })
}

async fn checked(
    caller: &Known,
    at: &At,
    body: Fields,
    request: &HttpRequest,
    state: &State,
) -> Result<scm_types::VerificationResult, ApiError> {
    let kind = at.kind()?;
    let mut given = Given::read(body, at, Needs::All, opens(request).as_ref())?;
    let url = given.repository(&state.services, kind, None)?;
    let (Some(url), Some(token)) = (url, given.token.take()) else {
        return Err(ServiceError::invalid("accessToken", "is required").into());
    };
    let services = &state.services;
    let check = services.verify_credential(&caller.0, kind, &url, &token, None);
    Ok(check.await?)
}

/// `GET …/{provider}/branches` and `GET …/branches`
pub(super) async fn branches(
    caller: Known,
    at: At,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let mut query = Query::of(&request)?;
    let wanted = ListRequest {
        search: query.get("search", RefSearch::parse),
        limit: query.get("limit", limit).unwrap_or_default(),
        after: query.get("cursor", str::parse),
    };
    query.finish()?;
    let row = desk(&state, &caller, &at).current(at.product).await?;
    let part = state.services.branches(&caller.0, &row.id, &wanted).await?;
    let next = part.next.as_ref().map(ToString::to_string);
    Ok(answer::branches(&part.items, next, &row.default_branch))
}
