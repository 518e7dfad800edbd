//! The span that the running task is at work in.

use std::{borrow::Cow, future::Future, time::Duration, time::Instant};

use crate::{EndedSpan, Span, SpanContext, SpanKind, SpanValue, tracer::Active};

tokio::task_local! {
    static CURRENT: Option<Active>;
}

fn active() -> Option<Active> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// Does something within a span; within the one that is at work where none is given. Nothing is put
/// around the future that would make it much larger.
pub(crate) fn scope<F: Future>(
    given: Option<Active>,
    work: F,
) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(given.or_else(active), work)
}

/// Where the span stands that is at work, if there is one.
#[must_use]
pub fn current() -> Option<SpanContext> {
    active().map(|active| active.context().clone())
}

/// Begins a span below the one that is at work; nothing where there is none.
pub fn child(name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
    match active() {
        Some(above) => {
            let parent = above.context().span_id;
            Span::begin(above.below(), Some(parent), name.into(), kind)
        }
        None => Span::none(),
    }
}

/// Notes a span below the one that is at work, which has just ended after `took`. `name` and `attributes`
/// are made only if it is recorded.
pub fn passed(
    kind: SpanKind,
    took: Duration,
    has_failed: bool,
    tell: impl FnOnce() -> (Cow<'static, str>, Vec<(&'static str, SpanValue)>),
) {
    let Some(above) = active().filter(Active::is_recorded) else {
        return;
    };
    let place = above.below();
    let end = place.nanos(Instant::now());
    let (name, attributes) = tell();
    let context = place.context();
    let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    place.record(EndedSpan {
        trace_id: context.trace_id,
        span_id: context.span_id,
        parent: Some(above.context().span_id),
        state: context.state.clone(),
        name,
        kind,
        start: end.saturating_sub(took),
        end,
        attributes,
        has_failed,
    });
}

/// Takes the span that is at work along, for work that another task does.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    scope(None, work)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    };

    use scm_types::{FixedClock, Timestamp};

    use super::*;
    use crate::{Incoming, SpanSink, TraceParent, TraceState, Tracer};

    #[derive(Default)]
    struct Kept(Mutex<Vec<EndedSpan>>);

    impl SpanSink for Kept {
        fn ended(&self, span: EndedSpan) {
            self.0.lock().unwrap().push(span);
        }
    }

    impl Kept {
        fn names(&self) -> Vec<String> {
            let spans = self.0.lock().unwrap();
            spans.iter().map(|span| span.name.to_string()).collect()
        }
    }

    /// Ids that count up.
    fn tracer() -> Tracer {
        let clock = FixedClock::at(Timestamp::parse("2026-11-01T10:00:00Z").unwrap());
        let drawn = AtomicU8::new(0);
        Tracer::new(Arc::new(clock)).random(move |bytes| {
            bytes.fill(0);
            bytes[0] = drawn.fetch_add(1, Ordering::SeqCst);
        })
    }

    fn incoming(is_sampled: bool) -> Incoming {
        let flags = if is_sampled { "01" } else { "00" };
        let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        Incoming {
            parent: TraceParent::parse(&parent).unwrap(),
            state: TraceState::parse(["a=1"]),
        }
    }

    #[tokio::test]
    async fn what_is_done_stands_below_what_it_was_done_for() {
        let kept = Arc::new(Kept::default());
        let tracer = tracer().recorded_by(kept.clone(), 0);
        let root = tracer.begin("request", SpanKind::Server, Some(incoming(true)));
        let root_id = root.context().unwrap().span_id;
        root.run(async {
            let call = child("call", SpanKind::Client);
            call.set("attempt", 2_u32);
            call.fail("timeout");
            call.run(async {
                let other = carried(async { drop(child("elsewhere", SpanKind::Internal)) });
                tokio::spawn(other).await.unwrap();
            })
            .await;
            drop(call);
            passed(SpanKind::Client, Duration::from_millis(3), false, || {
                ("SELECT".into(), Vec::new())
            });
        })
        .await;
        assert!(current().is_none());
        root.rename("GET /{id}");
        drop(root);

        let spans = kept.0.lock().unwrap().clone();
        let [elsewhere, call, statement, request] = &spans[..] else {
            panic!("{spans:?}");
        };
        assert_eq!(request.name, "GET /{id}");
        assert_eq!(request.span_id, root_id);
        assert_eq!(request.parent, Some(incoming(true).parent.span_id));
        assert_eq!(call.parent, Some(root_id));
        assert_eq!(call.attributes[0], ("attempt", SpanValue::Number(2)));
        assert!(call.has_failed && !request.has_failed);
        assert_eq!(elsewhere.parent, Some(call.span_id));
        assert_eq!(statement.parent, Some(root_id));
        assert_eq!(statement.end - statement.start, 3_000_000);
        for span in &spans {
            assert_eq!(span.trace_id, incoming(true).parent.trace_id);
            assert_eq!(span.state, incoming(true).state);
            assert!(span.start <= span.end && span.end <= request.end);
        }
        let first = Timestamp::parse("2026-11-01T10:00:00Z")
            .unwrap()
            .as_millis();
        assert!(i64::try_from(request.start / 1_000_000).unwrap() >= first);
    }

    #[tokio::test]
    async fn what_is_recorded_follows_who_began_it() {
        for (percent, given, want) in [
            (100, None, true),
            (0, None, false),
            (0, Some(true), true),
            (100, Some(false), false),
        ] {
            let kept = Arc::new(Kept::default());
            let tracer = tracer().recorded_by(kept.clone(), percent);
            let root = tracer.begin("a", SpanKind::Server, given.map(incoming));
            let context = root.context().unwrap().clone();
            root.run(async { drop(child("b", SpanKind::Client)) }).await;
            drop(root);
            assert_eq!(context.is_sampled, want, "{percent} {given:?}");
            assert_eq!(
                kept.names().len(),
                if want { 2 } else { 0 },
                "{percent} {given:?}"
            );
        }
    }

    #[tokio::test]
    async fn without_a_sink_there_are_ids() {
        let tracer = tracer();
        let root = tracer.begin("a", SpanKind::Internal, None);
        let parent = root.context().unwrap().parent();
        assert!(!parent.is_sampled);
        root.run(async {
            let call = child("b", SpanKind::Client);
            let below = call.context().unwrap().parent();
            assert_eq!(below.trace_id, parent.trace_id);
            assert_ne!(below.span_id, parent.span_id);
        })
        .await;
        let passed_on = tracer.begin("a", SpanKind::Server, Some(incoming(true)));
        assert!(passed_on.context().unwrap().is_sampled, "others record it");
        assert!(child("nowhere", SpanKind::Client).context().is_none());
    }

    #[test]
    fn no_id_is_zero_and_a_share_is_one() {
        let nothing = tracer().random(|bytes| bytes.fill(0));
        let span = nothing.begin("a", SpanKind::Internal, None);
        assert_eq!(
            span.context().unwrap().span_id.to_string(),
            "0000000000000001"
        );

        let kept = Arc::new(Kept::default());
        let tracer = Tracer::default().recorded_by(kept.clone(), 50);
        for _ in 0..1_000 {
            drop(tracer.begin("a", SpanKind::Internal, None));
        }
        // Outside of this once in 10^80 runs.
        assert!((200..800).contains(&kept.names().len()));
    }
}
