//! The route table.

mod api_keys;
mod audit;
mod branches;
mod compare;
mod deliveries;
mod events;
mod integrations;
mod providers;
mod receiver;
mod releases;
mod tag_fields;
mod tags;
mod urls;
mod verification;
mod webhook;

pub(crate) use integrations::{IMMUTABLE, with_etag};
pub use integrations::{changes, new_integration};

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::StatusCode,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use scm_service::Services;
use scm_types::{Ensured, ErrorCode};
use serde::Serialize;

use crate::{
    Api, ApiError, Authentication, Limits,
    auth::State,
    envelope::Envelope,
    failure::{Failure, Form},
    idempotency::{Methods, idempotent},
    middleware::observe,
    room::Rooms,
};

/// The integration routes, relative to where the host mounts them: the server mounts them at
/// `/api/v1/integrations/scm`, an embedding host under a scope of its own.
///
/// ```no_run
/// # fn services() -> scm_service::Services { unimplemented!() }
/// use actix_web::{App, web};
/// use scm_http::{Authentication, configure};
///
/// let services = services();
/// let app = App::new()
///     .service(web::scope("/my/prefix").configure(configure(services, Authentication::Host)));
/// ```
pub fn configure(
    services: Services,
    authentication: Authentication,
) -> impl FnOnce(&mut ServiceConfig) + Clone {
    configure_with(services, authentication, Limits::default())
}

/// The same with limits; [`configure`] has none.
pub fn configure_with(
    services: Services,
    authentication: Authentication,
    limits: Limits,
) -> impl FnOnce(&mut ServiceConfig) + Clone {
    Api::new(services, authentication, limits).configure()
}

/// Adds the routes.
pub(crate) fn mount(config: &mut ServiceConfig, state: web::Data<State>, rooms: web::Data<Rooms>) {
    let gate = Arc::clone(&state.gate);
    let tracer = state.services.tracer().clone();
    config.service(
        web::scope("")
            .wrap(from_fn(move |request, next| {
                observe(
                    Arc::clone(&gate),
                    tracer.clone(),
                    Some("/webhooks/"),
                    request,
                    next,
                )
            }))
            .app_data(state)
            .app_data(rooms)
            .service(
                only(web::resource(["", "/"]), "GET, HEAD, POST")
                    .route(web::get().to(integrations::list))
                    .route(web::head().to(integrations::list))
                    .route(web::post().to(integrations::create))
                    .wrap(from_fn(idempotent)),
            )
            .service(
                readable("/providers")
                    .route(web::get().to(providers::list))
                    .route(web::head().to(providers::list)),
            )
            .service(
                only(web::resource("/verify"), "POST")
                    .route(web::post().to(verification::dry_run))
                    .wrap(from_fn(idempotent)),
            )
            .service(
                only(web::resource("/webhooks/{id}"), "POST")
                    .route(web::post().to(receiver::receive)),
            )
            .service(
                readable("/events")
                    .route(web::get().to(events::list))
                    .route(web::head().to(events::list)),
            )
            .configure(api_key_routes)
            .service(
                only(web::resource("/{id}"), "GET, HEAD, PATCH, DELETE")
                    .route(web::get().to(integrations::get))
                    .route(web::head().to(integrations::get))
                    .route(web::patch().to(integrations::update))
                    .route(web::delete().to(integrations::delete))
                    .wrap(from_fn(idempotent)),
            )
            .service(
                only(web::resource("/{id}/verify"), "POST")
                    .route(web::post().to(verification::verify))
                    .wrap(from_fn(idempotent)),
            )
            .service(
                readable("/{id}/audit")
                    .route(web::get().to(audit::list))
                    .route(web::head().to(audit::list)),
            )
            .configure(work)
            .configure(delivery_routes)
            .configure(webhook_routes)
            .default_service(web::to(fallback)),
    );
}

/// What is done with a connected repository. A name in a path is all that follows, slashes
/// included; see [`crate::path`].
fn work(config: &mut ServiceConfig) {
    config
        .service(
            only(web::resource("/{id}/branches"), "GET, HEAD, POST")
                .route(web::get().to(branches::list))
                .route(web::head().to(branches::list))
                .route(web::post().to(branches::create))
                .wrap(from_fn(idempotent)),
        )
        .service(
            readable("/{id}/branches/{name:.*}")
                .route(web::get().to(branches::get))
                .route(web::head().to(branches::get)),
        )
        .service(
            only(web::resource("/{id}/tags"), "GET, HEAD, POST")
                .route(web::get().to(tags::list))
                .route(web::head().to(tags::list))
                .route(web::post().to(tags::create))
                .wrap(from_fn(idempotent)),
        )
        .service(
            readable("/{id}/tags/latest")
                .route(web::get().to(tags::latest))
                .route(web::head().to(tags::latest)),
        )
        .service(
            readable("/{id}/tags/{name:.*}")
                .route(web::get().to(tags::get))
                .route(web::head().to(tags::get)),
        )
        .service(
            readable("/{id}/compare")
                .route(web::get().to(compare::compare))
                .route(web::head().to(compare::compare)),
        )
        .service(
            readable("/{id}/cherry-picks")
                .route(web::get().to(compare::cherry_picks))
                .route(web::head().to(compare::cherry_picks)),
        )
        .service(
            only(web::resource("/{id}/release-notes"), "POST")
                .route(web::post().to(releases::notes))
                .wrap(from_fn(idempotent)),
        )
        .service(
            only(web::resource("/{id}/releases"), "POST")
                .route(web::post().to(releases::create))
                .wrap(from_fn(idempotent)),
        )
        .service(
            readable("/{id}/urls")
                .route(web::get().to(urls::get))
                .route(web::head().to(urls::get)),
        );
}

/// Keys that callers authenticate with. The answer that holds a key is kept for no repetition.
fn api_key_routes(config: &mut ServiceConfig) {
    config
        .service(
            only(web::resource("/api-keys"), "GET, HEAD, POST")
                .route(web::get().to(api_keys::list))
                .route(web::head().to(api_keys::list))
                .route(web::post().to(api_keys::create)),
        )
        .service(
            only(web::resource("/api-keys/{key}"), "GET, HEAD, DELETE")
                .route(web::get().to(api_keys::get))
                .route(web::head().to(api_keys::get))
                .route(web::delete().to(api_keys::revoke))
                .wrap(from_fn(idempotent)),
        );
}

/// The webhook at the code host.
fn webhook_routes(config: &mut ServiceConfig) {
    config
        .service(
            only(web::resource("/{id}/webhook"), "GET, HEAD, POST, DELETE")
                .route(web::get().to(webhook::get))
                .route(web::head().to(webhook::get))
                .route(web::post().to(webhook::register))
                .route(web::delete().to(webhook::remove))
                .wrap(from_fn(idempotent)),
        )
        .service(
            only(web::resource("/{id}/webhook/rotate"), "POST")
                .route(web::post().to(webhook::rotate))
                .wrap(from_fn(idempotent)),
        )
        .service(
            only(web::resource("/{id}/webhook/test"), "POST")
                .route(web::post().to(webhook::test))
                .wrap(from_fn(idempotent)),
        );
}

/// What the code host has delivered.
fn delivery_routes(config: &mut ServiceConfig) {
    config
        .service(
            readable("/{id}/deliveries")
                .route(web::get().to(deliveries::list))
                .route(web::head().to(deliveries::list)),
        )
        .service(
            only(web::resource("/{id}/deliveries/replay"), "POST")
                .route(web::post().to(deliveries::replay_dead))
                .wrap(from_fn(idempotent)),
        )
        .service(
            readable("/{id}/deliveries/{delivery}")
                .route(web::get().to(deliveries::get))
                .route(web::head().to(deliveries::get)),
        )
        .service(
            only(web::resource("/{id}/deliveries/{delivery}/replay"), "POST")
                .route(web::post().to(deliveries::replay))
                .wrap(from_fn(idempotent)),
        );
}

/// The answer to a write: 201 if something was made, 200 if it was there already.
fn ensured<T: Serialize>(
    outcome: &Ensured<T>,
    made: &'static str,
    existing: &'static str,
) -> HttpResponse {
    let (mut answer, message) = if outcome.existing {
        (HttpResponse::Ok(), existing)
    } else {
        (HttpResponse::Created(), made)
    };
    let mut envelope = Envelope::of(&outcome.value).message(message);
    envelope.existing = Some(outcome.existing);
    answer.json(envelope)
}

/// A required field behind `finish`, which has let none through that is missing or wrong.
fn there<T>(field: Option<T>) -> Result<T, ApiError> {
    field.ok_or_else(|| ApiError::invalid(Vec::new()))
}

/// A resource that has the named methods; any other is 405.
pub(crate) fn only(resource: Resource, methods: &'static str) -> Resource {
    resource
        .app_data(Methods(methods))
        .default_service(web::to(move || async move {
            Err::<HttpResponse, _>(ApiError::MethodNotAllowed { allow: methods })
        }))
}

/// A resource that can only be read: any method but GET and HEAD, for which the caller adds the
/// routes, is a 405 in the form of all failures.
#[must_use]
pub fn readable(path: &'static str) -> Resource {
    only(web::resource(path), "GET, HEAD")
}

/// The answer for a path that does not exist; for an app's `default_service`.
pub async fn fallback(request: HttpRequest) -> HttpResponse {
    Failure::new(
        StatusCode::NOT_FOUND,
        ErrorCode::UnknownRoute,
        "There is nothing at this path",
    )
    .respond(Form::asked_by(&request))
}
