//! The OpenAPI document, made of the code: schemas of the types, codes of the error enumeration,
//! their statuses from the one map.
//!
//! - Every route is here, and nothing else; every answer of the tests is held against it. Which of
//!   the routes are there is the router's to say: a test compares the two.
//! - `HEAD` is not told by itself: every path that has `GET` answers it, without a body.
//! - The order of operations is the order in which they are added; the same code makes the same text.

mod answer;
mod bodies;
mod examples;
mod failures;
mod operation;
mod parts;
mod paths;
mod plain;

use std::collections::BTreeMap;

use scm_types::ErrorCode;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use self::operation::Operation;
use crate::status::status;

/// The OpenAPI 3.1 document of a server that has the API at a prefix such as
/// `/api/v1/integrations/scm`, and health, metrics and the document itself at the root.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiDocument(Value);

impl ApiDocument {
    /// The document; the prefix begins with a slash and does not end with one.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let mut api = Api {
            prefix: prefix.to_owned(),
            schemas: BTreeMap::new(),
            responses: BTreeMap::new(),
            paths: Map::new(),
        };
        paths::add(&mut api);
        Self(api.document())
    }

    /// The document as JSON.
    #[must_use]
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// The document as JSON for people, with a line break at the end.
    #[must_use]
    pub fn to_pretty(&self) -> String {
        format!("{:#}\n", self.0)
    }
}

/// The document while it is put together.
struct Api {
    prefix: String,
    schemas: BTreeMap<String, Value>,
    responses: BTreeMap<String, Value>,
    paths: Map<String, Value>,
}

impl Api {
    /// A reference to the schema of a type, which the document has from then on.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let mut found = vec![(name.clone(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.schemas
                .entry(name)
                .or_insert_with(|| plain::schema(&schema));
        }
        reference(&name)
    }

    /// A reference to a schema that was made by hand.
    fn named(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.insert(name.to_owned(), schema);
        reference(name)
    }

    /// Says more about a schema than its type does.
    fn restrict(&mut self, name: &str, keyword: &str, what: Value) {
        if let Some(schema) = self.schemas.get_mut(name) {
            schema[keyword] = what;
        }
    }

    /// Adds an operation of the API.
    fn add(&mut self, operation: Operation) {
        let path = format!("{}{}", self.prefix, operation.path);
        self.add_at(path, operation);
    }

    /// Adds an operation at the root of the server.
    fn add_at_root(&mut self, operation: Operation) {
        self.add_at(operation.path.to_owned(), operation);
    }

    fn add_at(&mut self, path: String, operation: Operation) {
        let method = operation.method;
        let told = operation.told(&mut self.responses);
        self.paths.entry(path).or_insert_with(|| json!({}))[method] = told;
    }

    fn document(self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "SCM integration service",
                "version": env!("CARGO_PKG_VERSION"),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
                "description": introduction(),
            },
            "tags": paths::tags(),
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "parameters": parts::parameters(),
                "headers": parts::headers(),
                "responses": self.responses,
                "securitySchemes": parts::security_schemes(),
            },
        })
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What is true of every operation, and the table of codes.
fn introduction() -> String {
    let mut text = include_str!("introduction.md").to_owned();
    text.push_str("\n| code | status | |\n|---|---|---|\n");
    for code in ErrorCode::ALL {
        let line = format!(
            "| `{code}` | {} | {} |\n",
            status(*code).as_u16(),
            code.meaning()
        );
        text.push_str(&line);
    }
    text
}
