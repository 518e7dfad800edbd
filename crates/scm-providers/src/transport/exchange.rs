//! One request of a session and its answer.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use scm_trace::SpanKind;
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::{Instant, timeout};

use super::{
    Answer, Call, Failure, Session, body, client, retry_after::parse_retry_after, session::Manner,
};
use crate::{CallOutcome, EndedCall, Outage, ProviderError, watch};

/// The span that a call comes from (W3C Trace Context).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// What OAuth endpoints are sent besides: GitHub's answers with a form unless asked for JSON.
const OAUTH_HEADERS: &[(&str, &str)] = &[("accept", "application/json")];

impl Session {
    /// One request and its answer, as a span of its own: repetition `attempt`, counted from 0.
    pub(super) async fn exchange(
        &self,
        call: Call,
        tag: Option<&HeaderValue>,
        attempt: u32,
    ) -> Result<Answer, Failure> {
        let product = self.transport.dialect().product.as_str();
        let span = scm_trace::child(format!("{} {product}", call.method), SpanKind::Client);
        span.set("scm.product", product);
        span.set("http.request.method", call.method.as_str().to_owned());
        if attempt > 0 {
            span.set("http.request.resend_count", attempt);
        }
        let answer = span.run(self.exchange_within(call, tag)).await;
        let status = match &answer {
            Ok(answer) => Some(answer.status.as_u16()),
            Err(failure) => {
                span.fail(failure.error.code());
                match failure.error {
                    ProviderError::Unavailable {
                        outage: Outage::Status(status),
                        ..
                    } => Some(status),
                    _ => None,
                }
            }
        };
        if let Some(status) = status {
            span.set("http.response.status_code", status);
        }
        answer
    }

    async fn exchange_within(
        &self,
        call: Call,
        tag: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        self.transport.admit(&call.url).map_err(Failure::not_done)?;
        let budgets = &self.transport.shared().budgets;
        if let Err(error) = budgets.check(self.credential).await {
            self.ended(CallOutcome::HeldBack, Duration::ZERO, None);
            return Err(Failure::not_done(error));
        }
        // One of those that were set aside, if there are any.
        let is_aside = self
            .aside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| {
                calls.checked_sub(1)
            })
            .is_ok();
        let leave = self.leave(&call.method, is_aside).await;
        let _leave = leave.map_err(Failure::not_done)?;

        let settings = self.transport.settings();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let most = match call.method {
            Method::GET => settings.request_timeout,
            _ => settings.write_timeout(),
        };
        let started = Instant::now();
        let (method, url) = (call.method.clone(), call.url.clone());
        let (host, path) = (url.host_str(), url.path());
        let answer = timeout(most.min(left), self.dial(call, tag))
            .await
            .unwrap_or_else(|_| Err(Failure::unknown(ProviderError::outage(Outage::Timeout))));
        let took = started.elapsed();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let answer = match answer {
            Ok(answer) => {
                let status = answer.status.as_u16();
                tracing::debug!(host, %method, path, status, took_ms, "code host answered");
                answer
            }
            Err(failure) => {
                let cause = std::error::Error::source(&failure.error).map(tracing::field::display);
                let code = failure.error.code();
                tracing::debug!(host, %method, path, code, cause, took_ms, "code host failed");
                self.ended(CallOutcome::Failed(&failure.error), took, None);
                return Err(failure);
            }
        };

        let now = self.now();
        let limit = (self.transport.dialect().limit)(&answer, now);
        let outcome = CallOutcome::Answered(answer.status.as_u16());
        self.ended(outcome, took, watch::left(limit));
        if let Some(retry_after) = budgets.note(self.credential, limit).await {
            return Err(Failure::not_done(ProviderError::RateLimited {
                retry_after,
            }));
        }
        if answer.status.is_server_error() {
            let retry_after = answer
                .header(header::RETRY_AFTER.as_str())
                .and_then(|value| parse_retry_after(value, now));
            return Err(Failure::unknown(ProviderError::Unavailable {
                outage: Outage::Status(answer.status.as_u16()),
                retry_after,
                source: None,
            }));
        }
        Ok(answer)
    }

    fn ended(&self, outcome: CallOutcome<'_>, took: Duration, left: Option<f64>) {
        if let Some(watch) = &self.transport.shared().watch {
            watch.ended(&EndedCall {
                product: self.transport.dialect().product,
                outcome,
                took,
                left,
            });
        }
    }

    async fn dial(&self, call: Call, tag: Option<&HeaderValue>) -> Result<Answer, Failure> {
        let request = self.request(call, tag).map_err(Failure::not_done)?;
        let http = self.transport.client().get().await;
        let http = http.map_err(Failure::not_done)?;
        let settings = self.transport.settings();
        let through_octocrab = match self.manner {
            Manner::Api => self.transport.dialect().octocrab,
            Manner::Oauth => false,
        };
        let response = if through_octocrab {
            let octocrab = self
                .octocrab
                .get_or_init(|| async { client::octocrab(http) })
                .await;
            client::send_octocrab(octocrab, request).await?
        } else {
            client::send(http, request).await?
        };
        let (parts, body) = response.into_parts();
        let body = body::collect(body, settings.max_body).await;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.map_err(Failure::unknown)?,
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
            .uri(call.url.as_str());
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let headers = match self.manner {
            Manner::Api => self.transport.dialect().headers,
            Manner::Oauth => OAUTH_HEADERS,
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        if self.transport.settings().trace_context
            && let Some(context) = scm_trace::current()
        {
            // What is passed on beside it is for the own house.
            request = request.header(TRACEPARENT, context.parent().to_string());
        }
        let mut body = Bytes::new();
        if let Some(given) = call.body {
            request = request.header(header::CONTENT_TYPE, given.content_type());
            body = given.into_bytes();
        }
        request
            .body(body)
            .map_err(|_| ProviderError::BadRequest { status: 400 })
    }
}
