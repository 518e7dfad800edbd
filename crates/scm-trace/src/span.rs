//! A part of a trace: from its beginning until it is dropped.

use std::{
    borrow::Cow,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::{SpanContext, SpanId, TraceId, TraceState, current, tracer::Active};

/// What a span is to those beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work within the process.
    Internal,
    /// Answers a request.
    Server,
    /// Asks somebody else, and waits for the answer.
    Client,
    /// Hands something over.
    Producer,
    /// Takes something in that was handed over.
    Consumer,
}

/// The value of an attribute: a word or a number of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanValue {
    /// A word.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&'static str> for SpanValue {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for SpanValue {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for SpanValue {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for SpanValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct EndedSpan {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// The one that it belongs to; `None` for the first of a trace.
    pub parent: Option<SpanId>,
    /// What is passed on with the trace.
    pub state: Option<TraceState>,
    /// What is done in it: a pattern, never a path.
    pub name: Cow<'static, str>,
    /// What it is to those beside it.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// What else is known of it.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// True if what was done in it failed.
    pub has_failed: bool,
}

/// Takes spans that have ended. Called on the way of the work: it must not wait for anything.
pub trait SpanSink: Send + Sync {
    /// A span has ended.
    fn ended(&self, span: EndedSpan);
}

/// A span that is at work. It ends when it is dropped.
#[must_use = "a span ends when it is dropped"]
pub struct Span(Option<Live>);

struct Live {
    active: Active,
    parent: Option<SpanId>,
    kind: SpanKind,
    began: Instant,
    /// Only of a span that is recorded.
    told: Option<Mutex<Told>>,
}

struct Told {
    name: Cow<'static, str>,
    attributes: Vec<(&'static str, SpanValue)>,
    has_failed: bool,
}

impl Span {
    pub(crate) fn begin(
        active: Active,
        parent: Option<SpanId>,
        name: Cow<'static, str>,
        kind: SpanKind,
    ) -> Self {
        let told = active.is_recorded().then(|| {
            Mutex::new(Told {
                name,
                attributes: Vec::new(),
                has_failed: false,
            })
        });
        Self(Some(Live {
            active,
            parent,
            kind,
            began: Instant::now(),
            told,
        }))
    }

    /// One that is nothing: where nobody is at work for a trace.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Where it stands, for those that it asks.
    #[must_use]
    pub fn context(&self) -> Option<&SpanContext> {
        self.0.as_ref().map(|live| live.active.context())
    }

    /// Does something within this span.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let active = self.0.as_ref().map(|live| live.active.clone());
        current::scope(active, work)
    }

    /// Notes something. The value is a word or a number of the program.
    pub fn set(&self, key: &'static str, value: impl Into<SpanValue>) {
        self.tell(|told| told.attributes.push((key, value.into())));
    }

    /// Gives it the name that is known by now.
    pub fn rename(&self, name: impl Into<Cow<'static, str>>) {
        self.tell(|told| told.name = name.into());
    }

    /// Notes that what was done in it failed, with a stable word for the reason.
    pub fn fail(&self, reason: impl Into<SpanValue>) {
        self.tell(|told| {
            told.has_failed = true;
            told.attributes.push(("error.type", reason.into()));
        });
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        if let Some(told) = self.0.as_ref().and_then(|live| live.told.as_ref()) {
            tell(&mut told.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(live) = self.0.take() else {
            return;
        };
        let Some(told) = live.told else {
            return;
        };
        let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
        let context = live.active.context();
        live.active.record(EndedSpan {
            trace_id: context.trace_id,
            span_id: context.span_id,
            parent: live.parent,
            state: context.state.clone(),
            name: told.name,
            kind: live.kind,
            start: live.active.nanos(live.began),
            end: live.active.nanos(Instant::now()),
            attributes: told.attributes,
            has_failed: told.has_failed,
        });
    }
}
