//! The operations' common ground: storage, code hosts and time, given by whoever embeds this.
//!
//! No global state and no look at the environment: several instances can live in one process.

use std::sync::Arc;

use scm_providers::{
    ProviderDescription, ProviderHost, Registry, RegistryError, TransportSettings,
};
use scm_store::{Cipher, IdempotencyController, ScmIntegrationController};
use scm_types::{Caller, Clock, Role, SystemClock, TenantScope};

use crate::ServiceError;

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

    /// The services; fails if the list of hosts cannot be used. Calls nobody.
    pub fn build(self) -> Result<Services, BuildError> {
        let registry = Registry::new(self.hosts, self.transport, Arc::clone(&self.clock))?;
        let idempotency =
            IdempotencyController::new(self.database.clone(), Arc::clone(&self.clock));
        let integrations =
            ScmIntegrationController::new(self.database, self.cipher, Arc::clone(&self.clock));
        Ok(Services {
            integrations,
            idempotency,
            registry: Arc::new(registry),
            clock: self.clock,
        })
    }
}
