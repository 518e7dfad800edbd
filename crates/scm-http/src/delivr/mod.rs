//! The paths that the web panel of delivr calls, with the envelope that it reads.
//!
//! - They are another form of the same API and no second way in: callers, tenants, limits, bodies,
//!   `Idempotency-Key` and errors are those of the own routes, and all work is done by [`Services`].
//! - The tenant is that of the path, and the caller has to be of it.
//! - They know one integration of a tenant for each product: the newest active one. To connect another
//!   repository replaces it: the new one is stored before the old one is deleted (softly).
//! - A credential is checked at its host before it is stored, and is never in an answer, not even its
//!   end.
//!
//! [`Services`]: scm_service::Services

mod answer;
mod body;
mod connect;
mod handlers;
mod panel_key;

pub use panel_key::{InvalidPanelKey, PanelKey};

use std::sync::Arc;

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    web::{self, ServiceConfig},
};
use futures_util::future::{Ready, ready};
use scm_types::{ScmType, TenantId};

use crate::{
    ApiError,
    auth::{PathTenant, State},
    idempotency::idempotent,
    middleware::observe,
    room::Rooms,
    routes::{fallback, only, readable},
};

/// What opens credentials that the panel has encrypted.
#[derive(Clone)]
struct Opens(Option<PanelKey>);

/// Adds the paths.
pub(crate) fn mount(
    config: &mut ServiceConfig,
    state: &web::Data<State>,
    rooms: &web::Data<Rooms>,
    panel_key: Option<PanelKey>,
) {
    let gate = Arc::clone(&state.gate);
    let at_providers = Arc::clone(&state.gate);
    let tracer = state.services.tracer().clone();
    let of_providers = tracer.clone();
    config
        .service(
            readable("/integrations/scm/providers")
                .app_data(state.clone())
                .app_data(rooms.clone())
                .route(web::get().to(handlers::providers))
                .route(web::head().to(handlers::providers))
                .wrap(from_fn(move |request, next| {
                    observe(
                        Arc::clone(&at_providers),
                        of_providers.clone(),
                        None,
                        request,
                        next,
                    )
                })),
        )
        .service(
            web::scope("/tenants/{tenantId}/integrations/scm")
                .app_data(state.clone())
                .app_data(rooms.clone())
                .app_data(Opens(panel_key))
                .service(
                    readable("/branches")
                        .route(web::get().to(handlers::branches))
                        .route(web::head().to(handlers::branches)),
                )
                .service(
                    only(
                        web::resource("/{provider:github|gitlab|bitbucket}"),
                        "GET, HEAD, POST, PATCH, DELETE",
                    )
                    .route(web::get().to(handlers::get))
                    .route(web::head().to(handlers::get))
                    .route(web::post().to(handlers::create))
                    .route(web::patch().to(handlers::update))
                    .route(web::delete().to(handlers::delete))
                    .wrap(from_fn(idempotent)),
                )
                .service(
                    only(
                        web::resource("/{provider:github|gitlab|bitbucket}/verify"),
                        "POST",
                    )
                    .route(web::post().to(handlers::verify))
                    .wrap(from_fn(idempotent)),
                )
                .service(
                    readable("/{provider:github|gitlab|bitbucket}/branches")
                        .route(web::get().to(handlers::branches))
                        .route(web::head().to(handlers::branches)),
                )
                .default_service(web::to(fallback))
                .wrap(from_fn(of_path))
                .wrap(from_fn(move |request, next| {
                    observe(Arc::clone(&gate), tracer.clone(), None, request, next)
                })),
        );
}

/// Notes the tenant of the path, before anybody asks who the caller is.
async fn of_path<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let raw = request.match_info().get("tenantId").unwrap_or_default();
    let tenant = PathTenant(TenantId::parse(raw).ok());
    request.extensions_mut().insert(tenant);
    next.call(request).await
}

/// What a path names. Extracted behind the caller, who has been found to be of this tenant.
struct At {
    tenant: TenantId,
    /// `None` for the path of all products.
    product: Option<ScmType>,
}

impl At {
    /// The product of a path that names one.
    fn kind(&self) -> Result<ScmType, ApiError> {
        self.product
            .ok_or(ApiError::Service(scm_service::ServiceError::NotFound))
    }
}

impl FromRequest for At {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tenant = request.extensions().get::<PathTenant>().cloned();
        let product = match request.match_info().get("provider") {
            Some("github") => Some(ScmType::Github),
            Some("gitlab") => Some(ScmType::Gitlab),
            Some("bitbucket") => Some(ScmType::Bitbucket),
            _ => None,
        };
        let tenant = tenant.and_then(|PathTenant(tenant)| tenant);
        let at = tenant.map(|tenant| Self { tenant, product });
        ready(at.ok_or(ApiError::Service(scm_service::ServiceError::ForeignTenant)))
    }
}
