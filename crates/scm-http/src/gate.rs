//! How much of everything is let in: failed attempts, requests, deliveries, and all at once.
//!
//! - A failed attempt is a credential that is not accepted. Whoever has made too many from one
//!   address is asked to wait; a good credential from there is accepted all the same, for many
//!   people can stand behind one address.
//! - Requests are limited by address before anything is looked at, and by tenant and by account as
//!   soon as they are known. What is closest to its end is told in `RateLimit-*`.
//! - A request has its place among those at work from its beginning to its answer, but not while its
//!   body is awaited: clients that send slowly take no place from those that do not.
//! - Each replica counts for itself.

use std::{
    cell::RefCell, future::Future, net::IpAddr, num::NonZeroU32, pin::pin, rc::Rc, sync::Arc,
};

use actix_web::{
    HttpMessage as _, HttpRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use futures_util::poll;
use scm_types::{Caller, Clock, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    ApiError,
    limit::{Limiter, Taken},
    proxies::{TrustedProxies, counted},
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How much is let in. Numbers are per minute, evenly, and as many at once; `None` is any number.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Credentials from one address that are not accepted.
    pub failed_attempts: Option<NonZeroU32>,
    /// Requests from one address.
    pub address: Option<NonZeroU32>,
    /// Requests for one tenant.
    pub tenant: Option<NonZeroU32>,
    /// Requests of one account in one tenant, or on the platform.
    pub account: Option<NonZeroU32>,
    /// Deliveries of code hosts from one address; those are not counted as requests.
    pub deliveries: Option<NonZeroU32>,
    /// Requests at the same time, over all; those that wait for events are among them.
    pub concurrent: Option<NonZeroU32>,
    /// Who is believed about whom it speaks for.
    pub proxies: TrustedProxies,
}

/// What stands in front of every route.
pub(crate) struct Gate {
    clock: Arc<dyn Clock>,
    proxies: TrustedProxies,
    failed_attempts: Option<Limiter<IpAddr>>,
    address: Option<Limiter<IpAddr>>,
    tenant: Option<Limiter<String>>,
    account: Option<Limiter<(String, String)>>,
    deliveries: Option<Limiter<IpAddr>>,
    concurrent: Option<Arc<Semaphore>>,
}

/// The place of a request among those at work.
#[derive(Clone, Default)]
pub(crate) struct Place(Option<Rc<Held>>);

struct Held {
    room: Arc<Semaphore>,
    permit: RefCell<Option<OwnedSemaphorePermit>>,
}

impl Place {
    /// That of a request which was let in.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    fn take(room: &Arc<Semaphore>) -> Result<Self, ApiError> {
        let held = Held {
            room: Arc::clone(room),
            permit: RefCell::default(),
        };
        held.enter()?;
        Ok(Self(Some(Rc::new(held))))
    }

    /// Gives the place up while something that the client sends is awaited. Fails if there is none left
    /// when it has come.
    pub(crate) async fn outside<T>(&self, sending: impl Future<Output = T>) -> Result<T, ApiError> {
        let mut sending = pin!(sending);
        // What is there already, as nearly always, costs nobody its place.
        if let std::task::Poll::Ready(sent) = poll!(sending.as_mut()) {
            return Ok(sent);
        }
        self.leave();
        let sent = sending.await;
        if let Some(held) = &self.0 {
            held.enter()?;
        }
        Ok(sent)
    }

    /// The request is answered.
    pub(crate) fn leave(&self) {
        if let Some(held) = &self.0 {
            held.permit.take();
        }
    }
}

impl Held {
    fn enter(&self) -> Result<(), ApiError> {
        let permit = Arc::clone(&self.room).try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::Overloaded)?;
        self.permit.replace(Some(permit));
        Ok(())
    }
}

/// What is known of the limits of a request.
#[derive(Clone, Copy)]
struct Told(Taken);

impl Gate {
    pub(crate) fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let concurrent = limits.concurrent.map(|limit| {
            let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
            Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))
        });
        Self {
            clock,
            proxies: limits.proxies,
            failed_attempts: limits.failed_attempts.map(Limiter::per_minute),
            address: limits.address.map(Limiter::per_minute),
            tenant: limits.tenant.map(Limiter::per_minute),
            account: limits.account.map(Limiter::per_minute),
            deliveries: limits.deliveries.map(Limiter::per_minute),
            concurrent,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a request is counted under. Without an address, as on a Unix socket, all are one.
    fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let peer = peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        counted(self.proxies.client(peer, request.headers()))
    }

    /// Lets a request in, before anything of it is looked at; its place is to be left when it is
    /// answered.
    pub(crate) fn enter(
        &self,
        request: &HttpRequest,
        is_delivery: bool,
    ) -> Result<Place, ApiError> {
        let place = match &self.concurrent {
            None => Place::default(),
            Some(room) => Place::take(room)?,
        };
        let limiter = if is_delivery {
            &self.deliveries
        } else {
            &self.address
        };
        if let Some(limiter) = limiter {
            taken(request, limiter.take(&self.address(request), self.now()))?;
        }
        request.extensions_mut().insert(place.clone());
        Ok(place)
    }

    /// Counts a request for its caller.
    pub(crate) fn known(&self, request: &HttpRequest, caller: &Caller) -> Result<(), ApiError> {
        let tenant = caller.access.tenant().map(ToString::to_string);
        if let Some(limiter) = &self.account {
            let key = (
                tenant.clone().unwrap_or_default(),
                caller.account.to_string(),
            );
            taken(request, limiter.take(&key, self.now()))?;
        }
        if let (Some(limiter), Some(tenant)) = (&self.tenant, tenant) {
            taken(request, limiter.take(&tenant, self.now()))?;
        }
        Ok(())
    }

    /// Counts a credential that is not accepted; what its sender is to be told.
    pub(crate) fn refused(&self, request: &HttpRequest) -> ApiError {
        let taken = self
            .failed_attempts
            .as_ref()
            .map(|limiter| limiter.take(&self.address(request), self.now()));
        match taken.and_then(|taken| taken.wait) {
            Some(wait) => ApiError::TooManyFailures { wait },
            None => ApiError::Unauthenticated,
        }
    }
}

/// Notes what is left, the least of all that was asked.
fn taken(request: &HttpRequest, taken: Taken) -> Result<(), ApiError> {
    let mut extensions = request.extensions_mut();
    let least = extensions.get::<Told>();
    if least.is_none_or(|least| taken.wait.is_some() || taken.remaining < least.0.remaining) {
        extensions.insert(Told(taken));
    }
    match taken.wait {
        None => Ok(()),
        Some(wait) => Err(ApiError::RateLimited { wait }),
    }
}

/// Says in an answer what is left.
pub(crate) fn tell(request: &HttpRequest, headers: &mut HeaderMap) {
    if let Some(Told(taken)) = request.extensions().get::<Told>() {
        headers.insert(LIMIT, HeaderValue::from(taken.limit));
        headers.insert(REMAINING, HeaderValue::from(taken.remaining));
        headers.insert(RESET, HeaderValue::from(taken.reset));
    }
}
