//! One operation of the API as the document tells it.

use std::collections::{BTreeMap, BTreeSet};

use scm_types::{ErrorCode, Role};
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, LIMITED},
    failures::{BODY, CALLER, JSON, KEY, QUERY, ROLE, ROW, SERVER},
    parts::{header, param},
};
use crate::status::status;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody.
    Anyone,
    /// Whoever signs a delivery with the webhook's secret.
    Signer,
    /// A caller with at least this role.
    Caller(Role),
}

impl Who {
    fn security(self) -> Value {
        match self {
            Self::Anyone => json!([]),
            Self::Signer => json!([
                {"githubSignature": []},
                {"bitbucketSignature": []},
                {"gitlabSignature": []},
                {"gitlabToken": []},
            ]),
            Self::Caller(_) => json!([{"bearer": []}]),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Anyone => "none",
            Self::Signer => "signature",
            Self::Caller(role) => role.as_str(),
        }
    }
}

/// An operation that is being described.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    id: &'static str,
    tag: &'static str,
    who: Who,
    summary: &'static str,
    description: String,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    failures: BTreeMap<u16, BTreeSet<ErrorCode>>,
    /// True if no answer is kept for a request that is sent again.
    once: bool,
}

impl Operation {
    /// Something that everybody may ask the server.
    pub(super) fn open(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            method: "get",
            path,
            id,
            tag: "server",
            who: Who::Anyone,
            summary,
            description: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            failures: BTreeMap::new(),
            once: false,
        }
    }

    fn of(method: &'static str, path: &'static str, id: &'static str, role: Role) -> Self {
        let operation = Self {
            method,
            who: Who::Caller(role),
            ..Self::open(path, id, "")
        };
        let operation = operation.fails(&[CALLER, SERVER, QUERY]);
        let operation = match role {
            // There is no lower one.
            Role::Viewer => operation,
            Role::Editor | Role::Owner => operation.fails(&[ROLE]),
        };
        if path.starts_with("/{id}") {
            operation.parameter(param("IntegrationId")).fails(&[ROW])
        } else {
            operation
        }
    }

    /// Something that is read.
    pub(super) fn get(path: &'static str, id: &'static str, role: Role) -> Self {
        Self::of("get", path, id, role)
    }

    /// Something that is done, once for each `Idempotency-Key`.
    fn write(method: &'static str, path: &'static str, id: &'static str, role: Role) -> Self {
        Self::of(method, path, id, role)
            .parameter(param("IdempotencyKey"))
            .fails(&[KEY])
    }

    /// The same by `POST`.
    pub(super) fn post(path: &'static str, id: &'static str, role: Role) -> Self {
        Self::write("post", path, id, role)
    }

    /// Something that is done at each request, by `POST`.
    pub(super) fn post_once(path: &'static str, id: &'static str, role: Role) -> Self {
        Self {
            once: true,
            ..Self::of("post", path, id, role)
        }
    }

    /// The same by `PATCH`.
    pub(super) fn patch(path: &'static str, id: &'static str, role: Role) -> Self {
        Self::write("patch", path, id, role)
    }

    /// The same by `DELETE`.
    pub(super) fn delete(path: &'static str, id: &'static str, role: Role) -> Self {
        Self::write("delete", path, id, role)
    }

    /// What code hosts call.
    pub(super) fn signed(path: &'static str, id: &'static str) -> Self {
        Self {
            method: "post",
            who: Who::Signer,
            ..Self::open(path, id, "")
        }
        .parameter(param("IntegrationId"))
    }

    /// True if an answer is kept for a request that is sent again.
    fn is_kept(&self) -> bool {
        self.method != "get" && !self.once && matches!(self.who, Who::Caller(_))
    }

    pub(super) fn tag(self, tag: &'static str) -> Self {
        Self { tag, ..self }
    }

    pub(super) fn about(self, summary: &'static str, description: &str) -> Self {
        let description = description.to_owned();
        Self {
            summary,
            description,
            ..self
        }
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn parameters(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// A body in JSON that must be there.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes what a description makes, as it comes"
    )]
    pub(super) fn body(mut self, schema: Value, examples: Value) -> Self {
        self.body = Some(json!({
            "required": true,
            "content": {"application/json": {"schema": schema, "examples": examples}},
        }));
        self.fails(&[BODY, JSON])
    }

    /// A body of another kind.
    pub(super) fn raw_body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// No body; an object without members is taken for none.
    pub(super) fn no_body(self) -> Self {
        self.fails(&[BODY])
    }

    pub(super) fn answer(mut self, status: u16, answer: Answer) -> Self {
        let answer = if self.is_kept() {
            answer.header("Idempotency-Replayed")
        } else {
            answer
        };
        self.answers.insert(status, answer.response());
        self
    }

    pub(super) fn fails(mut self, groups: &[&[ErrorCode]]) -> Self {
        for code in groups.iter().copied().flatten() {
            let status = status(*code).as_u16();
            self.failures.entry(status).or_default().insert(*code);
        }
        self
    }

    /// A failure whose status is not that of its code.
    pub(super) fn fails_with(mut self, status: u16, codes: &[ErrorCode]) -> Self {
        self.failures.entry(status).or_default().extend(codes);
        self
    }

    /// The operation in the document; its failures go to the `shared` responses.
    pub(super) fn told(self, shared: &mut BTreeMap<String, Value>) -> Value {
        let is_kept = self.is_kept();
        let mut responses = Map::new();
        for (status, answer) in self.answers {
            responses.insert(status.to_string(), answer);
        }
        let in_problem_form = self.who != Who::Anyone;
        for (status, codes) in &self.failures {
            let name = failure_name(*status, codes);
            let reference = json!({"$ref": format!("#/components/responses/{name}")});
            shared
                .entry(name)
                .or_insert_with(|| failure(*status, codes, in_problem_form, is_kept));
            let before = responses.insert(status.to_string(), reference);
            debug_assert!(before.is_none(), "{status} of {} is told twice", self.id);
        }
        let mut told = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description,
            "x-role": self.who.word(),
            "security": self.who.security(),
            "parameters": self.parameters,
            "responses": responses,
        });
        if self.description.is_empty() {
            told.as_object_mut().map(|told| told.remove("description"));
        }
        if let Some(body) = self.body {
            told["requestBody"] = body;
        }
        told
    }
}

/// The name of a shared failure: its status, and a digest of its codes.
fn failure_name(status: u16, codes: &BTreeSet<ErrorCode>) -> String {
    // FNV-1a: stable, and short enough to be read out.
    let mut digest: u32 = 0x811c_9dc5;
    for byte in codes.iter().flat_map(|code| code.as_str().bytes()) {
        digest = (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let reason = actix_web::http::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let reason = reason.unwrap_or("Failure").replace([' ', '-'], "");
    format!("{reason}_{:04x}", (digest >> 16) ^ (digest & 0xffff))
}

/// The response that a failure is.
fn failure(
    status: u16,
    codes: &BTreeSet<ErrorCode>,
    in_problem_form: bool,
    is_kept: bool,
) -> Value {
    let words: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let lines = codes
        .iter()
        .map(|code| format!("- `{code}`: {}", code.meaning()));
    let mut headers = json!({"X-Request-Id": header("X-Request-Id")});
    for name in LIMITED {
        headers[name] = header(name);
    }
    match status {
        401 => headers["WWW-Authenticate"] = header("WWW-Authenticate"),
        409 | 429 | 502..=504 | 507 => headers["Retry-After"] = header("Retry-After"),
        _ => {}
    }
    if is_kept && [400, 409, 412, 413, 415, 422].contains(&status) {
        headers["Idempotency-Replayed"] = header("Idempotency-Replayed");
    }
    if codes.contains(&ErrorCode::ConnectionInvalid) {
        headers["ETag"] = header("ETagOfRow");
    }
    let restricted = |name: &str| {
        json!({"allOf": [
            {"$ref": format!("#/components/schemas/{name}")},
            {"properties": {"code": {"enum": words}}},
        ]})
    };
    let example = |code: &ErrorCode| {
        let told = json!({"success": false, "error": code.meaning(), "code": code.as_str()});
        (code.as_str().to_owned(), json!({"value": told}))
    };
    let examples: Map<_, _> = codes.iter().map(example).collect();
    let own = json!({"schema": restricted("Failure"), "examples": examples});
    let mut content = json!({"application/json": own});
    if in_problem_form {
        content["application/problem+json"] = json!({"schema": restricted("Problem")});
    }
    json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "headers": headers,
        "content": content,
    })
}
