//! What surrounds every request of the API: an id, a span of the trace that it belongs to, one log line,
//! the form of failures, and a net under a panicking handler.
//!
//! A request whose `traceparent` cannot be read begins a trace. Logged are method, route pattern, status,
//! time and ids. Never logged: query strings, bodies, headers, unmatched paths (people paste tokens into
//! them).

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
};
use futures_util::FutureExt as _;
use scm_trace::{Incoming, Span, SpanKind, TraceParent, TraceState, Tracer};
use scm_types::RequestId;
use tracing::Instrument as _;

use crate::{
    ApiError,
    failure::{Failure, Form},
    gate::{self, Gate},
    metrics::known,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The caller's own id of the request if it is harmless, else a new one.
fn request_id(request: &ServiceRequest) -> RequestId {
    let given = request.headers().get(&REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok());
    given
        .and_then(|id| RequestId::parse(id).ok())
        .unwrap_or_else(fresh_id)
}

#[expect(clippy::expect_used, reason = "nanoid's alphabet is a part of an id's")]
fn fresh_id() -> RequestId {
    RequestId::parse(nanoid::nanoid!()).expect("a nanoid is an id")
}

/// The span that a request says it comes from. One that is given twice is none.
fn incoming(headers: &HeaderMap) -> Option<Incoming> {
    let mut given = headers.get_all(TRACEPARENT);
    let (Some(parent), None) = (given.next(), given.next()) else {
        return None;
    };
    let parent = TraceParent::parse(parent.to_str().ok()?)?;
    let lines: Result<Vec<_>, _> = headers
        .get_all(TRACESTATE)
        .map(HeaderValue::to_str)
        .collect();
    let state = lines.ok().and_then(TraceState::parse);
    Some(Incoming { parent, state })
}

/// What a trace is told of a request.
fn tell(span: &Span, method: &Method, route: Option<&str>, status: StatusCode) {
    let method = known(method);
    span.set("http.request.method", method);
    span.set("http.response.status_code", status.as_u16());
    match route {
        Some(route) => {
            span.rename(format!("{method} {route}"));
            span.set("http.route", route.to_owned());
        }
        None => span.rename(format!("{method} unmatched")),
    }
    if status.is_server_error() {
        span.fail(status.as_str().to_owned());
    }
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

fn dressed(
    mut response: HttpResponse<BoxBody>,
    id: &RequestId,
    form: Form,
) -> HttpResponse<BoxBody> {
    response = in_form(response, form);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Wraps every route of the API, wherever it is mounted. Code hosts deliver to what is below
/// `deliveries`, behind the place of the mount.
pub(crate) async fn observe<B: MessageBody + 'static>(
    gate: Arc<Gate>,
    tracer: Tracer,
    deliveries: Option<&'static str>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(&request);
    request.extensions_mut().insert(id.clone());
    let form = Form::of(request.headers());
    let method = request.method().clone();
    let started = Instant::now();
    let part = tracer.begin("request", SpanKind::Server, incoming(request.headers()));
    let context = part.context();
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        trace_id = context.map(|context| tracing::field::display(context.trace_id)),
        span_id = context.map(|context| tracing::field::display(context.span_id)),
    );

    let path = request.match_info().unprocessed();
    let is_delivery = deliveries.is_some_and(|deliveries| path.starts_with(deliveries));
    let answered = match gate.enter(request.request(), is_delivery) {
        Err(error) => Ok(request.error_response(error)),
        Ok(place) => {
            let outcome = AssertUnwindSafe(part.run(next.call(request)))
                .catch_unwind()
                .instrument(span.clone())
                .await;
            place.leave();
            match outcome {
                Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
                Ok(Err(error)) => Err(error),
                // The panic hook has logged where; the caller learns no more than that it happened.
                Err(_panic) => Err(ApiError::Panicked.into()),
            }
        }
    };

    let (status, route, answer) = match answered {
        Ok(response) => {
            let route = response.request().match_pattern();
            let (request, response) = response.into_parts();
            let mut response = dressed(response, &id, form);
            gate::tell(&request, response.headers_mut());
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
    tell(&part, &method, route.as_deref(), status);
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
