//! The operations' common ground: storage, code hosts and time, given by whoever embeds this.
//!
//! No global state and no look at the environment: several instances can live in one process.

use std::{sync::Arc, time::Duration};

use scm_providers::{
    ProviderDescription, ProviderHost, Registry, RegistryError, TransportSettings,
};
use scm_store::{
    ApiKeyController, AuditController, Cipher, ConnectOptions, DatabaseConnection, EventController,
    IdempotencyController, InboxController, InboxLimits, JobController, RefController,
    RenewalController, ScmIntegrationController, ServerController,
};
use scm_trace::Tracer;
use scm_types::{Actor, Caller, Clock, RepoUrl, Role, SystemClock, TenantScope};
use url::Url;

use crate::{
    EventSink, ServiceError,
    authentication::StoredKeys,
    metrics::{self, HostMetrics, Metrics},
    renewal::{LEAST_MARGIN, Renewals},
    webhooks::{Watcher, Webhooks},
    work::Receiver,
};

/// Why the services could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The list of hosts cannot be used.
    #[error("the list of code hosts cannot be used")]
    Hosts(#[from] RegistryError),
    /// The registry of metrics has those of another instance.
    #[error("the metrics could not be registered; give each instance a registry of its own")]
    Metrics(#[from] prometheus::Error),
}

/// Every operation on integrations. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub(crate) integrations: ScmIntegrationController,
    pub(crate) audit: AuditController,
    pub(crate) idempotency: IdempotencyController,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Tracer,
    pub(crate) renewals: Arc<Renewals>,
    pub(crate) jobs: JobController,
    pub(crate) refs: RefController,
    pub(crate) servers: ServerController,
    pub(crate) keys: Arc<StoredKeys>,
    pub(crate) receiver: Receiver,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) metrics: Metrics,
    pub(crate) database: DatabaseConnection,
    pub(crate) cipher: Arc<Cipher>,
    pub(crate) sink: Option<Arc<dyn EventSink>>,
}

impl Services {
    /// Starts from a controller, with the public hosts, default limits and the machine's clock.
    #[must_use]
    pub fn builder(database: DatabaseConnection, cipher: Arc<Cipher>) -> ServicesBuilder {
        ServicesBuilder {
            database,
            cipher,
            hosts: ProviderHost::public(),
            transport: TransportSettings::default(),
            clock: Arc::new(SystemClock),
            tracer: None,
            refresh_margin: LEAST_MARGIN,
            receiver: None,
            metrics: None,
            sink: None,
            inbox: InboxLimits::default(),
            database_limit: None,
            #[cfg(any(test, debug_assertions, feature = "faults"))]
            stop: None,
            #[cfg(any(test, debug_assertions, feature = "faults"))]
            watch: None,
        }
    }

    /// The configured hosts, what credentials they take and what can be done there.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderDescription> {
        self.registry.describe()
    }

    /// The clock that expiry is told by.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Who begins traces.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// The same clock, for who outlives the borrow.
    #[must_use]
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The caller as whoever changes something, if it has at least `role`.
    pub(crate) fn actor(caller: &Caller, role: Role) -> Result<Actor, ServiceError> {
        Self::scope(caller, role)?;
        Ok(caller.actor())
    }

    /// The caller's part of the data, if it has at least `role` there.
    pub(crate) fn scope(caller: &Caller, role: Role) -> Result<TenantScope, ServiceError> {
        if caller.may(role) {
            Ok(caller.scope())
        } else {
            Err(ServiceError::Forbidden { needs: role })
        }
    }
}

/// Puts [`Services`] together.
pub struct ServicesBuilder {
    database: DatabaseConnection,
    cipher: Arc<Cipher>,
    hosts: Vec<ProviderHost>,
    transport: TransportSettings,
    clock: Arc<dyn Clock>,
    tracer: Option<Tracer>,
    refresh_margin: Duration,
    receiver: Option<Url>,
    metrics: Option<prometheus::Registry>,
    sink: Option<Arc<dyn EventSink>>,
    inbox: InboxLimits,
    database_limit: Option<Duration>,
    #[cfg(any(test, debug_assertions, feature = "faults"))]
    stop: Option<Box<dyn Fn(crate::RenewalStep) -> bool + Send + Sync>>,
    #[cfg(any(test, debug_assertions, feature = "faults"))]
    watch: Option<crate::webhooks::Told>,
}

impl ServicesBuilder {
    /// The code hosts that tenants may connect to, instead of the three public ones.
    #[must_use]
    pub fn hosts(mut self, hosts: Vec<ProviderHost>) -> Self {
        self.hosts = hosts;
        self
    }

    /// Limits of calls to code hosts.
    #[must_use]
    pub fn transport(mut self, settings: TransportSettings) -> Self {
        self.transport = settings;
        self
    }

    /// Another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who begins traces and takes what is recorded of them. Without one, calls to code hosts and pushed
    /// events have ids, and nothing is recorded.
    #[must_use]
    pub fn tracer(mut self, tracer: Tracer) -> Self {
        self.tracer = Some(tracer);
        self
    }

    /// How long before its end a token is renewed at the latest; five minutes unless set. One whose
    /// life is known is renewed in the last fifth of it.
    #[must_use]
    pub fn refresh_margin(mut self, margin: Duration) -> Self {
        self.refresh_margin = margin;
        self
    }

    /// The registry that shows what is counted; without one it is counted for nobody. Each instance
    /// needs one of its own.
    #[must_use]
    pub fn metrics(mut self, registry: &prometheus::Registry) -> Self {
        self.metrics = Some(registry.clone());
        self
    }

    /// The public address that code hosts deliver to, without the integration's id that follows: the
    /// address of the mounted API, and `webhooks` below it. Without one no webhook can be registered.
    #[must_use]
    pub fn receiver_url(mut self, base: Option<Url>) -> Self {
        self.receiver = base;
        self
    }

    /// How long one call to the database may take, waiting for a connection and repeating included,
    /// instead of 15 seconds: [`ConnectOptions::call_limit`] of a pool that was not made with the
    /// defaults.
    #[must_use]
    pub fn database_limit(mut self, limit: Duration) -> Self {
        self.database_limit = Some(limit);
        self
    }

    /// How many deliveries may wait to be stored, instead of 512 of 64 MiB together.
    #[must_use]
    pub fn inbox_limits(mut self, limits: InboxLimits) -> Self {
        self.inbox = limits;
        self
    }

    /// Who is handed events by [`Services::push_events`]. Without one they are only told to who asks.
    #[must_use]
    pub fn event_sink(mut self, sink: Arc<dyn EventSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Stops a renewal for good at each step of which this says so, as a process does that is
    /// killed there. For tests.
    #[cfg(any(test, debug_assertions, feature = "faults"))]
    #[must_use]
    pub fn stop_renewals(
        mut self,
        stop: impl Fn(crate::RenewalStep) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// Is told of each step of each delivery, and may keep it there. For tests.
    #[cfg(any(test, debug_assertions, feature = "faults"))]
    #[must_use]
    pub fn watch_deliveries(
        mut self,
        watch: impl Fn(crate::DeliveryStep) + Send + Sync + 'static,
    ) -> Self {
        self.watch = Some(Arc::new(watch));
        self
    }

    /// The services; fails if the list of hosts cannot be used, or the registry of metrics. Calls
    /// nobody.
    pub fn build(mut self) -> Result<Services, BuildError> {
        let tracer = self.tracer;
        let tracer = tracer.unwrap_or_else(|| Tracer::new(Arc::clone(&self.clock)));
        metrics::watch_database(&mut self.database, self.metrics.as_ref(), &tracer)?;
        let operation = self.transport.operation_budget;
        let registry = match &self.metrics {
            None => Registry::new(self.hosts, self.transport, Arc::clone(&self.clock))?,
            Some(shown) => Registry::watched_by(
                Arc::new(HostMetrics::new(shown)?),
                self.hosts,
                self.transport,
                Arc::clone(&self.clock),
            )?,
        };
        let registry = Arc::new(registry);
        let limit = self
            .database_limit
            .unwrap_or_else(|| ConnectOptions::default().call_limit());
        let leases = RenewalController::new(self.database.clone()).with_time_limit(limit);
        #[cfg_attr(
            not(any(test, debug_assertions, feature = "faults")),
            expect(unused_mut, reason = "tests set more")
        )]
        let mut renewals = Renewals::new(leases, self.refresh_margin, operation);
        #[cfg(any(test, debug_assertions, feature = "faults"))]
        if let Some(stop) = self.stop {
            renewals.set_stop(stop);
        }
        let audit = AuditController::new(self.database.clone(), Arc::clone(&self.clock))
            .with_time_limit(limit);
        let idempotency =
            IdempotencyController::new(self.database.clone(), Arc::clone(&self.clock))
                .with_time_limit(limit);
        let keys = ApiKeyController::new(self.database.clone(), Arc::clone(&self.clock))
            .with_time_limit(limit);
        let metrics = Metrics::new(self.metrics.as_ref())?;
        if self.metrics.is_some() {
            let metrics = metrics.clone();
            self.cipher
                .watch(move |key, what| metrics.secret(key, what));
        }
        let jobs = JobController::new(self.database.clone(), Arc::clone(&self.cipher))
            .with_time_limit(limit);
        let refs = RefController::new(self.database.clone(), Arc::clone(&self.cipher))
            .with_time_limit(limit);
        let servers = ServerController::new(self.database.clone()).with_time_limit(limit);
        let integrations = ScmIntegrationController::new(
            self.database.clone(),
            Arc::clone(&self.cipher),
            Arc::clone(&self.clock),
        )
        .with_time_limit(limit);
        #[cfg(any(test, debug_assertions, feature = "faults"))]
        let watcher = Watcher::new(self.watch);
        #[cfg(not(any(test, debug_assertions, feature = "faults")))]
        let watcher = Watcher::default();
        let inbox = InboxController::new(
            self.database.clone(),
            Arc::clone(&self.cipher),
            Arc::clone(&self.clock),
        );
        let inbox = inbox.with_limits(self.inbox).with_time_limit(limit);
        let events = EventController::new(self.database.clone(), Arc::clone(&self.cipher));
        let webhooks = Webhooks::new(inbox, events.with_time_limit(limit), watcher);
        let hosts = Arc::clone(&registry);
        let integrations = integrations.with_apps(move |url| {
            RepoUrl::parse(url, hosts.web_hosts()).is_ok_and(|url| hosts.has_app(&url))
        });
        Ok(Services {
            integrations,
            audit,
            idempotency,
            registry,
            clock: self.clock,
            tracer,
            renewals: Arc::new(renewals),
            jobs,
            refs,
            servers,
            keys: Arc::new(StoredKeys::new(keys)),
            receiver: Receiver::new(self.receiver),
            webhooks: Arc::new(webhooks),
            metrics,
            database: self.database,
            cipher: self.cipher,
            sink: self.sink,
        })
    }
}
