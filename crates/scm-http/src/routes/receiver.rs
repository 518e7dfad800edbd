//! `POST /webhooks/{id}`: what code hosts call. No credential of ours, a signature instead.
//!
//! - Nothing is read out of a body here, and no header decides anything but the body's length and
//!   that it is not compressed. What is refused before the signature is refused for every id alike.
//! - Bodies that are being read share one bounded room ([`crate::room`]). What waits to be stored is
//!   bounded by the service.
//! - A body is read before it is refused for want of room: a sender that is cut off while it writes
//!   does not see the answer.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH},
    rt::time::timeout,
    web::{self, Payload},
};
use futures_util::StreamExt as _;
use scm_service::{Received, ServiceError, Services};
use scm_types::IntegrationId;

use crate::{
    ApiError,
    auth::State,
    envelope::Envelope,
    gate::Place,
    room::{Full, Room, Rooms, Taken},
};

/// The longest that a body may take to arrive: hosts give up after ten seconds themselves.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// `POST /webhooks/{id}`
pub(crate) async fn receive(
    request: HttpRequest,
    payload: Payload,
    state: web::Data<State>,
    rooms: web::Data<Rooms>,
) -> Result<HttpResponse, ApiError> {
    let plain = |value: &actix_web::http::header::HeaderValue| {
        value.as_bytes().eq_ignore_ascii_case(b"identity")
    };
    if !request.headers().get_all(CONTENT_ENCODING).all(plain) {
        return Err(ApiError::ContentEncoding);
    }
    let raw = request.match_info().get("id").unwrap_or_default();
    let id = IntegrationId::parse(raw).ok();
    let read = timeout(MAX_WAIT, read(&request, payload, &rooms.deliveries));
    let read = Place::of(&request).outside(read).await?;
    let read = read.map_err(|_| ApiError::BodySlow)?;
    // For every id alike, and before the work that a signature is.
    let read = match read {
        Ok(_) if state.services.is_receiver_full() => Err(ServiceError::ReceiverFull.into()),
        read => read,
    };
    if let (Err(ApiError::Service(ServiceError::ReceiverFull)), Some(id)) = (&read, &id) {
        state.services.note_refused(id);
    }
    let (body, _held) = read?;
    let Some(id) = id else {
        return Err(Services::refuse_delivery(&body).into());
    };
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(match state.services.receive(&id, headers, body).await? {
        Received::Accepted => {
            let envelope = Envelope::<()>::empty().message("Delivery accepted");
            HttpResponse::Accepted().json(envelope)
        }
        Received::Repeated => {
            let envelope = Envelope::<()>::empty().message("Delivery was accepted before");
            HttpResponse::Ok().json(envelope)
        }
    })
}

/// The body, and the room that it takes until it is stored.
async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    room: &Room,
) -> Result<(Vec<u8>, Taken), ApiError> {
    let too_large = || ApiError::from(ServiceError::DeliveryTooLarge);
    let cap = Services::largest_delivery();
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > cap as u64) {
        return Err(too_large());
    }
    let (mut body, mut held) = (Vec::new(), Taken::default());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyLost)?;
        if body.len() + chunk.len() > cap {
            return Err(too_large());
        }
        let held = room.hold(&mut held, body.len() + chunk.len());
        held.map_err(|Full| ServiceError::ReceiverFull)?;
        body.extend_from_slice(&chunk);
    }
    Ok((body, held))
}
