//! The routes with what they share: one limit, one way of telling callers apart, one room for bodies,
//! wherever and however often they are mounted.

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use scm_service::Services;

use crate::{
    Authentication, Limits, PanelKey, auth::State, delivr, gate::Gate, room::Rooms, routes,
};

/// The API of one set of services. A clone shares everything with what it was cloned from.
///
/// ```no_run
/// # fn services() -> scm_service::Services { unimplemented!() }
/// use actix_web::{App, web};
/// use scm_http::{Api, Authentication, Limits};
///
/// let api = Api::new(services(), Authentication::Host, Limits::default());
/// let app = App::new()
///     .service(web::scope("/api/v1/integrations/scm").configure(api.configure()))
///     .configure(api.configure_delivr(None));
/// ```
#[derive(Clone)]
pub struct Api {
    state: web::Data<State>,
    rooms: web::Data<Rooms>,
}

impl Api {
    /// The API of these services, for callers that are told apart in this way, within these limits.
    #[must_use]
    pub fn new(services: Services, authentication: Authentication, limits: Limits) -> Self {
        let gate = Arc::new(Gate::new(limits, services.shared_clock()));
        Self {
            state: web::Data::new(State {
                services,
                authentication,
                gate,
            }),
            rooms: web::Data::new(Rooms::default()),
        }
    }

    /// The integration routes, relative to where the host mounts them, as
    /// [`configure`](crate::configure) gives them.
    pub fn configure(&self) -> impl FnOnce(&mut ServiceConfig) + Clone + use<> {
        let (state, rooms) = (self.state.clone(), self.rooms.clone());
        move |config| routes::mount(config, state, rooms)
    }

    /// The paths of delivr's server beside them: `/integrations/scm/providers` and
    /// `/tenants/{tenantId}/integrations/scm/…`, relative to where the host mounts them. They take no
    /// other path, so that they can be mounted at the root of an app.
    ///
    /// The key opens what delivr's web panel has encrypted; without it, credentials that the panel
    /// says are encrypted are refused.
    pub fn configure_delivr(
        &self,
        panel_key: Option<PanelKey>,
    ) -> impl FnOnce(&mut ServiceConfig) + Clone + use<> {
        let (state, rooms) = (self.state.clone(), self.rooms.clone());
        move |config| delivr::mount(config, &state, &rooms, panel_key)
    }
}
