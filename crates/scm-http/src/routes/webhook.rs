//! The webhook of an integration at its code host: register, look, rotate, test, remove.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::{
    ApiError,
    auth::{Known, State},
    body::NoBody,
    envelope::Envelope,
    query::Query,
    routes::integrations::id,
};

#[derive(Serialize)]
struct Tested {
    result: scm_service::WebhookTested,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    removed_at_host: bool,
}

/// `POST /{id}/webhook`
pub(crate) async fn register(
    caller: Known,
    _: NoBody,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let registered = state.services.register_webhook(&caller.0, &id).await?;
    let (mut answer, message) = if registered.existing {
        (HttpResponse::Ok(), "Webhook exists already")
    } else {
        (HttpResponse::Created(), "Webhook registered")
    };
    let mut envelope = Envelope::of(&registered.webhook).message(message);
    envelope.existing = Some(registered.existing);
    Ok(answer.json(envelope))
}

/// `GET /{id}/webhook`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let webhook = state.services.webhook(&caller.0, &id).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&webhook)))
}

/// `POST /{id}/webhook/rotate`
pub(crate) async fn rotate(
    caller: Known,
    _: NoBody,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let rotated = state.services.rotate_webhook(&caller.0, &id).await?;
    let message = if rotated.confirmed {
        "Webhook secret rotated and confirmed by a delivery"
    } else {
        "Webhook secret rotated; the one before is accepted until a delivery confirms the new one"
    };
    Ok(HttpResponse::Ok().json(Envelope::of(&rotated).message(message)))
}

/// `POST /{id}/webhook/test`
pub(crate) async fn test(
    caller: Known,
    _: NoBody,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let result = state.services.test_webhook(&caller.0, &id).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(Tested { result })))
}

/// `DELETE /{id}/webhook`
pub(crate) async fn remove(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let removed_at_host = state.services.remove_webhook(&caller.0, &id).await?;
    let envelope = Envelope::of(Removed { removed_at_host }).message("Webhook removed");
    Ok(HttpResponse::Ok().json(envelope))
}
