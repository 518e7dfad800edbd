//! Who draws ids, decides what is recorded, and takes what has ended.

use std::{borrow::Cow, sync::Arc, time::Instant};

use ring::rand::{SecureRandom as _, SystemRandom};
use scm_types::{Clock, SystemClock};

use crate::{EndedSpan, Span, SpanId, SpanKind, SpanSink, TraceId, TraceParent, TraceState};

/// Fills bytes with what nobody can guess.
type Random = dyn Fn(&mut [u8]) + Send + Sync;

/// Begins traces. Cheap to clone.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    sink: Option<Arc<dyn SpanSink>>,
    /// A new trace is recorded if a part of its id is less than this.
    share: u64,
}

impl Default for Tracer {
    /// The machine's clock and randomness, and nothing recorded.
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl Tracer {
    /// Draws ids from the system, and records nothing.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let system = SystemRandom::new();
        Self(Arc::new(Inner {
            clock,
            // Without randomness ids are told apart no more, and nothing else is.
            random: Arc::new(move |bytes| {
                let _ = system.fill(bytes);
            }),
            sink: None,
            share: u64::MAX,
        }))
    }

    /// Draws ids from here instead.
    #[must_use]
    pub fn random(self, random: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            random: Arc::new(random),
            ..Inner::clone(&self.0)
        }))
    }

    /// Hands ended spans over. Of traces that begin here `percent` of a hundred are recorded; of those
    /// that come from elsewhere the ones that are recorded there.
    #[must_use]
    pub fn recorded_by(self, sink: Arc<dyn SpanSink>, percent: u8) -> Self {
        let share = match percent {
            100.. => u64::MAX,
            percent => u64::MAX / 100 * u64::from(percent),
        };
        Self(Arc::new(Inner {
            sink: Some(sink),
            share,
            ..Inner::clone(&self.0)
        }))
    }

    /// True if anything is recorded.
    #[must_use]
    pub fn records(&self) -> bool {
        self.0.sink.is_some()
    }

    /// Begins a part of a trace that comes from elsewhere, or a trace.
    pub fn begin(
        &self,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        incoming: Option<Incoming>,
    ) -> Span {
        let span_id = self.span_id();
        let (parent, context) = if let Some(Incoming { parent, state }) = incoming {
            let context = SpanContext {
                trace_id: parent.trace_id,
                span_id,
                is_sampled: parent.is_sampled,
                state,
            };
            (Some(parent.span_id), context)
        } else {
            let trace_id = self.trace_id();
            let context = SpanContext {
                trace_id,
                span_id,
                is_sampled: self.is_wanted(trace_id),
                state: None,
            };
            (None, context)
        };
        let millis = u64::try_from(self.0.clock.now().as_millis()).unwrap_or_default();
        let active = Active(Arc::new(At {
            tracer: self.clone(),
            anchor: (millis.saturating_mul(1_000_000), Instant::now()),
            context,
        }));
        Span::begin(active, parent, name.into(), kind)
    }

    fn is_wanted(&self, id: TraceId) -> bool {
        let [_, _, _, _, _, _, _, _, part @ ..] = id.bytes();
        let part = u64::from_be_bytes(part);
        self.0.sink.is_some() && (part < self.0.share || self.0.share == u64::MAX)
    }

    fn trace_id(&self) -> TraceId {
        loop {
            if let Some(id) = TraceId::new(self.drawn()) {
                return id;
            }
        }
    }

    /// Draws an id.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        loop {
            if let Some(id) = SpanId::new(self.drawn()) {
                return id;
            }
        }
    }

    /// Random bytes, of which at least one is not zero.
    fn drawn<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0.random)(&mut bytes);
        if bytes == [0; N] {
            bytes[N - 1] = 1;
        }
        bytes
    }
}

/// Where a request says that it comes from.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The span that sent it.
    pub parent: TraceParent,
    /// What is passed on with the trace.
    pub state: Option<TraceState>,
}

/// Where a span stands.
#[derive(Debug, Clone)]
pub struct SpanContext {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// True if the trace is recorded.
    pub is_sampled: bool,
    /// What is passed on with the trace, within the own house.
    pub state: Option<TraceState>,
}

impl SpanContext {
    /// What those are told that are asked in this span.
    #[must_use]
    pub fn parent(&self) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            span_id: self.span_id,
            is_sampled: self.is_sampled,
        }
    }
}

/// The span that is at work.
#[derive(Clone)]
pub(crate) struct Active(Arc<At>);

struct At {
    tracer: Tracer,
    /// What the clock showed at one moment: within a trace time goes on evenly.
    anchor: (u64, Instant),
    context: SpanContext,
}

impl Active {
    pub(crate) fn context(&self) -> &SpanContext {
        &self.0.context
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.0.context.is_sampled && self.0.tracer.0.sink.is_some()
    }

    /// A place below this one.
    pub(crate) fn below(&self) -> Self {
        let At {
            tracer,
            anchor,
            context,
        } = &*self.0;
        Self(Arc::new(At {
            tracer: tracer.clone(),
            anchor: *anchor,
            context: SpanContext {
                span_id: tracer.span_id(),
                ..context.clone()
            },
        }))
    }

    /// A moment in nanoseconds since 1970.
    pub(crate) fn nanos(&self, at: Instant) -> u64 {
        let (nanos, anchor) = self.0.anchor;
        let since = at.saturating_duration_since(anchor);
        let before = anchor.saturating_duration_since(at);
        let whole = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanos
            .saturating_add(whole(since))
            .saturating_sub(whole(before))
    }

    pub(crate) fn record(&self, span: EndedSpan) {
        if let Some(sink) = &self.0.tracer.0.sink {
            sink.ended(span);
        }
    }
}
