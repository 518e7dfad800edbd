//! Open connections: how many there may be, and how long those may stay that are not used.
//!
//! - The HTTP layer gives the head of a connection's first request a limit, and none to that of a later
//!   one. So connections are kept open only while there is plenty of room: as soon as half of them are
//!   taken, each is closed behind its answer. Whoever sits on the one half cannot take the other, where
//!   every head has its limit.
//! - A connection needs a file descriptor; the limit of those is raised as far as it goes.

use std::{
    any::Any,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{Extensions, ServiceRequest, ServiceResponse},
    http::ConnectionType,
    middleware::Next,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors beside those of connections: databases, code hosts, files.
const OTHERS: u64 = 512;

/// Counts the open connections.
#[derive(Clone)]
pub(super) struct Connections {
    open: Arc<AtomicUsize>,
    most: usize,
}

/// One of them, until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    pub(super) fn new(most: Option<NonZeroU32>) -> Self {
        let most = most.map_or(usize::MAX, |most| {
            usize::try_from(most.get()).unwrap_or(usize::MAX)
        });
        Self {
            open: Arc::default(),
            most,
        }
    }

    /// How many of them each worker may have.
    pub(super) fn for_each_of(&self, workers: usize) -> usize {
        self.most.div_ceil(workers.max(1))
    }

    /// Notes a new one.
    pub(super) fn opened(&self, _: &dyn Any, data: &mut Extensions) {
        self.open.fetch_add(1, Ordering::Relaxed);
        data.insert(Open(Arc::clone(&self.open)));
    }

    /// Answers a request, and has the connection closed behind it if there is not much room.
    pub(super) async fn observe<B: MessageBody>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<B>, Error> {
        let mut response = next.call(request).await?;
        if self.open.load(Ordering::Relaxed) > self.most / 2 {
            let head = response.response_mut().head_mut();
            head.set_connection_type(ConnectionType::Close);
        }
        Ok(response)
    }
}

/// Raises the limit of open files to what connections need, as far as that is allowed. Says so if it does
/// not reach.
pub(super) fn raise_file_limit(connections: Option<NonZeroU32>) {
    let limit = getrlimit(Resource::Nofile);
    let (Some(current), Some(needed)) = (limit.current, connections) else {
        return;
    };
    let needed = u64::from(needed.get()) + OTHERS;
    if current >= needed {
        return;
    }
    let reached = limit.maximum.map_or(needed, |most| most.min(needed));
    let raised = Rlimit {
        current: Some(reached.max(current)),
        ..limit
    };
    let raised = setrlimit(Resource::Nofile, raised).is_ok();
    let files = if raised {
        reached.max(current)
    } else {
        current
    };
    if files < needed {
        tracing::warn!(
            files,
            needed,
            "the limit of open files is lower than limits.connections needs; raise it (LimitNOFILE, \
             ulimit -n) or allow fewer connections"
        );
    }
}
