//! `serve`: opens the database, listens, and stops when it is asked to.

mod health;
mod keys;
mod stop;

use std::{process::ExitCode, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use scm_http::Authentication;
use scm_providers::TransportSettings;
use scm_service::Services;
use scm_types::{Clock, SystemClock};

use crate::{
    config::{AuthMode, Config},
    database::{self, Opened},
    telemetry,
};

/// Where the API is mounted.
const PREFIX: &str = "/api/v1/integrations/scm";

/// How long the database may take to close its connections.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs the server until it is told to stop.
pub(crate) fn run(config: Config, migrate: bool) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    // The request workers have runtimes of their own; this one accepts, waits for signals and
    // serves the database pool's upkeep.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(serve(config, migrate))?;
    Ok(ExitCode::SUCCESS)
}

fn transport(config: &Config) -> TransportSettings {
    TransportSettings {
        connect_timeout: Duration::from_secs(config.providers.connect_timeout_seconds),
        request_timeout: Duration::from_secs(config.providers.request_timeout_seconds),
        operation_budget: Duration::from_secs(config.providers.budget_seconds),
        ..TransportSettings::default()
    }
}

fn authentication(config: &Config) -> anyhow::Result<Authentication> {
    Ok(match config.auth.mode {
        AuthMode::None => Authentication::Open {
            account: config.auth.account()?,
        },
        AuthMode::ApiKeys => Authentication::ApiKeys(config.auth.api_keys()?),
    })
}

async fn serve(config: Config, migrate: bool) -> anyhow::Result<()> {
    // From here on a SIGHUP does not end the process.
    let hangup = keys::hangup()?;
    let Opened { db, keys } = database::open(&config, migrate).await?;
    let cipher = keys.cipher();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let services = Services::builder(db.clone(), Arc::clone(&cipher))
        .hosts(config.provider_hosts()?)
        .transport(transport(&config))
        .clock(clock)
        .build()?;
    tokio::spawn(adopt(services.clone()));
    let api = scm_http::configure(services, authentication(&config)?);
    let health = Arc::new(health::ServerHealth::new(db.clone(), cipher));
    let draining = health.draining();
    let probes = scm_http::configure_health(health);

    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    };
    let server = HttpServer::new(move || {
        App::new()
            .service(web::scope(PREFIX).configure(api.clone()))
            .configure(probes.clone())
            .default_service(web::to(scm_http::fallback))
    })
    .workers(workers)
    .disable_signals()
    .shutdown_timeout(config.shutdown_timeout_seconds)
    .bind(config.listen)
    .with_context(|| format!("cannot listen on {}", config.listen))?;
    let addresses = server.addrs();
    let server = server.run();

    announce(&config, &addresses)?;
    let drain = Duration::from_secs(config.drain_seconds);
    let keys = keys::KeyWatch::new(config.key_source()?, keys, config.keys_check());
    let watching = tokio::spawn(keys.run(hangup));
    let stopping = tokio::spawn(stop::on_signal(server.handle(), draining, drain));
    server.await.context("the server failed")?;
    stopping.abort();
    watching.abort();
    // A frozen database must not keep the process.
    if tokio::time::timeout(CLOSING, db.close()).await.is_err() {
        tracing::warn!("the database did not take leave in time");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Takes over rows that an old writer of the same table has made since the last start. Requests
/// need not wait for it.
async fn adopt(services: Services) {
    match services.adopt_rows().await {
        Ok(done) if done == scm_store::FilledKeys::default() => {}
        Ok(done) => tracing::info!(
            filled = done.filled,
            not_understood = done.not_understood,
            duplicates = done.duplicates,
            "took over rows of an old writer; those not understood have a URL on no configured host"
        ),
        Err(error) => tracing::warn!(%error, "rows of an old writer were not taken over"),
    }
}

/// The line that says where the server listens, where its data is and who is let in.
fn announce(config: &Config, addresses: &[std::net::SocketAddr]) -> anyhow::Result<()> {
    let listen: Vec<_> = addresses
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let who = match config.auth.mode {
        AuthMode::None => "no authentication (loopback only)",
        AuthMode::ApiKeys => "API keys",
    };
    tracing::info!(
        "listening on {}, {}, {who}",
        listen.join(", "),
        config.database_label()?
    );
    Ok(())
}
