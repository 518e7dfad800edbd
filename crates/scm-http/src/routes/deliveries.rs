//! Deliveries of an integration's webhook: list, look at one, process again.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::DeliveryFilter;
use scm_types::{DeliveryState, Timestamp};
use serde::Serialize;

use crate::{
    ApiError,
    auth::{Known, State},
    body::{Fields, NoBody},
    envelope::Envelope,
    query::{Query, limit},
    routes::{integrations::id, there},
};

#[derive(Serialize)]
struct Replayed {
    replayed: u64,
}

/// `GET /{id}/deliveries`
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let filter = DeliveryFilter {
        state: query.get("state", str::parse::<DeliveryState>),
        limit: query.get("limit", limit).unwrap_or_default(),
        after: query.get("cursor", str::parse),
    };
    query.finish()?;
    let page = state.services.deliveries(&caller.0, &id, &filter).await?;
    let mut envelope = Envelope::of(&page.items);
    envelope.count = Some(page.items.len());
    envelope.next_cursor = page.next.as_ref().map(ToString::to_string);
    Ok(HttpResponse::Ok().json(envelope))
}

/// `GET /{id}/deliveries/{delivery}`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let delivery = delivery(&request);
    let delivery = state.services.delivery(&caller.0, &id, delivery).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&delivery)))
}

/// `POST /{id}/deliveries/{delivery}/replay`
pub(crate) async fn replay(
    caller: Known,
    _: NoBody,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let delivery = delivery(&request);
    let services = &state.services;
    services.replay_delivery(&caller.0, &id, delivery).await?;
    let envelope = Envelope::of(Replayed { replayed: 1 }).message(REPLAYED);
    Ok(HttpResponse::Accepted().json(envelope))
}

/// `POST /{id}/deliveries/replay`
pub(crate) async fn replay_dead(
    caller: Known,
    mut body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let since = body.required_text("since", |raw| Timestamp::parse(&raw));
    body.finish(&[])?;
    let services = &state.services;
    let replayed = services
        .replay_dead_deliveries(&caller.0, &id, there(since)?)
        .await?;
    let envelope = Envelope::of(Replayed { replayed }).message(REPLAYED);
    Ok(HttpResponse::Accepted().json(envelope))
}

const REPLAYED: &str = "Deliveries will be processed again";

/// The delivery that a path names, by our own id. A text that cannot be one names none.
fn delivery(request: &HttpRequest) -> &str {
    request.match_info().get("delivery").unwrap_or_default()
}
