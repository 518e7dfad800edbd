//! Requests with one credential to one host.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use octocrab::Octocrab;
use scm_types::{AccessToken, Timestamp};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, sleep_until, timeout},
};
use url::Url;

use super::{
    Answer, Transport, body, cache, client, failure::is_passing, retry_after::parse_retry_after,
};
use crate::{Outage, ProviderError, rate_limit::CredentialKey, text};

/// How many redirects of a read are followed.
const MAX_HOPS: usize = 3;

/// A request that changes something.
pub struct Call {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// The JSON to send.
    pub body: Option<serde_json::Value>,
}

/// A credential on the way to its host, for one operation. Has no `Debug`: it holds the credential.
pub struct Session {
    transport: Transport,
    token: AccessToken,
    authorization: HeaderValue,
    credential: CredentialKey,
    // One per session: it runs a task of its own, which must not outlive the runtime it is on.
    octocrab: OnceCell<Octocrab>,
    /// When the operation's time ends.
    deadline: Instant,
}

impl Session {
    pub(super) fn new(
        transport: Transport,
        token: &AccessToken,
        authorization: &str,
    ) -> Result<Self, ProviderError> {
        let mut value = HeaderValue::from_str(authorization)
            .map_err(|_| ProviderError::TokenInvalid { hint: None })?;
        value.set_sensitive(true);
        let api_url = transport.endpoint().api_url.as_str();
        Ok(Self {
            deadline: Instant::now() + transport.settings().operation_budget,
            credential: CredentialKey::of(format!("{api_url}\n{authorization}").as_bytes()),
            transport,
            token: token.clone(),
            authorization: value,
            octocrab: OnceCell::new(),
        })
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
        text::fact(raw, self.token.expose())
    }

    /// Reads, with everything a read may have: conditional requests, redirects on the same host,
    /// repetition. Answers of status 500 and above and of rate limits are errors, all others are
    /// the caller's to judge.
    pub async fn read(&self, url: &Url) -> Result<Answer, ProviderError> {
        let settings = self.transport.settings();
        let mut attempt = 0;
        let mut doubted = false;
        loop {
            let outcome = self.follow(url).await;
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
        let settings = self.transport.settings();
        let needed = settings.write_timeout() + settings.look_timeout();
        let late = || ProviderError::outage(Outage::Timeout);
        let latest = self.deadline.checked_sub(needed).ok_or_else(late)?;
        let now = Instant::now();
        if now > latest {
            return Err(late());
        }
        if self.transport.dialect().paced_writes {
            let slot = shared.pacer.slot(self.credential, now, latest);
            let slot = slot.map_err(|wait| ProviderError::RateLimited {
                retry_after: wait.max(Duration::from_secs(1)),
            })?;
            sleep_until(slot).await;
        }
        let answer = self.exchange(call, None).await?;
        if answer.status.is_redirection() {
            return Err(ProviderError::Moved);
        }
        Ok(answer)
    }

    /// Sets so many calls of the credential's limit aside, for a sequence that must not stop half
    /// way; fails if it is known to leave fewer.
    pub(crate) async fn reserve(&self, calls: u32) -> Result<(), ProviderError> {
        let budgets = &self.transport.shared().budgets;
        budgets.reserve(self.credential, calls).await
    }

    async fn follow(&self, url: &Url) -> Result<Answer, ProviderError> {
        let mut url = url.clone();
        let mut moved = false;
        for _ in 0..=MAX_HOPS {
            let answer = self.fetch(&url).await?;
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
    async fn fetch(&self, url: &Url) -> Result<Answer, ProviderError> {
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
        let answer = self.exchange(call, tag).await?;
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

    /// One request and its answer.
    async fn exchange(
        &self,
        call: Call,
        tag: Option<&HeaderValue>,
    ) -> Result<Answer, ProviderError> {
        self.transport.admit(&call.url)?;
        let budgets = &self.transport.shared().budgets;
        budgets.check(self.credential).await?;

        let settings = self.transport.settings();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let most = match call.method {
            Method::GET => settings.request_timeout,
            _ => settings.write_timeout(),
        };
        let started = Instant::now();
        let (method, path) = (call.method.clone(), call.url.path().to_owned());
        let answer = timeout(most.min(left), self.dial(call, tag))
            .await
            .unwrap_or_else(|_| Err(ProviderError::outage(Outage::Timeout)));
        let host = self.transport.endpoint().api_url.host_str();
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answer = match answer {
            Ok(answer) => {
                let status = answer.status.as_u16();
                tracing::debug!(host, %method, path, status, took_ms, "code host answered");
                answer
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(tracing::field::display);
                let code = error.code();
                tracing::debug!(host, %method, path, code, cause, took_ms, "code host failed");
                return Err(error);
            }
        };

        let now = self.now();
        let limit = (self.transport.dialect().limit)(&answer, now);
        if let Some(retry_after) = budgets.note(self.credential, limit).await {
            return Err(ProviderError::RateLimited { retry_after });
        }
        if answer.status.is_server_error() {
            let retry_after = answer
                .header(header::RETRY_AFTER.as_str())
                .and_then(|value| parse_retry_after(value, now));
            return Err(ProviderError::Unavailable {
                outage: Outage::Status(answer.status.as_u16()),
                retry_after,
                source: None,
            });
        }
        Ok(answer)
    }

    async fn dial(&self, call: Call, tag: Option<&HeaderValue>) -> Result<Answer, ProviderError> {
        let request = self.request(call, tag)?;
        let http = self.transport.client().get().await?;
        let settings = self.transport.settings();
        let response = if self.transport.dialect().octocrab {
            let octocrab = self
                .octocrab
                .get_or_init(|| async { client::octocrab(http) })
                .await;
            client::send_octocrab(octocrab, request).await?
        } else {
            client::send(http, request).await?
        };
        let (parts, body) = response.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body::collect(body, settings.max_body).await?,
            moved: false,
        })
    }

    fn request(
        &self,
        call: Call,
        tag: Option<&HeaderValue>,
    ) -> Result<Request<Bytes>, ProviderError> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.url.as_str())
            .header(header::AUTHORIZATION, &self.authorization);
        for (name, value) in self.transport.dialect().headers {
            request = request.header(*name, *value);
        }
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let mut body = Bytes::new();
        if let Some(json) = call.body {
            request = request.header(header::CONTENT_TYPE, "application/json");
            body = json.to_string().into();
        }
        request
            .body(body)
            .map_err(|_| ProviderError::BadRequest { status: 400 })
    }
}
