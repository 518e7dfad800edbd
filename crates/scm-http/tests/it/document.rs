//! The OpenAPI document as the tests use it: every answer of every test is held against it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use actix_web::http::{Method, StatusCode, header::HeaderMap};
use jsonschema::Validator;
use scm_http::ApiDocument;
use serde_json::{Value, json};

use crate::app::BASE;

/// The document of the API where the tests mount it.
pub(crate) static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| Document::new(ApiDocument::new(BASE).as_json().clone()));

/// Headers that an answer has only if the document says so.
const TOLD: &[&str] = &[
    "allow",
    "etag",
    "idempotency-replayed",
    "location",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "www-authenticate",
    "x-request-id",
];

/// The document, and what is made of it.
pub(crate) struct Document {
    pub(crate) json: Value,
    pub(crate) operations: Vec<Operation>,
    /// Compiled schemas of answers, by operation, status and content type.
    schemas: Mutex<HashMap<(String, u16, String), Arc<Validator>>>,
}

/// An operation, by its path and its method.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// As `{BASE}/{id}/branches`.
    pub(crate) path: String,
    pub(crate) told: Value,
}

impl Operation {
    pub(crate) fn id(&self) -> &str {
        self.told["operationId"].as_str().unwrap()
    }

    /// The lowest role that may call it; `None` if it takes no credential of a caller.
    pub(crate) fn role(&self) -> Option<&str> {
        let role = self.told["x-role"].as_str().unwrap();
        ["viewer", "editor", "owner"]
            .contains(&role)
            .then_some(role)
    }

    /// The first example of its body.
    pub(crate) fn example(&self) -> Option<Value> {
        let content = &self.told["requestBody"]["content"]["application/json"];
        let examples = content["examples"].as_object()?;
        Some(examples.values().next().unwrap()["value"].clone())
    }

    /// How many parts of a path are as the template has them; `None` if the path is another one. A
    /// name at the end is all that follows.
    fn fits(&self, path: &str) -> Option<usize> {
        let (mut literal, mut rest) = (0, path.split('/'));
        let parts: Vec<_> = self.path.split('/').collect();
        for (at, part) in parts.iter().enumerate() {
            let given = rest.next()?;
            if *part == "{name}" && at + 1 == parts.len() {
                return Some(literal);
            }
            if part.starts_with('{') {
                (!given.is_empty()).then_some(())?;
            } else {
                (*part == given).then_some(())?;
                literal += 1;
            }
        }
        let over = rest.next();
        (over.is_none() || (path.ends_with('/') && path[..path.len() - 1] == *BASE))
            .then_some(literal)
    }
}

/// An answer as it came over the wire.
pub(crate) struct Heard<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) bytes: &'a [u8],
}

impl Document {
    fn new(json: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in json["paths"].as_object().unwrap() {
            for (method, told) in item.as_object().unwrap() {
                operations.push(Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    told: told.clone(),
                });
            }
        }
        Self {
            json,
            operations,
            schemas: Mutex::default(),
        }
    }

    /// What a reference points at, or the value itself.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            None => value,
            Some(to) => {
                let pointer = to.strip_prefix('#').expect("a reference into the document");
                let found = self.json.pointer(pointer);
                found.unwrap_or_else(|| panic!("{to} is in the document"))
            }
        }
    }

    /// The operations of a path, the one that fits best first.
    fn at(&self, path: &str) -> Vec<&Operation> {
        let fits = |operation: &&Operation| operation.fits(path);
        let best = self
            .operations
            .iter()
            .filter_map(|operation| fits(&operation))
            .max();
        let at_best = |operation: &&Operation| best.is_some() && fits(operation) == best;
        self.operations.iter().filter(at_best).collect()
    }

    /// A schema without references, in which an object has the members that are told and no others.
    pub(crate) fn closed(&self, schema: &Value) -> Value {
        self.inlined(schema, true)
    }

    fn inlined(&self, schema: &Value, closed: bool) -> Value {
        let schema = self.resolved(schema);
        let Some(members) = schema.as_object() else {
            return schema.clone();
        };
        let has = |name: &str| members.contains_key(name);
        let is_object = has("properties") || has("allOf");
        let mut inlined = json!({});
        for (name, value) in members {
            inlined[name] = match (name.as_str(), value) {
                ("properties", Value::Object(properties)) => {
                    let property = |(name, schema): (&String, &Value)| {
                        (name.clone(), self.inlined(schema, true))
                    };
                    Value::Object(properties.iter().map(property).collect())
                }
                ("items" | "additionalProperties", value) => self.inlined(value, true),
                ("allOf", Value::Array(parts)) => {
                    parts.iter().map(|part| self.inlined(part, false)).collect()
                }
                ("anyOf" | "oneOf", Value::Array(parts)) => {
                    let closed = closed && !is_object;
                    parts
                        .iter()
                        .map(|part| self.inlined(part, closed))
                        .collect()
                }
                (_, value) => value.clone(),
            };
        }
        if closed && is_object && !has("additionalProperties") {
            inlined["unevaluatedProperties"] = false.into();
        }
        inlined
    }

    pub(crate) fn validator(schema: &Value) -> Validator {
        jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .expect("a schema")
    }

    /// Fails unless the document tells of such an answer.
    pub(crate) fn hold(&self, heard: &Heard<'_>) {
        let asked = format!("{} {}", heard.method, heard.path);
        let here = self.at(heard.path);
        let method = if *heard.method == Method::HEAD {
            Method::GET
        } else {
            heard.method.clone()
        };
        let code =
            || serde_json::from_slice::<Value>(heard.bytes).unwrap_or_default()["code"].clone();
        let Some(operation) = here.iter().find(|operation| operation.method == method) else {
            if here.is_empty() {
                assert_eq!(code(), "unknown_route", "{asked} is no route");
            } else if *heard.method != Method::HEAD {
                assert_eq!(heard.status, 405, "{asked}");
            }
            return;
        };
        let status = heard.status.as_u16();
        let response = &operation.told["responses"][status.to_string()];
        let body = String::from_utf8_lossy(heard.bytes);
        assert!(
            !response.is_null(),
            "{asked} answers {status}, of which nothing is told: {body}"
        );
        let response = self.resolved(response);
        self.hold_headers(&asked, response, heard.headers);
        if *heard.method == Method::HEAD {
            return;
        }
        let Some(contents) = response["content"].as_object() else {
            assert!(
                heard.bytes.is_empty(),
                "{asked} answers {status} with a body: {body}"
            );
            return;
        };
        let kind = heard.headers.get("content-type").expect("a content type");
        let kind = kind.to_str().unwrap().split(';').next().unwrap().trim();
        let content = contents.get(kind);
        let content = content.unwrap_or_else(|| panic!("{asked} answers {status} with {kind}"));
        let value: Value = serde_json::from_slice(heard.bytes).expect("JSON");
        let key = (operation.id().to_owned(), status, kind.to_owned());
        let known = self.schemas.lock().unwrap().get(&key).cloned();
        let validator = known.unwrap_or_else(|| {
            let validator = Arc::new(Self::validator(&self.closed(&content["schema"])));
            self.schemas
                .lock()
                .unwrap()
                .insert(key, Arc::clone(&validator));
            validator
        });
        let wrong: Vec<_> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            wrong.is_empty(),
            "{asked} answers {status} {body}\n{}",
            wrong.join("\n")
        );
    }

    fn hold_headers(&self, asked: &str, response: &Value, headers: &HeaderMap) {
        let empty = serde_json::Map::new();
        let told = response["headers"].as_object().unwrap_or(&empty);
        for (name, header) in told {
            let header = self.resolved(header);
            let value = headers.get(name.as_str());
            if let Some(value) = value {
                let value = value.to_str().unwrap();
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => value.parse::<i64>().map_or(value.into(), Value::from),
                    _ => value.into(),
                };
                let schema = self.closed(&header["schema"]);
                assert!(
                    Self::validator(&schema).is_valid(&value),
                    "{asked} has {name}: {value}"
                );
            } else {
                assert_ne!(header["required"], true, "{asked} has no {name}");
            }
        }
        for name in TOLD {
            let is_told = told.keys().any(|told| told.eq_ignore_ascii_case(name));
            assert!(
                is_told || !headers.contains_key(*name),
                "{asked} has {name}, of which nothing is told"
            );
        }
    }
}
