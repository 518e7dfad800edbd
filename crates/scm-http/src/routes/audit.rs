//! `GET /{id}/audit`: who did what to an integration.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_types::AuditRequest;

use crate::{
    ApiError,
    auth::{Known, State},
    envelope::Envelope,
    query::{Query, limit},
    routes::integrations::id,
};

/// Newest first, for owners; also of an integration that was deleted for good.
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let mut wanted = AuditRequest::default();
    if let Some(limit) = query.get("limit", limit) {
        wanted.limit = limit;
    }
    wanted.after = query.get("cursor", str::parse);
    query.finish()?;
    let page = state.services.audit(&caller.0, &id, &wanted).await?;
    let mut envelope = Envelope::of(&page.items);
    envelope.count = Some(page.items.len());
    envelope.next_cursor = page.next.map(|next| next.to_string());
    Ok(HttpResponse::Ok().json(envelope))
}
