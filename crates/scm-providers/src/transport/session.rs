//! Requests with one credential to one host.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{
    HeaderValue, Method, StatusCode,
    header::{self, InvalidHeaderValue},
};
use octocrab::Octocrab;
use scm_types::Timestamp;
use tokio::{
    sync::{OnceCell, SemaphorePermit},
    time::{Instant, sleep, sleep_until, timeout_at},
};
use url::Url;
use zeroize::Zeroizing;

use super::{Answer, Call, Failure, Transport, cache, failure::is_passing};
use crate::{Outage, ProviderError, rate_limit::CredentialKey, text};

/// How many redirects of a read are followed.
const MAX_HOPS: usize = 3;

/// Whom a session speaks for.
pub(super) struct Who<'a> {
    /// What must not be shown, whoever says it.
    pub(super) secret: &'a str,
    /// The header that it is presented in, if it is not presented otherwise.
    pub(super) authorization: Option<&'a str>,
    /// Under which credential calls are counted.
    pub(super) counted_as: CredentialKey,
}

/// How a session speaks.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// As the product's API wants it.
    Api,
    /// As OAuth's endpoints want it, which are no part of the API.
    Oauth,
}

/// A credential on the way to its host, for one operation. Has no `Debug`: it holds the credential.
pub struct Session {
    pub(super) transport: Transport,
    pub(super) manner: Manner,
    secret: Zeroizing<String>,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) credential: CredentialKey,
    // One per session: it runs a task of its own, which must not outlive the runtime it is on.
    pub(super) octocrab: OnceCell<Octocrab>,
    /// When the operation's time ends.
    pub(super) deadline: Instant,
    /// Calls of the credential's limit that are set aside for this operation.
    pub(super) aside: AtomicU32,
    /// Writes that follow after those that are reserved next.
    planned: AtomicU32,
    /// Slots for its writes.
    slots: Mutex<VecDeque<Instant>>,
    /// Whether nobody waits for it.
    pub(super) is_background: bool,
}

impl Session {
    pub(super) fn new(
        transport: Transport,
        who: &Who<'_>,
        manner: Manner,
    ) -> Result<Self, ProviderError> {
        let header = |text| {
            let mut value = HeaderValue::from_str(text)?;
            value.set_sensitive(true);
            Ok::<_, InvalidHeaderValue>(value)
        };
        let authorization = who.authorization.map(header).transpose();
        Ok(Self {
            deadline: Instant::now() + transport.settings().operation_budget,
            transport,
            manner,
            secret: Zeroizing::new(who.secret.to_owned()),
            authorization: authorization.map_err(|_| ProviderError::TokenInvalid { hint: None })?,
            credential: who.counted_as,
            octocrab: OnceCell::new(),
            aside: AtomicU32::new(0),
            planned: AtomicU32::new(0),
            slots: Mutex::default(),
            is_background: false,
        })
    }

    /// The session for work that nobody waits for: what is left of a limit goes to users first, and
    /// few such calls are made to a host at a time.
    #[must_use]
    pub(crate) fn in_background(mut self) -> Self {
        self.is_background = true;
        self
    }

    /// Leave for a call that nobody waits for, held while it lasts; none is needed for a call that
    /// somebody waits for. `is_aside` says that the call was set aside, in which case nothing but
    /// the number of calls at a time is asked about. A write waits no longer than it leaves time to
    /// look what became of it.
    pub(super) async fn leave(
        &self,
        method: &Method,
        is_aside: bool,
    ) -> Result<Option<SemaphorePermit<'_>>, ProviderError> {
        if !self.is_background {
            return Ok(None);
        }
        let budgets = &self.transport.shared().budgets;
        let room = async || {
            if is_aside {
                return Ok(());
            }
            budgets.check_background(self.credential).await
        };
        room().await?;
        let late = || ProviderError::outage(Outage::Timeout);
        let latest = match *method {
            Method::GET => Some(self.deadline),
            _ => self.latest_write(),
        };
        let latest = latest.ok_or_else(late)?;
        let permit = timeout_at(latest, self.transport.background().acquire()).await;
        let permit = permit.map_err(|_| late())?.map_err(|_| late())?;
        // What was left may have been used while this one waited.
        room().await?;
        Ok(Some(permit))
    }

    /// The host that this session talks to.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.transport.shared().clock.now()
    }

    /// A text of the host's that may be shown: see [`text::fact`]. The credential never is.
    pub(crate) fn fact(&self, raw: &str) -> Option<String> {
        text::fact(raw, &self.secret)
    }

    /// Reads, with everything a read may have: conditional requests, redirects on the same host,
    /// repetition. Answers of status 500 and above and of rate limits are errors, all others are
    /// the caller's to judge.
    pub async fn read(&self, url: &Url) -> Result<Answer, ProviderError> {
        let settings = self.transport.settings();
        let mut attempt = 0;
        let mut doubted = false;
        loop {
            let outcome = self.follow(url, attempt).await;
            let wait = match &outcome {
                Ok(answer) if !doubted && (self.transport.dialect().doubtful)(answer) => {
                    doubted = true;
                    Duration::ZERO
                }
                Err(error) if attempt < settings.max_retries && is_passing(error) => {
                    error.retry_after().unwrap_or_default()
                }
                _ => return outcome,
            };
            let pause = self.transport.shared().backoff.pause(attempt).max(wait);
            if Instant::now() + pause >= self.deadline {
                return outcome;
            }
            tracing::debug!(
                path = url.path(),
                attempt,
                pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "repeating a read"
            );
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// Changes something. Sent exactly once: after a time-out or a broken answer nobody here knows
    /// whether it was done, so the caller reads the state back. A redirect is
    /// [`ProviderError::Moved`].
    ///
    /// Not sent at all, which is [`Outage::Timeout`], if the operation's time would not let the
    /// write come to its end and the state be read after it.
    pub async fn send_write(&self, call: Call) -> Result<Answer, ProviderError> {
        self.transport.admit(&call.url)?;
        let shared = self.transport.shared();
        // A write that will be refused takes nobody's slot.
        shared.budgets.check(self.credential).await?;
        let now = Instant::now();
        if self.latest_write().is_none_or(|latest| now > latest) {
            return Err(ProviderError::outage(Outage::Timeout));
        }
        if self.transport.dialect().paced_writes {
            self.take_slots(1, now)?;
            let slot = self.slots().pop_front();
            sleep_until(slot.unwrap_or(now)).await;
        }
        let url = call.url.clone();
        let answer = self.exchange(call, None, 0).await?;
        if !answer.status.is_redirection() {
            return Ok(answer);
        }
        // Only the host itself can say that the repository has moved.
        let location = answer.header(header::LOCATION.as_str());
        let location = location.and_then(|location| url.join(location).ok());
        Err(match location {
            Some(location) if location.origin() != url.origin() => {
                ProviderError::outage(Outage::Redirected)
            }
            _ => ProviderError::Moved,
        })
    }

    /// Renews something: sent exactly once, without a look at it afterwards. A failure tells whether
    /// the host can have done it; a redirect says that it did not.
    pub(crate) async fn send_once(&self, call: Call) -> Result<Answer, Failure> {
        let answer = self.exchange(call, None, 0).await?;
        if matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
            return Err(Failure::not_done(ProviderError::outage(Outage::Redirected)));
        }
        Ok(answer)
    }

    /// Sets calls of the credential's limit aside, and slots for the writes among them, for a
    /// sequence that must not stop half way; fails if there are fewer. What was set aside before and
    /// is not used yet counts.
    ///
    /// What was [planned](Self::plan) to follow is set aside with it, once.
    pub(crate) async fn reserve(&self, calls: u32, writes: u32) -> Result<(), ProviderError> {
        // A look goes with each of them.
        let follow = self.planned.swap(0, Ordering::Relaxed);
        let (calls, writes) = (calls + 2 * follow, writes + follow);
        let budgets = &self.transport.shared().budgets;
        let more = calls.saturating_sub(self.aside.load(Ordering::Relaxed));
        if self.is_background {
            budgets.reserve_background(self.credential, more).await?;
        } else {
            budgets.reserve(self.credential, more).await?;
        }
        self.aside.fetch_add(more, Ordering::Relaxed);
        if self.transport.dialect().paced_writes {
            self.take_slots(writes, Instant::now())?;
        }
        Ok(())
    }

    /// Says how many writes follow after those that are reserved next. If nothing is reserved, because
    /// nothing has to be made, nothing is set aside.
    pub(crate) fn plan(&self, writes: u32) {
        self.planned.store(writes, Ordering::Relaxed);
    }

    /// Takes slots for so many writes, those that are waiting included.
    fn take_slots(&self, writes: u32, now: Instant) -> Result<(), ProviderError> {
        let mut slots = self.slots();
        let more = writes.saturating_sub(u32::try_from(slots.len()).unwrap_or(u32::MAX));
        let pacer = &self.transport.shared().pacer;
        let latest = self.latest_write();
        let latest = latest.ok_or_else(|| ProviderError::outage(Outage::Timeout))?;
        let taken = pacer.slots(self.credential, more, now, latest);
        slots.extend(taken.map_err(|wait| ProviderError::Paced {
            retry_after: wait.max(Duration::from_secs(1)),
        })?);
        Ok(())
    }

    fn slots(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the last write can begin that leaves time to look what became of it.
    fn latest_write(&self) -> Option<Instant> {
        let settings = self.transport.settings();
        let needed = settings.write_timeout() + settings.look_timeout();
        self.deadline.checked_sub(needed)
    }

    async fn follow(&self, url: &Url, attempt: u32) -> Result<Answer, ProviderError> {
        let mut url = url.clone();
        let mut moved = false;
        for _ in 0..=MAX_HOPS {
            let answer = self.fetch(&url, attempt).await?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
                return Ok(Answer { moved, ..answer });
            }
            let location = answer.header(header::LOCATION.as_str());
            let Some(next) = location.and_then(|location| url.join(location).ok()) else {
                return Err(ProviderError::malformed("a redirect to nowhere"));
            };
            if next.origin() != url.origin() {
                return Err(ProviderError::outage(Outage::Redirected));
            }
            url = next;
            moved = true;
        }
        Err(ProviderError::outage(Outage::Redirected))
    }

    /// One read, by its entity tag if we have it.
    async fn fetch(&self, url: &Url, attempt: u32) -> Result<Answer, ProviderError> {
        let answers = &self.transport.shared().answers;
        let known = if self.transport.dialect().conditional {
            answers.get(self.credential, url).await
        } else {
            None
        };
        let tag = known
            .as_ref()
            .and_then(|known| known.headers.get(header::ETAG));
        let call = Call {
            method: Method::GET,
            url: url.clone(),
            body: None,
        };
        let answer = self.exchange(call, tag, attempt).await?;
        match (answer.status, known) {
            (StatusCode::NOT_MODIFIED, Some(known)) => Ok(cache::refreshed(&known, &answer)),
            (StatusCode::NOT_MODIFIED, None) => {
                Err(ProviderError::malformed("an unasked 304 answer"))
            }
            (StatusCode::OK, _) if self.transport.dialect().conditional => {
                answers.put(self.credential, url, &answer).await;
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }
}
