//! Liveness and readiness for orchestrators. No authentication, no detail about tenants.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode, web};
use async_trait::async_trait;
use serde::Serialize;

/// One thing that has to be right before requests make sense.
#[derive(Debug, Clone, Serialize)]
pub struct ReadyLine {
    /// What was looked at, such as `database`.
    pub name: &'static str,
    /// Whether it is right.
    pub ok: bool,
    /// What is wrong, for an operator; no address, no credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Knows whether requests make sense now; the server implements it.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Every line, in a fixed order.
    async fn ready(&self) -> Vec<ReadyLine>;
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<ReadyLine>,
}

/// The process answers: nothing else is looked at, so that a database outage restarts nobody.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Health {
        status: "ok",
        checks: Vec::new(),
    })
}

async fn readyz(check: web::Data<Arc<dyn HealthCheck>>) -> HttpResponse {
    let checks = check.ready().await;
    let ok = checks.iter().all(|line| line.ok);
    let (status, word) = if ok {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    HttpResponse::build(status).json(Health {
        status: word,
        checks,
    })
}

/// Adds `/livez` and `/readyz`.
pub fn configure_health(
    check: Arc<dyn HealthCheck>,
) -> impl FnOnce(&mut web::ServiceConfig) + Clone {
    move |config| {
        config
            .app_data(web::Data::new(check))
            .service(
                crate::routes::readable("/livez")
                    .route(web::get().to(livez))
                    .route(web::head().to(livez)),
            )
            .service(
                crate::routes::readable("/readyz")
                    .route(web::get().to(readyz))
                    .route(web::head().to(readyz)),
            );
    }
}
