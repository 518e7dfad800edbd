//! `GET /metrics`: what the server counts, in the text format of Prometheus.

use actix_web::{HttpResponse, web};
use prometheus::{IntGauge, Opts, Registry, TextEncoder};

/// The version of the format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shows which program this is.
pub(super) fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let options = Opts::new("scm_build_info", "1, labelled with the program's version");
    let options = options.const_label("version", env!("CARGO_PKG_VERSION"));
    let info = IntGauge::with_opts(options)?;
    info.set(1);
    registry.register(Box::new(info))
}

/// The route that shows what is counted.
pub(super) fn configure(registry: Registry) -> impl Fn(&mut web::ServiceConfig) + Clone {
    move |app| {
        let registry = registry.clone();
        let show = move || {
            let registry = registry.clone();
            async move { shown(&registry) }
        };
        app.service(
            scm_http::readable("/metrics")
                .route(web::get().to(show.clone()))
                .route(web::head().to(show)),
        );
    }
}

fn shown(registry: &Registry) -> HttpResponse {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => HttpResponse::Ok().content_type(CONTENT_TYPE).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

#[cfg(test)]
mod tests;
