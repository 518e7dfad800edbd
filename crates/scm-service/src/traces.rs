//! Work that no request asked for: each piece of it is a trace of its own.

use std::future::Future;

use scm_trace::{Span, SpanKind};
use tracing::Instrument as _;

use crate::Services;

impl Services {
    /// Does something as a trace of its own, whose id stands in the log lines; `tell` notes what came of
    /// it.
    pub(crate) async fn traced<T>(
        &self,
        name: String,
        kind: SpanKind,
        work: impl Future<Output = T>,
        tell: impl FnOnce(&Span, &T),
    ) -> T {
        let span = self.tracer.begin(name, kind, None);
        let logged = span.context().map_or_else(
            tracing::Span::none,
            |context| tracing::info_span!("background", trace_id = %context.trace_id),
        );
        let done = span.run(work.instrument(logged)).await;
        tell(&span, &done);
        done
    }
}
