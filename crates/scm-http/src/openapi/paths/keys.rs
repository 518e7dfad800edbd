//! API keys.

use scm_types::{AccountId, DisplayName, ErrorCode, Role, TenantId, Timestamp};
use serde_json::{Value, json};

use crate::openapi::{
    Api,
    answer::Answer,
    examples::{self, bodies},
    operation::Operation,
    parts::{cursor, limit, path, query},
};

const TAG: &str = "keys";

/// Where a page of keys starts.
const CURSOR: (&str, &str) = (
    "^[0-9]{1,13}\\.[A-Za-z0-9-]{1,32}$",
    "1793527200000.4s0b0m1c8t2d5r6e",
);

pub(super) fn add(api: &mut Api) {
    let stored = key(api);
    list_and_make(api, &stored);
    one(api, &stored);
}

/// What is shown of a key.
fn key(api: &mut Api) -> Value {
    let tenant = api.schema::<TenantId>();
    let account = api.schema::<AccountId>();
    let name = api.schema::<DisplayName>();
    let time = api.schema::<Timestamp>();
    let members = json!({
        "id": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,32}$", "description": "Which key it is: a part of the key."},
        "tenantId": or_null(&tenant),
        "role": {"type": "string", "enum": ["viewer", "editor", "owner", "platform"]},
        "name": name,
        "accountId": account,
        "createdAt": time,
        "createdBy": or_null(&account),
        "expiresAt": or_null(&time),
        "lastUsedAt": or_null(&time),
        "revokedAt": or_null(&time),
    });
    let names: Vec<_> = members
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    api.named(
        "SafeApiKey",
        json!({
            "type": "object",
            "description": "An API key without what it is recognised by; `lastUsedAt` may be a minute old.",
            "required": names,
            "properties": members,
        }),
    )
}

fn list_and_make(api: &mut Api, stored: &Value) {
    let tenant = api.schema::<TenantId>();
    let list = Operation::get("/api-keys", "listApiKeys", Role::Owner)
        .tag(TAG)
        .about(
            "List API keys",
            "Newest first, revoked and expired ones too.",
        )
        .parameters([
            query("tenantId", tenant.clone(), "Those of this tenant."),
            limit(1000),
            cursor(CURSOR.0, CURSOR.1),
        ])
        .answer(
            200,
            Answer::new("The keys.").page(stored.clone(), examples::api_key(), false, CURSOR.1),
        );
    let account = api.schema::<AccountId>();
    let name = api.schema::<DisplayName>();
    let time = api.schema::<Timestamp>();
    let wanted = api.named(
        "CreateApiKey",
        json!({
            "type": "object",
            "description": "A key to be made.",
            "additionalProperties": false,
            "required": ["role", "name"],
            "properties": {
                "tenantId": or_null(&tenant),
                "role": {"type": "string", "enum": ["viewer", "editor", "owner", "platform"], "description": "`platform` from the platform alone, without `tenantId`."},
                "name": name,
                "accountId": or_null(&account),
                "expiresAt": or_null(&time),
            },
        }),
    );
    let answer = json!({"allOf": [
        stored,
        {"type": "object", "required": ["key"], "properties": {"key": {"type": "string", "description": "The key. It is told this once."}}},
    ]});
    let example = bodies([(
        "editor",
        json!({"tenantId": "acme", "role": "editor", "name": "CI"}),
    )]);
    let mut shown = examples::api_key();
    shown["key"] =
        "scm_4s0b0m1c8t2d5r6e_0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
            .into();
    let make = Operation::post_once("/api-keys", "createApiKey", Role::Owner)
        .tag(TAG)
        .about(
            "Make an API key",
            "It acts as its maker's account, unless the platform gives another. `Idempotency-Key` is \
             refused: the answer holds a secret, and is not kept.",
        )
        .body(wanted, example)
        .answer(
            201,
            Answer::new("The key.")
                .data(answer, shown)
                .message("API key created; it is shown this once"),
        );
    api.add(list);
    api.add(make);
}

fn one(api: &mut Api, stored: &Value) {
    let id = json!({"type": "string", "pattern": "^[A-Za-z0-9-]{1,32}$", "examples": ["4s0b0m1c8t2d5r6e"]});
    let id = || path("key", id.clone(), "The key, by its id.");
    let missing: &[ErrorCode] = &[ErrorCode::ApiKeyNotFound];
    let get = Operation::get("/api-keys/{key}", "getApiKey", Role::Owner)
        .tag(TAG)
        .about("Read an API key", "Not the key itself: that is told once.")
        .parameter(id())
        .answer(
            200,
            Answer::new("The key.").data(stored.clone(), examples::api_key()),
        )
        .fails(&[missing]);
    let mut revoked = examples::api_key();
    revoked["revokedAt"] = "2026-11-02T10:00:00.000Z".into();
    let revoke = Operation::delete("/api-keys/{key}", "revokeApiKey", Role::Owner)
        .tag(TAG)
        .about(
            "Revoke an API key",
            "For good: at once in the process that does it, within ten seconds everywhere. One that was \
             revoked before stays as it was.",
        )
        .parameter(id())
        .no_body()
        .answer(
            200,
            Answer::new("The key as it is now.")
                .data(stored.clone(), revoked)
                .message("API key revoked"),
        )
        .fails(&[missing]);
    api.add(get);
    api.add(revoke);
}

/// The schema, or null.
fn or_null(schema: &Value) -> Value {
    json!({"oneOf": [schema, {"type": "null"}]})
}
