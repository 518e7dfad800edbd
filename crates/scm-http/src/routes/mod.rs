//! The route table.

mod integrations;
mod providers;
mod verification;

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::StatusCode,
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use scm_service::Services;

use crate::{
    ApiError, Authentication,
    auth::State,
    failure::{Failure, Form},
    middleware::observe,
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
    let state = web::Data::new(State {
        services,
        authentication,
    });
    move |config| {
        config.service(
            web::scope("")
                .wrap(from_fn(observe))
                .app_data(state)
                .service(
                    only(web::resource(["", "/"]), "GET, HEAD, POST")
                        .route(web::get().to(integrations::list))
                        .route(web::head().to(integrations::list))
                        .route(web::post().to(integrations::create)),
                )
                .service(
                    readable("/providers")
                        .route(web::get().to(providers::list))
                        .route(web::head().to(providers::list)),
                )
                .service(
                    only(web::resource("/verify"), "POST")
                        .route(web::post().to(verification::dry_run)),
                )
                .service(
                    only(web::resource("/{id}"), "GET, HEAD, PATCH, DELETE")
                        .route(web::get().to(integrations::get))
                        .route(web::head().to(integrations::get))
                        .route(web::patch().to(integrations::update))
                        .route(web::delete().to(integrations::delete)),
                )
                .service(
                    only(web::resource("/{id}/verify"), "POST")
                        .route(web::post().to(verification::verify)),
                )
                .default_service(web::to(fallback)),
        );
    }
}

/// A resource that has the named methods; any other is 405.
fn only(resource: Resource, methods: &'static str) -> Resource {
    resource.default_service(web::to(move || async move {
        Err::<HttpResponse, _>(ApiError::MethodNotAllowed { allow: methods })
    }))
}

/// A resource that can only be read.
pub(crate) fn readable(path: &'static str) -> Resource {
    only(web::resource(path), "GET, HEAD")
}

/// The answer for a path that does not exist; for an app's `default_service`.
pub async fn fallback(request: HttpRequest) -> HttpResponse {
    Failure::new(
        StatusCode::NOT_FOUND,
        "unknown_route",
        "There is nothing at this path",
    )
    .respond(Form::asked_by(&request))
}
