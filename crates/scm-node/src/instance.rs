//! An opened instance: its runtime, its services, and how both end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use scm_service::{DatabaseConnection, Services};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    fault::Fault,
    open::{self, Options},
    routes::{self, Door},
};

/// Threads of an instance's runtime. Its work is waiting for a database and for code hosts.
const THREADS: usize = 2;
/// How long calls may go on when an instance is closed.
const GRACE: Duration = Duration::from_secs(10);
/// More calls at a time than memory has room for.
const CALLS: u32 = 1_000_000;
/// How many calls are at the database at a time; the others wait for their turn, as long as it takes.
const AT_THE_DATABASE: usize = 64;

/// The parts of an instance until it is closed.
struct Opened {
    // Dropped without waiting; `Option` so that it can be taken out for that.
    runtime: Option<Runtime>,
    services: Services,
    db: DatabaseConnection,
    door: Option<Door>,
    calls: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // An instance that was never closed, collected or left when its thread of Node ended: that
        // thread must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An instance, open or closed.
pub(crate) struct Instance(Mutex<Option<Opened>>);

/// What a call is made with. The instance is not closed before it is dropped.
pub(crate) struct Ready {
    pub(crate) services: Services,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) call: OwnedSemaphorePermit,
    /// Held while the database is asked.
    pub(crate) turns: Arc<Semaphore>,
}

impl Instance {
    /// Opens one. Blocks.
    pub(crate) fn open(options: Options) -> Result<Self, Fault> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("scm-runtime")
            .enable_all()
            .build()
            .map_err(|_| Fault::no_thread())?;
        let (services, db) = runtime.block_on(open::open(options))?;
        Ok(Self(Mutex::new(Some(Opened {
            runtime: Some(runtime),
            services,
            db,
            door: None,
            calls: Arc::new(Semaphore::new(CALLS as usize)),
            turns: Arc::new(Semaphore::new(AT_THE_DATABASE)),
        }))))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Opened) -> Result<T, Fault>) -> Result<T, Fault> {
        // Nothing panics while it is held; what is in it is whole in any case.
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(opened.as_mut().ok_or_else(Fault::closed)?)
    }

    /// What a call needs; fails if the instance is closed.
    pub(crate) fn ready(&self) -> Result<Ready, Fault> {
        self.with(|opened| {
            let runtime = opened.runtime.as_ref().ok_or_else(Fault::closed)?;
            let call = Arc::clone(&opened.calls).try_acquire_owned();
            Ok(Ready {
                services: opened.services.clone(),
                runtime: runtime.handle().clone(),
                call: call.map_err(|_| Fault::closed())?,
                turns: Arc::clone(&opened.turns),
            })
        })
    }

    /// The way to the routes, whose thread is started at the first request.
    pub(crate) fn door(&self) -> Result<Door, Fault> {
        self.with(|opened| {
            if let Some(door) = &opened.door {
                return Ok(door.clone());
            }
            let door = routes::start(opened.services.clone()).map_err(|_| Fault::no_thread())?;
            opened.door = Some(door.clone());
            Ok(door)
        })
    }

    /// Lets no call in any more, waits for those that run, and gives everything back. Blocks. Closing
    /// again does nothing.
    pub(crate) fn close(&self) {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut opened) = opened else {
            return;
        };
        let Some(runtime) = opened.runtime.take() else {
            return;
        };
        let (calls, db) = (Arc::clone(&opened.calls), opened.db.clone());
        opened.door = None;
        drop(opened);
        runtime.block_on(async move {
            if timeout(GRACE, calls.acquire_many(CALLS)).await.is_err() {
                tracing::warn!("calls were broken off when the services were closed");
            }
            open::close(db).await;
        });
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}
