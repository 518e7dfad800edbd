//! Web addresses.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::UrlRequest;
use scm_types::{BranchName, CommitSha, RefSpec, TagName};

use crate::{
    ApiError,
    auth::{Known, State},
    envelope::Envelope,
    query::Query,
    routes::integrations::id,
};

/// `GET /{id}/urls`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    for (one, other) in [("base", "head"), ("head", "base")] {
        if query.has(one) && !query.has(other) {
            query.refuse(other, format!("is required with {one}"));
        }
    }
    let branch = query.get("branch", BranchName::parse);
    let tag = query.get("tag", TagName::parse);
    let commit = query.get("commit", CommitSha::parse);
    let base = query.get("base", RefSpec::parse);
    let head = query.get("head", RefSpec::parse);
    query.finish()?;
    let wanted = UrlRequest {
        branch,
        tag,
        commit,
        compare: base.zip(head),
    };
    let urls = state.services.urls(&caller.0, &id, &wanted).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&urls)))
}
