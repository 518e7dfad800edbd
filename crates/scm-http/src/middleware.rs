//! What surrounds every request of the API: an id, one log line, the form of failures, and a net
//! under a panicking handler.
//!
//! Logged are method, route pattern, status, time and ids. Never logged: query strings, bodies,
//! headers, unmatched paths (people paste tokens into them).

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    middleware::Next,
};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::{
    ApiError,
    failure::{Failure, Form},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's own id of the request if it is harmless, else a new one.
fn request_id(request: &ServiceRequest) -> String {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given
        .filter(harmless)
        .map_or_else(|| nanoid::nanoid!(), str::to_owned)
}

/// A failure's answer in the form that was asked for, every other answer as it is.
fn in_form(response: HttpResponse<BoxBody>, form: Form) -> HttpResponse<BoxBody> {
    if form == Form::Own {
        return response;
    }
    let failure = response.extensions().get::<Failure>().cloned();
    let Some(failure) = failure else {
        return response;
    };
    let mut problem = failure.respond(form);
    for (name, value) in response.headers() {
        if !problem.headers().contains_key(name) {
            problem.headers_mut().append(name.clone(), value.clone());
        }
    }
    problem
}

fn dressed(mut response: HttpResponse<BoxBody>, id: &str, form: Form) -> HttpResponse<BoxBody> {
    response = in_form(response, form);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Wraps every route of the API; `configure` applies it.
pub(crate) async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(&request);
    let form = Form::of(request.headers());
    let method = request.method().clone();
    let started = Instant::now();
    let span = tracing::info_span!("request", request_id = %id);

    let outcome = AssertUnwindSafe(next.call(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let answered = match outcome {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(error),
        // The panic hook has logged where; the caller learns no more than that it happened.
        Err(_panic) => Err(ApiError::Panicked.into()),
    };

    let (status, route, answer) = match answered {
        Ok(response) => {
            let route = response.request().match_pattern();
            let (request, response) = response.into_parts();
            let response = dressed(response, &id, form);
            (
                response.status(),
                route,
                Ok(ServiceResponse::new(request, response)),
            )
        }
        Err(error) => {
            let response = dressed(error.error_response(), &id, form);
            let status = response.status();
            (
                status,
                None,
                Err(InternalError::from_response(error, response).into()),
            )
        }
    };
    span.in_scope(|| {
        tracing::info!(
            %method,
            route = route.as_deref().unwrap_or("unmatched"),
            status = status.as_u16(),
            elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    });
    answer
}
