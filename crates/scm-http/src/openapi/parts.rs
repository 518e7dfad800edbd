//! Parameters, headers and security schemes that operations share, and those of one operation.

use serde_json::{Value, json};

/// A shared parameter.
pub(super) fn param(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// A shared header.
pub(super) fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// A parameter in the query string.
#[expect(
    clippy::needless_pass_by_value,
    reason = "takes what a description makes, as it comes"
)]
pub(super) fn query(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "required": false, "schema": schema, "description": description})
}

/// A parameter in the query string that must be there.
pub(super) fn required_query(name: &str, schema: Value, description: &str) -> Value {
    let mut parameter = query(name, schema, description);
    parameter["required"] = true.into();
    parameter
}

/// A parameter in the path.
#[expect(
    clippy::needless_pass_by_value,
    reason = "takes what a description makes, as it comes"
)]
pub(super) fn path(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": schema, "description": description})
}

/// Where a page starts; the pattern is that of what the service gives out.
pub(super) fn cursor(pattern: &str, example: &str) -> Value {
    let schema = json!({"type": "string", "pattern": pattern, "examples": [example]});
    query(
        "cursor",
        schema,
        "`nextCursor` of the page before, unchanged.",
    )
}

/// How many are wanted.
pub(super) fn limit(default: u16) -> Value {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": default});
    query("limit", schema, "How many at the most.")
}

/// The shared parameters, by name.
pub(super) fn parameters() -> Value {
    json!({
        "IntegrationId": path(
            "id",
            json!({"$ref": "#/components/schemas/IntegrationId"}),
            "The integration.",
        ),
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "schema": {"$ref": "#/components/schemas/IdempotencyKey"},
            "description": "Makes the request one that can be sent again: for 24 hours the same request \
                under the same key is carried out once and answered alike, with `Idempotency-Replayed`.",
        },
        "IfMatch": {
            "name": "If-Match",
            "in": "header",
            "required": false,
            "schema": {"type": "string", "examples": ["\"3-19c8e3f2a4b\""]},
            "description": "Do it only if the integration is in the state of this `ETag`; `*` is any.",
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "required": false,
            "schema": {"type": "string", "examples": ["\"3-19c8e3f2a4b\""]},
            "description": "Answer 304 if the integration is still in the state of this `ETag`.",
        },
    })
}

/// The shared headers, by name.
pub(super) fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The id of the request, in the log and in the audit log: the caller's own \
                `X-Request-Id` if it is harmless, else a new one.",
            "required": true,
            "schema": {"$ref": "#/components/schemas/RequestId"},
        },
        "ETag": {
            "description": "The state of the integration, for `If-Match` and `If-None-Match`.",
            "required": true,
            "schema": {"type": "string", "pattern": "^\"[0-9]+-[0-9a-f]+(?:-x)?\"$"},
        },
        "ETagOfRow": {
            "description": "The state of the integration, where `data` is one.",
            "required": false,
            "schema": {"type": "string", "pattern": "^\"[0-9]+-[0-9a-f]+(?:-x)?\"$"},
        },
        "Idempotency-Replayed": {
            "description": "`true` on an answer that was kept from an earlier request of the same key.",
            "required": false,
            "schema": {"type": "string", "enum": ["true"]},
        },
        "Retry-After": {
            "description": "Seconds after which the request is worth another try.",
            "required": false,
            "schema": {"type": "integer", "minimum": 1},
        },
        "RateLimit-Limit": {
            "description": "How many requests are allowed at once, by the limit that is closest to its end.",
            "required": false,
            "schema": {"type": "integer", "minimum": 1},
        },
        "RateLimit-Remaining": {
            "description": "How many of them are left.",
            "required": false,
            "schema": {"type": "integer", "minimum": 0},
        },
        "RateLimit-Reset": {
            "description": "Seconds until all of them are there again.",
            "required": false,
            "schema": {"type": "integer", "minimum": 0},
        },
        "WWW-Authenticate": {
            "description": "How to authenticate.",
            "required": true,
            "schema": {"type": "string"},
        },
        "Allow": {
            "description": "The methods that the path has.",
            "required": true,
            "schema": {"type": "string"},
        },
    })
}

/// The security schemes, by name.
pub(super) fn security_schemes() -> Value {
    let signature = |name: &str, description: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": description});
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`scm_…`), or a signed token of the operator's issuer; one for several \
                tenants needs the header `Scm-Tenant`. Not needed where the server runs without \
                authentication, which it does on loopback addresses only.",
        },
        "githubSignature": signature(
            "X-Hub-Signature-256",
            "GitHub: `sha256=` and the HMAC-SHA256 of the body with the webhook's secret, in hex.",
        ),
        "bitbucketSignature": signature(
            "X-Hub-Signature",
            "Bitbucket Cloud and Data Center: `sha256=` and the HMAC-SHA256 of the body, in hex.",
        ),
        "gitlabSignature": signature(
            "webhook-signature",
            "GitLab since 19.0, by the Standard Webhooks convention; needs `webhook-id` and \
             `webhook-timestamp`.",
        ),
        "gitlabToken": signature("X-Gitlab-Token", "GitLab before that: the secret itself."),
    })
}
