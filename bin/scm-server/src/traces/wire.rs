//! Spans as a message of OTLP: Protocol Buffers, of which this needs no more than writing.
//!
//! The numbers of fields are those of `opentelemetry/proto/collector/trace/v1/trace_service.proto` and of
//! the files that it includes; they are stable, and a test reads what is written here with the types that
//! are made of those files.

use scm_trace::{EndedSpan, SpanKind, SpanValue};

/// How a field's value is written.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// The code of a status that says that something failed.
const ERROR: u64 = 2;

/// The bits of a span's flags: that it is recorded, and that it is known whether its parent is remote.
const SAMPLED: u32 = 1;

/// A message, field by field.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while let Some(more) = (number >> 7 != 0).then_some(number >> 7) {
            self.0.push(low(number) | 0x80);
            number = more;
        }
        self.0.push(low(number));
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.key(field, VARINT);
        self.varint(number);
    }

    fn nanos(&mut self, field: u64, nanos: u64) {
        self.key(field, FIXED_64);
        self.0.extend_from_slice(&nanos.to_le_bytes());
    }

    fn flags(&mut self, field: u64, flags: u32) {
        self.key(field, FIXED_32);
        self.0.extend_from_slice(&flags.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }
}

/// The seven lowest bits.
fn low(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

/// Who sends spans.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// The name of the service.
    pub(super) name: String,
    /// Which of its processes this one is, as random digits.
    pub(super) instance: String,
}

/// The body of `POST /v1/traces`.
pub(super) fn request(resource: &Resource, spans: &[EndedSpan]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |message| {
            let version = env!("CARGO_PKG_VERSION");
            for (key, value) in [
                ("service.name", &*resource.name),
                ("service.version", version),
                ("service.instance.id", &*resource.instance),
            ] {
                attribute(message, 1, key, &SpanValue::Text(value.to_owned().into()));
            }
        });
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| {
                scope.text(1, env!("CARGO_PKG_NAME"));
                scope.text(2, env!("CARGO_PKG_VERSION"));
            });
            for ended in spans {
                of_scope.message(2, |message| span(message, ended));
            }
        });
    });
    request.0
}

fn span(message: &mut Message, span: &EndedSpan) {
    message.bytes(1, &span.trace_id.bytes());
    message.bytes(2, &span.span_id.bytes());
    if let Some(state) = &span.state {
        message.text(3, state.as_str());
    }
    if let Some(parent) = span.parent {
        message.bytes(4, &parent.bytes());
    }
    message.text(5, &span.name);
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    message.number(6, kind);
    message.nanos(7, span.start);
    message.nanos(8, span.end);
    for (key, value) in &span.attributes {
        attribute(message, 9, key, value);
    }
    if span.has_failed {
        message.message(15, |status| status.number(3, ERROR));
    }
    message.flags(16, SAMPLED);
}

fn attribute(message: &mut Message, field: u64, key: &str, value: &SpanValue) {
    message.message(field, |pair| {
        pair.text(1, key);
        pair.message(2, |any| match value {
            SpanValue::Text(text) => any.text(1, text),
            SpanValue::Number(number) => any.number(3, number.cast_unsigned()),
        });
    });
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value,
    };
    use prost::Message as _;
    use scm_trace::{SpanId, TraceId, TraceState};

    use super::*;

    #[test]
    fn what_is_written_is_read_with_the_types_of_the_protocol() {
        let resource = Resource {
            name: "scm".to_owned(),
            instance: "0f".to_owned(),
        };
        let first = EndedSpan {
            trace_id: TraceId::new([7; 16]).unwrap(),
            span_id: SpanId::new([8; 8]).unwrap(),
            parent: SpanId::new([9; 8]),
            state: TraceState::parse(["a=1"]),
            name: "GET /{id}".into(),
            kind: SpanKind::Server,
            start: 1_793_000_000_123_456_789,
            end: 1_793_000_000_999_999_999,
            attributes: vec![
                ("http.route", "/{id}".into()),
                ("http.response.status_code", 503_u16.into()),
                ("below.zero", SpanValue::Number(-1)),
                ("long", "x".repeat(300).into()),
            ],
            has_failed: true,
        };
        let second = EndedSpan {
            parent: None,
            state: None,
            kind: SpanKind::Internal,
            attributes: Vec::new(),
            has_failed: false,
            ..first.clone()
        };
        let bytes = request(&resource, &[first, second]);
        let read = ExportTraceServiceRequest::decode(&*bytes).unwrap();
        assert_eq!(read.encode_to_vec(), bytes, "in the order of the fields");
        let [of_resource] = &read.resource_spans[..] else {
            panic!("{read:?}");
        };
        let keys = of_resource.resource.as_ref().unwrap().attributes.iter();
        let keys: Vec<_> = keys.map(|pair| pair.key.as_str()).collect();
        assert_eq!(
            keys,
            ["service.name", "service.version", "service.instance.id"]
        );
        let [first, second] = &of_resource.scope_spans[0].spans[..] else {
            panic!("{read:?}");
        };
        assert_eq!(first.trace_id, [7; 16]);
        assert_eq!(first.span_id, [8; 8]);
        assert_eq!(first.parent_span_id, [9; 8]);
        assert_eq!(
            (first.trace_state.as_str(), first.name.as_str()),
            ("a=1", "GET /{id}")
        );
        assert_eq!((first.kind, second.kind), (2, 1));
        assert_eq!(first.start_time_unix_nano, 1_793_000_000_123_456_789);
        assert_eq!(first.end_time_unix_nano, 1_793_000_000_999_999_999);
        let values = first.attributes.iter();
        let values: Vec<_> = values
            .map(|pair| pair.value.clone().unwrap().value.unwrap())
            .collect();
        assert_eq!(values[0], Value::StringValue("/{id}".to_owned()));
        assert_eq!(values[1], Value::IntValue(503));
        assert_eq!(values[2], Value::IntValue(-1));
        assert_eq!(values[3], Value::StringValue("x".repeat(300)));
        assert_eq!(first.status.as_ref().unwrap().code, 2);
        assert_eq!(
            (second.status.clone(), second.parent_span_id.len()),
            (None, 0)
        );
    }
}
