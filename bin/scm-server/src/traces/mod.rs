//! Traces, sent to a collector by OTLP over HTTP.
//!
//! - Sending stands on nobody's way: a span that ends is put into a bounded queue, or dropped if that is
//!   full. A collector that is slow or away costs spans, and nothing else.
//! - What could not be sent is told in the log, once a minute at the most.
//! - When the server stops, what is left is sent within a bounded time.

mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use scm_providers::{
    TransportSettings,
    transport::{PostError, Poster},
};
use scm_trace::{EndedSpan, SpanId, SpanSink};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use url::Url;
use wire::Resource;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// How many ended spans wait to be sent, at the most.
const WAITING: usize = 4_096;

/// How many are sent at a time, and how long the first of them waits for others.
const BATCH: usize = 512;
const PAUSE: Duration = Duration::from_secs(2);

/// How long the collector may take for one batch.
const TO_SEND: Duration = Duration::from_secs(10);

/// How often it is told that spans are lost.
const TELL: Duration = Duration::from_mins(1);

/// Where spans are put that have ended.
struct Queue {
    spans: mpsc::Sender<EndedSpan>,
    lost: Arc<AtomicU64>,
}

impl SpanSink for Queue {
    fn ended(&self, span: EndedSpan) {
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends spans in the background.
pub(crate) struct Exporter {
    spans: mpsc::Receiver<EndedSpan>,
    lost: Arc<AtomicU64>,
    collector: Poster,
    resource: Resource,
    /// When it was last told that spans are lost.
    told: Option<Instant>,
}

/// The exporter of a running server.
pub(crate) struct Sending {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// An exporter to the collector at this address, under `service`; and where it takes spans from. Calls
/// nobody. Fails if the address is one that is never dialled.
pub(crate) fn exporter(
    collector: Url,
    service: &str,
    instance: SpanId,
) -> Result<(Arc<dyn SpanSink>, Exporter), PostError> {
    let settings = TransportSettings {
        request_timeout: TO_SEND,
        ..TransportSettings::default()
    };
    let (sender, spans) = mpsc::channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let queue = Queue {
        spans: sender,
        lost: Arc::clone(&lost),
    };
    let exporter = Exporter {
        spans,
        lost,
        collector: Poster::new(collector, settings)?,
        resource: Resource {
            name: service.to_owned(),
            instance: instance.to_string(),
        },
        told: None,
    };
    Ok((Arc::new(queue), exporter))
}

impl Exporter {
    /// Begins to send.
    pub(crate) fn start(self) -> Sending {
        let (stop, stopped) = oneshot::channel();
        Sending {
            task: tokio::spawn(self.run(stopped)),
            stop,
        }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                received = self.spans.recv_many(&mut batch, BATCH) => if received == 0 { break },
            }
            // The first of them came a moment ago: others follow.
            let until = Instant::now() + PAUSE;
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                tokio::select! {
                    _ = &mut stopped => {
                        self.flush(batch).await;
                        return;
                    }
                    more = timeout_at(until, self.spans.recv_many(&mut batch, room)) => {
                        if more.is_err() || more == Ok(0) { break; }
                    }
                }
            }
            self.send(&batch).await;
            batch.clear();
        }
        self.flush(batch).await;
    }

    /// Sends what is there, and what still waits.
    async fn flush(mut self, mut batch: Vec<EndedSpan>) {
        self.spans.close();
        loop {
            while batch.len() < BATCH
                && let Ok(span) = self.spans.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                break;
            }
            self.send(&batch).await;
            batch.clear();
        }
    }

    async fn send(&mut self, spans: &[EndedSpan]) {
        let body = wire::request(&self.resource, spans);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, PROTOBUF)]);
        let reason = match self.collector.post(headers, body).await {
            Ok(status) if status.is_success() => None,
            Ok(status) => Some(format!(
                "the collector answered with status {}",
                status.as_u16()
            )),
            Err(error) => Some(error.to_string()),
        };
        if reason.is_some() {
            let spans = u64::try_from(spans.len()).unwrap_or(u64::MAX);
            self.lost.fetch_add(spans, Ordering::Relaxed);
        }
        self.tell(reason);
    }

    /// Says in the log what was lost, if it is time for that.
    fn tell(&mut self, reason: Option<String>) {
        let is_early = self.told.is_some_and(|told| told.elapsed() < TELL);
        if is_early || self.lost.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.told = Some(Instant::now());
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let reason = reason.unwrap_or_else(|| "more end than can be sent".to_owned());
        tracing::warn!(
            lost,
            reason,
            "spans of traces were lost; requests go on without them"
        );
    }
}

impl Sending {
    /// Sends what is left, as far as that goes `within` a time.
    pub(crate) async fn stop(self, within: Duration) {
        self.stop.send(()).ok();
        let abort = self.task.abort_handle();
        if timeout(within, self.task).await.is_err() {
            abort.abort();
            tracing::warn!("spans that were left could not be sent in time");
        }
    }
}
