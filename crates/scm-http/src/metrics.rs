//! Requests, counted.
//!
//! Labels are words of this program: a known method, the pattern of a route, a status. What nobody
//! routes is `unmatched`, whatever its path.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, core::Collector,
};

/// From a read of one row to a wait for events.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 35.0,
];

/// Counts requests, for [`Self::observe`] around a whole app. Clones count the same.
#[derive(Clone)]
pub struct HttpMetrics(Arc<Collectors>);

struct Collectors {
    requests: IntCounterVec,
    seconds: HistogramVec,
    running: IntGauge,
}

impl HttpMetrics {
    /// Metrics that are shown by `registry`. Fails if it has them already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = HistogramOpts::new(
            "scm_http_request_seconds",
            "How long requests took until their answer began, by route; waits for events are in it",
        );
        let collectors = Collectors {
            requests: IntCounterVec::new(
                Opts::new(
                    "scm_http_requests_total",
                    "Requests that were answered, by method, route and status",
                ),
                &["method", "route", "status"],
            )?,
            seconds: HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["route"])?,
            running: IntGauge::new(
                "scm_http_requests_running",
                "Requests that are being answered",
            )?,
        };
        let all: [Box<dyn Collector>; 3] = [
            Box::new(collectors.requests.clone()),
            Box::new(collectors.seconds.clone()),
            Box::new(collectors.running.clone()),
        ];
        all.into_iter()
            .try_for_each(|collector| registry.register(collector))?;
        Ok(Self(Arc::new(collectors)))
    }

    /// Serves a request and counts it: `App::new().wrap(from_fn(move |request, next| …))`.
    pub async fn observe<B: MessageBody + 'static>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<B>, Error> {
        let method = known(request.method());
        let started = Instant::now();
        let running = Running::begin(&self.0.running);
        let answer = next.call(request).await;
        drop(running);
        let (status, route) = match &answer {
            Ok(response) => (response.status(), response.request().match_pattern()),
            Err(error) => (error.as_response_error().status_code(), None),
        };
        let route = route.as_deref().unwrap_or("unmatched");
        self.count(method, route, status);
        let seconds = self.0.seconds.with_label_values(&[route]);
        seconds.observe(started.elapsed().as_secs_f64());
        answer
    }

    fn count(&self, method: &str, route: &str, status: StatusCode) {
        let labels = [method, route, status.as_str()];
        self.0.requests.with_label_values(&labels).inc();
    }
}

/// One of the running requests, also if its caller goes away.
struct Running(IntGauge);

impl Running {
    fn begin(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Anybody can make up a method.
pub(crate) fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpResponse, middleware::from_fn, test, web};
    use prometheus::TextEncoder;

    use super::*;

    #[actix_web::test]
    async fn requests_are_counted_by_what_they_met() {
        let registry = Registry::new();
        let metrics = HttpMetrics::new(&registry).unwrap();
        let counting = metrics.clone();
        let app = App::new()
            .wrap(from_fn(move |request, next| {
                counting.clone().observe(request, next)
            }))
            .route("/{id}", web::get().to(HttpResponse::Ok))
            .route(
                "/{id}/broken",
                web::get().to(async || -> Result<HttpResponse, Error> {
                    Err(actix_web::error::ErrorConflict("no"))
                }),
            );
        let app = test::init_service(app).await;
        for (method, path) in [
            ("GET", "/tenant-secret"),
            ("GET", "/other"),
            ("GET", "/x/broken"),
            ("MADEUP", "/a/b/c"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = test::TestRequest::with_uri(path).method(method);
            let _ = test::try_call_service(&app, request.to_request()).await;
        }
        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            "scm_http_requests_total{method=\"GET\",route=\"/{id}\",status=\"200\"} 2",
            "scm_http_requests_total{method=\"GET\",route=\"/{id}/broken\",status=\"409\"} 1",
            "scm_http_requests_total{method=\"other\",route=\"unmatched\",status=\"404\"} 1",
            "scm_http_request_seconds_count{route=\"/{id}\"} 2",
            "scm_http_requests_running 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}:\n{text}");
        }
        assert!(!text.contains("tenant-secret"), "{text}");
        assert!(HttpMetrics::new(&registry).is_err());
    }
}
