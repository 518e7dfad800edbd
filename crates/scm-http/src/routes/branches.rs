//! Branches: list, read, make.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::{ListRequest, NewBranch};
use scm_types::{BranchName, CommitSha, RefSearch, RefSpec};

use crate::{
    ApiError,
    auth::{Known, State},
    body::Fields,
    envelope::Envelope,
    path,
    query::{Query, limit},
    routes::{ensured, integrations::id, there},
};

/// `GET /{id}/branches`
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let wanted = ListRequest {
        search: query.get("search", RefSearch::parse),
        limit: query.get("limit", limit).unwrap_or_default(),
        after: query.get("cursor", str::parse),
    };
    query.finish()?;
    let part = state.services.branches(&caller.0, &id, &wanted).await?;
    let mut envelope = Envelope::of(&part.items);
    envelope.count = Some(part.items.len());
    envelope.next_cursor = part.next.as_ref().map(ToString::to_string);
    Ok(HttpResponse::Ok().json(envelope))
}

/// `GET /{id}/branches/{name}`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let name = path::branch(&request)?;
    Query::of(&request)?.finish()?;
    let branch = state.services.branch(&caller.0, &id, &name).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&branch)))
}

/// `POST /{id}/branches`
pub(crate) async fn create(
    caller: Known,
    mut body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let name = body.required_text("name", |raw| BranchName::parse(&raw));
    let from = body.required_text("from", |raw| RefSpec::parse(&raw));
    let expected_sha = body.text("expectedSha", |raw| CommitSha::parse(&raw));
    body.finish(&[])?;
    let new = NewBranch {
        name: there(name)?,
        from: there(from)?,
        expected_sha,
    };
    let made = state.services.create_branch(&caller.0, &id, &new).await?;
    Ok(ensured(&made, "Branch created", "Branch exists already"))
}
