//! The operations' common ground: storage, code hosts and time, given by whoever embeds this.
//!
//! No global state and no look at the environment: several instances can live in one process.

use std::{sync::Arc, time::Duration};

use scm_providers::{
    ProviderDescription, ProviderHost, Registry, RegistryError, TransportSettings,
};
use scm_store::{Cipher, IdempotencyController, RenewalController, ScmIntegrationController};
use scm_types::{Caller, Clock, RepoUrl, Role, SystemClock, TenantScope};

use crate::{
    ServiceError,
    renewal::{LEAST_MARGIN, Renewals},
};

/// Why the services could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The list of hosts cannot be used.
    #[error("the list of code hosts cannot be used")]
    Hosts(#[from] RegistryError),
}

/// Every operation on integrations. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub(crate) integrations: ScmIntegrationController,
    pub(crate) idempotency: IdempotencyController,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) renewals: Arc<Renewals>,
}

impl Services {
    /// Starts from a controller, with the public hosts, default limits and the machine's clock.
    #[must_use]
    pub fn builder(
        database: scm_store::DatabaseConnection,
        cipher: Arc<Cipher>,
    ) -> ServicesBuilder {
        ServicesBuilder {
            database,
            cipher,
            hosts: ProviderHost::public(),
            transport: TransportSettings::default(),
            clock: Arc::new(SystemClock),
            refresh_margin: LEAST_MARGIN,
            #[cfg(any(test, feature = "faults"))]
            stop: None,
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
    database: scm_store::DatabaseConnection,
    cipher: Arc<Cipher>,
    hosts: Vec<ProviderHost>,
    transport: TransportSettings,
    clock: Arc<dyn Clock>,
    refresh_margin: Duration,
    #[cfg(any(test, feature = "faults"))]
    stop: Option<Box<dyn Fn(crate::RenewalStep) -> bool + Send + Sync>>,
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

    /// How long before its end a token is renewed at the latest; five minutes unless set. One whose
    /// life is known is renewed in the last fifth of it.
    #[must_use]
    pub fn refresh_margin(mut self, margin: Duration) -> Self {
        self.refresh_margin = margin;
        self
    }

    /// Stops a renewal for good at each step of which this says so, as a process does that is
    /// killed there. For tests.
    #[cfg(any(test, feature = "faults"))]
    #[must_use]
    pub fn stop_renewals(
        mut self,
        stop: impl Fn(crate::RenewalStep) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// The services; fails if the list of hosts cannot be used. Calls nobody.
    pub fn build(self) -> Result<Services, BuildError> {
        let operation = self.transport.operation_budget;
        let registry = Registry::new(self.hosts, self.transport, Arc::clone(&self.clock))?;
        let registry = Arc::new(registry);
        let leases = RenewalController::new(self.database.clone());
        #[cfg_attr(
            not(any(test, feature = "faults")),
            expect(unused_mut, reason = "tests set more")
        )]
        let mut renewals = Renewals::new(leases, self.refresh_margin, operation);
        #[cfg(any(test, feature = "faults"))]
        if let Some(stop) = self.stop {
            renewals.set_stop(stop);
        }
        let idempotency =
            IdempotencyController::new(self.database.clone(), Arc::clone(&self.clock));
        let integrations =
            ScmIntegrationController::new(self.database, self.cipher, Arc::clone(&self.clock));
        let hosts = Arc::clone(&registry);
        let integrations = integrations.with_apps(move |url| {
            RepoUrl::parse(url, hosts.web_hosts()).is_ok_and(|url| hosts.has_app(&url))
        });
        Ok(Services {
            integrations,
            idempotency,
            registry,
            clock: self.clock,
            renewals: Arc::new(renewals),
        })
    }
}
