#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod current;
mod id;
mod parent;
mod span;
mod state;
mod tracer;

pub use current::{carried, child, current, passed};
pub use id::{SpanId, TraceId};
pub use parent::TraceParent;
pub use span::{EndedSpan, Span, SpanKind, SpanSink, SpanValue};
pub use state::TraceState;
pub use tracer::{Incoming, SpanContext, Tracer};
