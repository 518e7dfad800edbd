//! `Idempotency-Key`: a request that changes something can be sent again and is carried out once.
//!
//! - Around every writing route; without the header nothing happens here. The caller is known
//!   before the key is looked at, and the key belongs to its tenant.
//! - Two requests are the same if key, caller, method, path, query, `If-Match`, `Content-Type` and
//!   body are. `Accept` is none of them: an answer is kept in the API's own form, and the request
//!   that asks decides in which form it gets a failure.
//! - Kept is what a repetition could not change: 2xx, and the failures that last, as the map of
//!   errors says. After anything else the key is free again, also after a panic and for a request
//!   that is dropped. A caller that only goes away drops none: its request runs to its end.

#[cfg(test)]
mod tests;

use std::future::Future;

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{
        Method, StatusCode,
        header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, LOCATION},
    },
    middleware::Next,
    web::{Bytes, Data},
};
use futures_util::{future::ready, stream};
use ring::digest;
use scm_service::{Claim, ServiceError, Services, StoredAnswer, Ticket};
use scm_types::{Access, Caller, Fingerprint, IdempotencyKey};
use tokio::runtime::Handle;
use tracing::Instrument as _;

use crate::{
    ApiError,
    auth::{Known, State},
    body,
    failure::{Failure, JSON},
};

pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header as it is named to people.
pub(crate) const FIELD: &str = "Idempotency-Key";

/// Headers that belong to an answer; all others belong to the request that is answered.
const KEPT_HEADERS: [HeaderName; 3] = [ETAG, LOCATION, CONTENT_TYPE];

/// Carries a request with a key out once, and answers its repetitions with what came of it.
pub(crate) async fn idempotent<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let writes = [Method::POST, Method::PATCH, Method::DELETE].contains(request.method())
        && is_here(&request);
    if !(writes && request.headers().contains_key(&KEY)) {
        let response = next.call(request).await?;
        return Ok(response.map_into_boxed_body());
    }
    match claim(&mut request).await {
        Ok(Claimed::Run(run)) => {
            let response = next.call(request).await?;
            run.end(response.map_into_boxed_body()).await
        }
        Ok(Claimed::Done(answer)) => Ok(request.into_response(replay(answer))),
        Err(error) => Ok(request.error_response(error)),
    }
}

/// The methods of a resource, as `Allow` lists them.
pub(crate) struct Methods(pub(crate) &'static str);

/// True if the resource has the method of a request: what it has not is a 405, with a key or without.
fn is_here(request: &ServiceRequest) -> bool {
    let method = request.method().as_str();
    let methods = request.app_data::<Methods>();
    methods.is_none_or(|Methods(all)| all.split(", ").any(|known| known == method))
}

/// What a request with a key is to do.
enum Claimed {
    /// Be carried out.
    Run(Box<Run>),
    /// Be answered as before.
    Done(StoredAnswer),
}

/// Knows the caller, reads the body, which is put back for the handler, and claims the key.
async fn claim(request: &mut ServiceRequest) -> Result<Claimed, ApiError> {
    let Known(caller) = request.extract::<Known>().await?;
    let key = key(request.headers())?;
    let payload = request.take_payload();
    let body = body::whole(request.request(), payload).await?;
    let fingerprint = fingerprint(request, &caller, &key, &body);
    let chunk = stream::once(ready(Ok::<_, PayloadError>(body)));
    request.set_payload(Payload::Stream {
        payload: Box::pin(chunk),
    });
    // Every route has it: `configure` puts it there.
    let state = request.app_data::<Data<State>>();
    let services = state.ok_or(ApiError::Unauthenticated)?.services.clone();
    to_its_end(async move {
        let claim = services.claim(&caller, &key, &fingerprint).await?;
        match claim {
            Claim::Run(ticket) => Ok(Claimed::Run(Box::new(Run {
                services,
                ticket: Some(ticket),
            }))),
            Claim::Done(answer) => Ok(Claimed::Done(answer)),
            Claim::Running { .. } => Err(ApiError::InFlight),
            Claim::Mismatch => Err(ApiError::KeyReused),
        }
    })
    .await
    .unwrap_or(Err(ApiError::Panicked))
}

fn key(headers: &HeaderMap) -> Result<IdempotencyKey, ApiError> {
    let invalid = |problem: String| ApiError::from(ServiceError::invalid(FIELD, problem));
    let mut values = headers.get_all(&KEY);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(invalid("must be given once".to_owned()));
    };
    // A byte outside ASCII becomes a character outside ASCII, which is none of a key.
    let text = String::from_utf8_lossy(value.as_bytes());
    IdempotencyKey::parse(text).map_err(|error| invalid(error.to_string()))
}

/// SHA-256 over all that makes the request the one it is, each part behind its length.
fn fingerprint(
    request: &ServiceRequest,
    caller: &Caller,
    key: &IdempotencyKey,
    body: &Bytes,
) -> Fingerprint {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |part: &[u8]| {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    };
    let role = match &caller.access {
        Access::Platform => "platform",
        Access::Tenant { role, .. } => role.as_str(),
    };
    add(key.as_str().as_bytes());
    add(caller.account.as_str().as_bytes());
    add(role.as_bytes());
    add(request.method().as_str().as_bytes());
    add(request.uri().path().as_bytes());
    add(request.query_string().as_bytes());
    for name in [IF_MATCH, CONTENT_TYPE] {
        let values: Vec<_> = request.headers().get_all(&name).collect();
        add(&(values.len() as u64).to_be_bytes());
        for value in values {
            add(value.as_bytes());
        }
    }
    add(body);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    Fingerprint::from_bytes(bytes)
}

/// A request that has its key. Dropped without [`Run::end`], it gives the key back.
struct Run {
    services: Services,
    ticket: Option<Ticket>,
}

impl Run {
    /// Keeps the answer, or gives the key back, before anybody learns that the request is over.
    async fn end(
        mut self,
        response: ServiceResponse<BoxBody>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let Some(ticket) = self.ticket.take() else {
            return Ok(response);
        };
        let services = self.services.clone();
        if !is_kept(response.response()) {
            to_its_end(give_back(services, ticket)).await;
            return Ok(response);
        }
        let (request, response) = response.into_parts();
        // From here on a fault must not leave the key taken.
        self.ticket = Some(ticket);
        let (head, body) = response.into_parts();
        let body = to_bytes(body).await.map_err(|_| ApiError::Panicked)?;
        let answer = stored(&head, &body);
        let response = head.set_body(BoxBody::new(body));
        if let (Some(answer), Some(ticket)) = (answer, self.ticket.take()) {
            to_its_end(async move {
                // What was done was done, so the answer goes out all the same.
                if let Err(error) = services.finish(ticket, &answer).await {
                    tracing::warn!(%error, "the answer to a request with a key was not kept");
                }
            })
            .await;
        }
        Ok(ServiceResponse::new(request, response))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Without a runtime the process is ending; the key is free again after its time.
        if let (Some(ticket), Ok(runtime)) = (self.ticket.take(), Handle::try_current()) {
            runtime.spawn(give_back(self.services.clone(), ticket));
        }
    }
}

async fn give_back(services: Services, ticket: Ticket) {
    if let Err(error) = services.release(ticket).await {
        tracing::warn!(%error, "the key of a request that came to nothing was not given back");
    }
}

/// Runs beside the request, so that a caller that goes away does not cut it off in the middle.
/// `None` if it panicked.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    Handle::current()
        .spawn(scm_trace::carried(work).in_current_span())
        .await
        .ok()
}

/// True for an answer that a repetition could not change.
fn is_kept<B>(response: &HttpResponse<B>) -> bool {
    let lasts = |failure: &Failure| failure.lasting;
    response.status().is_success() || response.extensions().get().is_some_and(lasts)
}

/// An answer as it is kept, a failure in the API's own form; `None` if it is no text.
fn stored(head: &HttpResponse<()>, body: &Bytes) -> Option<StoredAnswer> {
    let failure = head.extensions().get::<Failure>().cloned();
    let text = |name: &HeaderName| {
        let value = head.headers().get(name)?.to_str().ok()?;
        let own = failure.is_some() && *name == CONTENT_TYPE;
        let value = if own { JSON } else { value };
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let headers = KEPT_HEADERS.iter().filter_map(text).collect();
    let body = match &failure {
        Some(failure) => failure.own_text(),
        None => std::str::from_utf8(body).ok()?.to_owned(),
    };
    Some(StoredAnswer {
        status: head.status().as_u16(),
        headers,
        body,
    })
}

/// The answer that was kept.
fn replay(answer: StoredAnswer) -> HttpResponse {
    let Ok(status) = StatusCode::from_u16(answer.status) else {
        return HttpResponse::from_error(ApiError::Panicked);
    };
    let failure = Failure::of_own_text(status, &answer.body);
    let mut response = HttpResponse::build(status);
    for (name, value) in answer.headers {
        response.insert_header((name, value));
    }
    response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    let mut response = response.body(answer.body);
    if let Some(failure) = failure {
        response.extensions_mut().insert(failure);
    }
    response
}
