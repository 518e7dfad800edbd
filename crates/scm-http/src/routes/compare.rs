//! Comparisons, and whether a branch has gone on since it was tagged.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_types::{BranchName, RefSpec, TagName};

use crate::{
    ApiError,
    auth::{Known, State},
    envelope::Envelope,
    query::Query,
    routes::{integrations::id, there},
};

/// `GET /{id}/compare`
pub(crate) async fn compare(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let base = query.required("base", RefSpec::parse);
    let head = query.required("head", RefSpec::parse);
    query.finish()?;
    let (base, head) = (there(base)?, there(head)?);
    let services = &state.services;
    let compared = services.compare(&caller.0, &id, &base, &head).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&compared)))
}

/// `GET /{id}/cherry-picks`
pub(crate) async fn cherry_picks(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let branch = query.required("branch", BranchName::parse);
    let tag = query.required("tag", TagName::parse);
    query.finish()?;
    let (branch, tag) = (there(branch)?, there(tag)?);
    let services = &state.services;
    let found = services.cherry_picks(&caller.0, &id, &branch, &tag).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&found)))
}
