//! `serve`: opens the database, listens, and stops when it is asked to.

mod beside;
mod connections;
mod deliveries;
mod events;
mod health;
mod jobs;
mod keys;
mod metrics;
mod notify;
mod reload;
mod stop;

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{App, HttpServer, middleware::from_fn, web};
use anyhow::Context as _;
use scm_http::{Api, ApiDocument, Authentication, HttpMetrics};
use scm_providers::TransportSettings;
use scm_service::Services;
use scm_types::{Clock, SystemClock};
use url::Url;

use crate::{
    cli::Serve,
    config::{AuthMode, Config, Sources},
    database::{self, Opened},
    telemetry::{self, LogFilter},
    tls::Certificates,
    traces::Exporter,
};

/// Where the API is mounted.
pub(crate) const PREFIX: &str = "/api/v1/integrations/scm";

/// Where the paths of delivr are mounted beside the root.
const PANEL_PREFIX: &str = "/api/v1";

/// How long the database may take to close its connections.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs the server until it is told to stop.
pub(crate) fn run(config: Config, sources: Sources, how: &Serve) -> anyhow::Result<ExitCode> {
    let filter = telemetry::start(&config.log)?;
    // The request workers have runtimes of their own; this one accepts, waits for signals and
    // serves the database pool's upkeep.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(serve(config, sources, filter, how))?;
    Ok(ExitCode::SUCCESS)
}

/// How code hosts are called.
pub(crate) fn transport(config: &Config) -> TransportSettings {
    TransportSettings {
        connect_timeout: Duration::from_secs(config.providers.connect_timeout_seconds),
        request_timeout: Duration::from_secs(config.providers.request_timeout_seconds),
        operation_budget: Duration::from_secs(config.providers.budget_seconds),
        trace_context: config.traces.code_hosts,
        ..TransportSettings::default()
    }
}

fn authentication(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Authentication> {
    Ok(match config.auth.bearers(clock)? {
        Some(bearers) => Authentication::Bearers(bearers),
        None => Authentication::Open {
            account: config.auth.account()?,
        },
    })
}

async fn serve(
    config: Config,
    sources: Sources,
    filter: LogFilter,
    how: &Serve,
) -> anyhow::Result<()> {
    // From here on a SIGHUP does not end the process.
    let (hangup, reload) = (keys::hangup()?, keys::hangup()?);
    let certificates = config.tls.files()?.map(Certificates::load).transpose()?;
    database::wait(&config, how.wait.duration()).await?;
    let Opened { db, keys } = database::open(&config, how.migrate).await?;
    let cipher = keys.cipher();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let registry = prometheus::Registry::new();
    metrics::build_info(&registry)?;
    let counting = HttpMetrics::new(&registry)?;
    let (tracer, exporter) = config.traces.tracer(Arc::clone(&clock))?;
    let services = Services::builder(db.clone(), Arc::clone(&cipher))
        .tracer(tracer)
        .hosts(config.provider_hosts()?)
        .transport(transport(&config))
        .refresh_margin(Duration::from_secs(config.providers.refresh_margin_seconds))
        .receiver_url(receiver(&config)?)
        .database_limit(config.database.call_limit())
        .clock(Arc::clone(&clock))
        .metrics(&registry);
    let authentication = authentication(&config, Arc::clone(&clock))?;
    let services = match config.events.sink(clock)? {
        Some(sink) => services.event_sink(sink),
        None => services,
    };
    #[cfg(debug_assertions)]
    let services = services
        .stop_renewals(|step| {
            crate::fault::reached(step.point());
            false
        })
        .watch_deliveries(|step| crate::fault::reached(step.point()));
    let services = services.build()?;
    tokio::spawn(adopt(services.clone()));
    let background = services.clone();
    let api = Api::new(services, authentication, config.limits()?);
    let panel_key = config.delivr.panel_key()?;
    let delivr = config.delivr.enabled;
    let delivr = delivr.then(|| api.configure_delivr(panel_key));
    let api = api.configure();
    let health = Arc::new(health::ServerHealth::new(db.clone(), cipher));
    let draining = health.draining();
    let probes = scm_http::configure_health(health);
    let docs = scm_http::configure_docs(&ApiDocument::new(PREFIX), config.docs.enabled);
    let mut metrics = config.shows_metrics().then(|| metrics::configure(registry));
    let beside = config.metrics.listen;
    let beside = beside.map(|address| (address, metrics.take()));
    let probes_beside = probes.clone();

    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    };
    let limits = config.connections();
    connections::raise_file_limit(limits.most);
    let connections = connections::Connections::new(limits.most);
    let (observed, for_each) = (connections.clone(), connections.for_each_of(workers));
    let server = HttpServer::new(move || {
        let (counting, connections) = (counting.clone(), observed.clone());
        App::new()
            .wrap(from_fn(move |request, next| {
                connections.clone().observe(request, next)
            }))
            .wrap(from_fn(move |request, next| {
                counting.clone().observe(request, next)
            }))
            .service(web::scope(PREFIX).configure(api.clone()))
            .configure(|app| {
                if let Some(delivr) = &delivr {
                    // The panel has called both, in the course of its versions.
                    delivr.clone()(app);
                    app.service(web::scope(PANEL_PREFIX).configure(delivr.clone()));
                }
            })
            .configure(probes.clone())
            .configure(docs.clone())
            .configure(|app| {
                if let Some(metrics) = &metrics {
                    metrics(app);
                }
            })
            .default_service(web::to(scm_http::fallback))
    })
    .workers(workers)
    .max_connections(for_each)
    .client_request_timeout(limits.head)
    .keep_alive(limits.idle)
    .on_connect(move |socket, data| connections.opened(socket, data))
    .disable_signals()
    .shutdown_timeout(config.shutdown_timeout_seconds);
    let server = match &certificates {
        Some(certificates) => server.bind_rustls_0_23(config.listen, certificates.server_config()?),
        None => server.bind(config.listen),
    };
    let server = server.with_context(|| format!("cannot listen on {}", config.listen))?;
    let addresses = server.addrs();
    let scheme = if certificates.is_some() {
        "https"
    } else {
        "http"
    };
    let beside = beside
        .map(|(address, metrics)| beside::Beside::listen(address, probes_beside, metrics))
        .transpose()?;
    let server = server.run();
    let sending = exporter.map(Exporter::start);

    // Whoever reads that the server listens may stop it.
    let signals = stop::Signals::catch()?;
    let status = announce(&config, scheme, &addresses)?;
    let drain = Duration::from_secs(config.drain_seconds);
    let keys = keys::KeyWatch::new(config.key_source()?, keys, config.keys_check());
    let watching = tokio::spawn(keys.run(hangup));
    let reloading = reload::Reload {
        sources,
        filter,
        certificates,
        every: config.keys_check(),
    };
    let reloading = tokio::spawn(reloading.run(reload));
    let alive = notify::keep_alive();
    notify::ready(&status);
    // Only now, so that a server that cannot listen takes no work.
    let jobs = jobs::Jobs::start(&background, &config);
    let stopped = jobs.switch().subscribe();
    let deliveries = deliveries::Deliveries::start(&background, &config, stopped);
    let stopped = jobs.switch().subscribe();
    let events = events::Events::start(&background, &config, stopped);
    let at_once = Arc::new(AtomicBool::new(false));
    let (switch, hurry) = (jobs.switch(), Arc::clone(&at_once));
    let stopping = stop::on_signal(signals, server.handle(), draining, switch, hurry, drain);
    let stopping = tokio::spawn(stopping);
    server.await.context("the server failed")?;
    stopping.abort();
    if let Some(beside) = beside {
        beside.stop().await;
    }
    // What is left then is done by another server, or by this one the next time.
    if !at_once.load(Ordering::SeqCst) {
        jobs.stop().await;
        deliveries.stop().await;
        events.stop().await;
    }
    for task in [Some(watching), Some(reloading), alive]
        .into_iter()
        .flatten()
    {
        task.abort();
    }
    if let Some(sending) = sending {
        let within = Duration::from_secs(config.shutdown_timeout_seconds);
        sending.stop(within).await;
    }
    // A frozen database must not keep the process.
    if tokio::time::timeout(CLOSING, db.close()).await.is_err() {
        tracing::warn!("the database did not take leave in time");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Where code hosts deliver to: below the API, which a proxy in front of the server may serve under a
/// path of its own.
fn receiver(config: &Config) -> anyhow::Result<Option<Url>> {
    let Some(mut url) = config.public_url()? else {
        return Ok(None);
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
        path.extend(PREFIX.split('/').skip(1)).push("webhooks");
    }
    Ok(Some(url))
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
fn announce(config: &Config, scheme: &str, addresses: &[SocketAddr]) -> anyhow::Result<String> {
    let listen: Vec<_> = addresses
        .iter()
        .map(|address| format!("{scheme}://{address}"))
        .collect();
    let who = match config.auth.mode {
        AuthMode::None => "no authentication (loopback only)",
        AuthMode::Bearers { jwt: false, .. } => "API keys",
        AuthMode::Bearers {
            api_keys: false, ..
        } => "signed tokens",
        AuthMode::Bearers { .. } => "API keys and signed tokens",
    };
    let status = format!(
        "listening on {}, {}, {who}",
        listen.join(", "),
        config.database_label()?
    );
    tracing::info!("{status}");
    Ok(status)
}
