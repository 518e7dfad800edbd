//! A portal that has the integrations under one of its own paths: its own app, runtime, pool, metrics
//! registry, log and sessions.
//!
//! `cargo run -p scm-http --example embedded`, and in another terminal
//!
//! ```sh
//! curl -s localhost:8081/portal/scm -H 'cookie: portal_session=ada' \
//!   -H 'content-type: application/json' -d '{"scmType": "GITHUB",
//!     "repositoryUrl": "https://github.com/octo/app", "accessToken": "ghp_of_your_own"}'
//! curl -s localhost:8081/portal/scm -H 'cookie: portal_session=grace'
//! curl -s localhost:8081/metrics
//! ```
//!
//! Ada owns tenant `acme`, Grace may look at tenant `globex`, and nobody else comes in.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example that cannot go on ends, and says where it listens"
)]

use std::{collections::HashMap, future::ready, sync::Arc};

use actix_web::{
    App, Error, HttpMessage, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::COOKIE,
    middleware::{Next, from_fn},
    web::{self, ServiceConfig},
};
use prometheus::{Registry, TextEncoder};
use scm_http::{Authentication, HttpMetrics, configure};
use scm_service::{Cipher, ConnectOptions, DatabaseConnection, KeyRing, Services, connect};
use scm_types::{Access, AccountId, Caller, Role, TenantId};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    // The host's own log: what the services say goes wherever this sends it.
    tracing_subscriber::fmt().init();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/portal.db?mode=rwc", directory.path().display());
    scm_migrations::up(&url, None).await.unwrap();
    // One pool for the portal's own tables and for ours. Made by `connect`, it keeps answers where they
    // belong when a caller goes away in the middle of a statement.
    let pool = connect(&url, &ConnectOptions::default()).await.unwrap();
    let portal = Portal::new(pool);
    println!("listening on http://127.0.0.1:8081/portal");
    HttpServer::new(move || App::new().configure(portal.routes()))
        .workers(2)
        .bind(("127.0.0.1", 8081))?
        .run()
        .await
}

/// What the host has anyway, and the services beside it.
#[derive(Clone)]
pub(crate) struct Portal {
    registry: Registry,
    sessions: web::Data<Sessions>,
    services: Services,
    requests: HttpMetrics,
}

impl Portal {
    pub(crate) fn new(pool: DatabaseConnection) -> Self {
        let registry = Registry::new();
        // Yours come from a file or a secret store, and stay: without them nothing stored opens.
        let keys = "* k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n";
        let cipher = Arc::new(Cipher::new(KeyRing::parse(keys).unwrap()));
        let services = Services::builder(pool, cipher).metrics(&registry);
        Self {
            requests: HttpMetrics::new(&registry).unwrap(),
            sessions: web::Data::new(Sessions::of_the_example()),
            services: services.build().unwrap(),
            registry,
        }
    }

    /// The host's own routes, and ours under one of its paths, behind its sessions.
    pub(crate) fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let Self {
            registry,
            sessions,
            services,
            requests,
        } = self.clone();
        move |app| {
            let integrations = web::scope("/portal/scm")
                .configure(configure(services, Authentication::Host))
                .wrap(from_fn(identified))
                .wrap(from_fn(move |request, next| {
                    requests.clone().observe(request, next)
                }));
            app.app_data(sessions)
                .service(integrations)
                .route("/portal", web::get().to(async || "The portal"))
                .route("/metrics", web::get().to(move || ready(metrics(&registry))));
        }
    }
}

fn metrics(registry: &Registry) -> HttpResponse {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Who is logged in, by the value of a cookie.
struct Sessions(HashMap<&'static str, Caller>);

impl Sessions {
    fn of_the_example() -> Self {
        let member = |account: &str, tenant: &str, role| {
            let tenant = TenantId::parse(tenant).unwrap();
            let access = Access::Tenant { tenant, role };
            Caller::new(AccountId::parse(account).unwrap(), access)
        };
        Self(HashMap::from([
            ("ada", member("ada", "acme", Role::Owner)),
            ("grace", member("grace", "globex", Role::Viewer)),
        ]))
    }
}

/// The host's middleware: from its session to a [`Caller`]. Without one our routes answer 401.
async fn identified(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(caller) = caller(&request) {
        request.extensions_mut().insert(caller);
    }
    next.call(request).await
}

fn caller(request: &ServiceRequest) -> Option<Caller> {
    let sessions = request.app_data::<web::Data<Sessions>>()?;
    let cookies = request.headers().get(COOKIE)?.to_str().ok()?;
    let mut cookies = cookies
        .split("; ")
        .filter_map(|cookie| cookie.split_once('='));
    let (_, session) = cookies.find(|(name, _)| *name == "portal_session")?;
    sessions.0.get(session).cloned()
}
