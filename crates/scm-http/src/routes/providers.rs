//! `GET /providers`: which hosts are configured and what credentials they take.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::{
    ApiError,
    auth::{Known, State},
    envelope::Envelope,
    query::Query,
};

/// The configured hosts; the same for every caller.
pub(crate) async fn list(
    _caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let providers = state.services.providers();
    let mut envelope = Envelope::of(&providers);
    envelope.count = Some(providers.len());
    Ok(HttpResponse::Ok().json(envelope))
}
