//! A second listener for probes and metrics, where the first one is open to others.

use std::net::SocketAddr;

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    web::{self, ServiceConfig},
};
use anyhow::Context as _;

/// The listener, until it is stopped.
pub(super) struct Beside(ServerHandle);

impl Beside {
    /// Begins to listen. Fails if it cannot.
    pub(super) fn listen<P, M>(
        address: SocketAddr,
        probes: P,
        metrics: Option<M>,
    ) -> anyhow::Result<Self>
    where
        P: FnOnce(&mut ServiceConfig) + Clone + Send + 'static,
        M: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    {
        let server = HttpServer::new(move || {
            App::new()
                .configure(probes.clone())
                .configure(|app| {
                    if let Some(metrics) = &metrics {
                        metrics(app);
                    }
                })
                .default_service(web::to(scm_http::fallback))
        })
        .workers(1)
        .disable_signals()
        .bind(address)
        .with_context(|| format!("cannot listen on {address} (metrics.listen)"))?;
        for address in server.addrs() {
            tracing::info!("probes and metrics on http://{address}");
        }
        let server: Server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self(handle))
    }

    /// Stops at once: nobody waits for an answer that matters.
    pub(super) async fn stop(self) {
        self.0.stop(false).await;
    }
}
