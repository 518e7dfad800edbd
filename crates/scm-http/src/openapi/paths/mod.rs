//! The operations, a file for each part of the API.

mod integrations;
mod keys;
mod server;
mod webhooks;
mod work;

use serde_json::{Value, json};

use super::Api;

/// The parts of the API, in the order in which they are shown.
pub(super) fn tags() -> Value {
    json!([
        {"name": "integrations", "description": "Connections of tenants to repositories."},
        {"name": "repository", "description": "Work on a connected repository."},
        {"name": "webhook", "description": "The webhook at the code host, and what it delivers."},
        {"name": "keys", "description": "API keys of tenants, and of the platform."},
        {"name": "server", "description": "The server itself."},
    ])
}

/// Adds every operation.
pub(super) fn add(api: &mut Api) {
    common(api);
    integrations::add(api);
    work::add(api);
    webhooks::add(api);
    keys::add(api);
    server::add(api);
}

/// Schemas that many operations refer to.
fn common(api: &mut Api) {
    let field = api.schema::<scm_service::FieldError>();
    let code = api.schema::<scm_types::ErrorCode>();
    let row = api.schema::<scm_types::SafeScmIntegration>();
    let verification = api.schema::<scm_types::VerificationResult>();
    let sha = api.schema::<scm_types::CommitSha>();
    for schema in [
        api.schema::<scm_types::IntegrationId>(),
        api.schema::<scm_types::IdempotencyKey>(),
        api.schema::<scm_types::RequestId>(),
    ] {
        debug_assert!(schema.is_object());
    }
    let beside = json!({
        "data": row,
        "verification": verification,
        "missing": {"type": ["string", "null"], "description": "The scope, role or property that the credential lacks."},
        "differs": {"type": "array", "items": {"type": "string"}, "description": "What of the release that is there differs."},
        "conflict": {
            "type": "object",
            "description": "Which ref stands at which commit, and at which it should.",
            "required": ["ref", "existingSha", "wantedSha"],
            "properties": {"ref": {"type": "string"}, "existingSha": sha, "wantedSha": sha},
        },
    });
    let mut own = json!({
        "type": "object",
        "description": "Why something was not done.",
        "required": ["success", "error", "code"],
        "properties": {
            "success": {"type": "boolean", "enum": [false]},
            "error": {"type": "string", "description": "For a person."},
            "code": code,
            "details": {"type": "array", "minItems": 1, "items": field, "description": "Every wrong field at once."},
        },
    });
    let mut problem = json!({
        "type": "object",
        "description": "The same in the form of RFC 9457.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "pattern": "^urn:scm:error:[a-z_]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "For a person."},
            "code": code,
            "errors": {"type": "array", "minItems": 1, "items": field, "description": "Every wrong field at once."},
        },
    });
    for schema in [&mut own, &mut problem] {
        for (name, member) in beside.as_object().into_iter().flatten() {
            schema["properties"][name] = member.clone();
        }
    }
    api.named("Failure", own);
    api.named("Problem", problem);
}
