//! What a server has beside the API: at its root, without authentication.

use scm_types::ErrorCode;
use serde_json::{Value, json};

use crate::openapi::{Api, answer::Answer, operation::Operation};

pub(super) fn add(api: &mut Api) {
    probes(api);
    for operation in [metrics(), document(), page()] {
        api.add_at_root(operation);
    }
}

fn probes(api: &mut Api) {
    let check = api.named(
        "ReadyLine",
        json!({
            "type": "object",
            "description": "One thing that has to be right before requests make sense.",
            "required": ["name", "ok"],
            "properties": {
                "name": {"type": "string", "description": "What was looked at."},
                "ok": {"type": "boolean"},
                "reason": {"type": "string", "description": "What is wrong."},
            },
        }),
    );
    let health = |status: &str, text: &'static str, checks: Value| {
        let mut schema = json!({
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": {"type": "string", "enum": [status]},
                "checks": {"type": "array", "minItems": 1, "items": check},
            },
        });
        if checks.is_null() {
            schema["properties"]
                .as_object_mut()
                .map(|members| members.remove("checks"));
            return Answer::bare(text, "application/json", schema, json!({"status": status}));
        }
        schema["required"] = json!(["status", "checks"]);
        Answer::bare(
            text,
            "application/json",
            schema,
            json!({"status": status, "checks": checks}),
        )
    };
    let live = Operation::open("/livez", "getLiveness", "Whether the process answers")
        .answer(200, health("ok", "It does.", Value::Null));
    let good = json!([{"name": "database", "ok": true}]);
    let bad = json!([{"name": "database", "ok": false, "reason": "does not answer"}]);
    let ready = Operation::open("/readyz", "getReadiness", "Whether requests make sense now")
        .answer(200, health("ok", "They do.", good))
        .answer(
            503,
            health("unavailable", "They do not; the lines say why.", bad),
        );
    api.add_at_root(live);
    api.add_at_root(ready);
}

fn metrics() -> Operation {
    let text = Answer::bare(
        "What the server counts, in the text format of Prometheus.",
        "text/plain",
        json!({"type": "string"}),
        "# TYPE scm_build_info gauge\n".into(),
    );
    Operation::open("/metrics", "getMetrics", "What the server counts")
        .answer(200, text)
        .fails(&[&[ErrorCode::UnknownRoute]])
}

fn document() -> Operation {
    let document = Answer::bare(
        "The document, OpenAPI 3.1.",
        "application/json",
        json!({"type": "object", "required": ["openapi", "info", "paths"]}),
        Value::Null,
    );
    Operation::open("/openapi.json", "getDocument", "This document").answer(200, document)
}

fn page() -> Operation {
    let page = Answer::bare(
        "The page.",
        "text/html",
        json!({"type": "string"}),
        Value::Null,
    );
    Operation::open(
        "/docs",
        "getDocs",
        "This document as a page on which requests can be tried",
    )
    .answer(200, page)
    .fails(&[&[ErrorCode::UnknownRoute]])
}
