//! Good answers: the envelope around what an operation gives.

use serde_json::{Map, Value, json};

use super::parts::header;

/// A good answer that is being described.
pub(super) struct Answer {
    description: &'static str,
    content_type: &'static str,
    members: Map<String, Value>,
    required: Vec<&'static str>,
    headers: Map<String, Value>,
    example: Value,
    /// A body without the envelope.
    bare: Option<Value>,
}

/// What every answer below the base path tells of the limit that is closest to its end, if there is one.
pub(super) const LIMITED: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

impl Answer {
    /// The envelope with nothing in it.
    pub(super) fn new(description: &'static str) -> Self {
        let answer = Self {
            description,
            content_type: "application/json",
            members: Map::new(),
            required: Vec::new(),
            headers: Map::new(),
            example: json!({"success": true}),
            bare: None,
        };
        answer
            .of_the_api()
            .with("success", json!({"type": "boolean", "enum": [true]}), true)
    }

    /// A body without the envelope; `Value::Null` for none.
    pub(super) fn bare(
        description: &'static str,
        content_type: &'static str,
        schema: Value,
        example: Value,
    ) -> Self {
        Self {
            content_type,
            bare: Some(schema),
            example,
            headers: Map::new(),
            ..Self::new(description)
        }
    }

    /// The headers of every answer below the base path.
    pub(super) fn of_the_api(mut self) -> Self {
        for name in std::iter::once("X-Request-Id").chain(LIMITED) {
            self.headers.insert(name.into(), header(name));
        }
        self
    }

    fn with(mut self, member: &'static str, schema: Value, required: bool) -> Self {
        self.members.insert(member.into(), schema);
        if required {
            self.required.push(member);
        }
        self
    }

    fn example(mut self, member: &str, value: Value) -> Self {
        self.example[member] = value;
        self
    }

    /// What the operation gives.
    pub(super) fn data(self, schema: Value, example: Value) -> Self {
        self.with("data", schema, true).example("data", example)
    }

    /// A page of a list; `nextCursor` is there if more follow, or always.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes what a description makes, as it comes"
    )]
    pub(super) fn page(self, item: Value, example: Value, always_more: bool, cursor: &str) -> Self {
        let count =
            json!({"type": "integer", "minimum": 0, "description": "How many are on this page."});
        let next = json!({
            "type": "string",
            "description": "Give it as `cursor` for the next page; absent on the last one.",
        });
        self.data(json!({"type": "array", "items": item}), json!([example]))
            .with("count", count, true)
            .example("count", 1.into())
            .with("nextCursor", next, always_more)
            .example("nextCursor", cursor.into())
    }

    /// A list that comes whole.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes what a description makes, as it comes"
    )]
    pub(super) fn list(self, item: Value, example: Value) -> Self {
        let count = json!({"type": "integer", "minimum": 0, "description": "How many there are."});
        self.data(json!({"type": "array", "items": item}), json!([example]))
            .with("count", count, true)
            .example("count", 1.into())
    }

    /// A sentence for a person.
    pub(super) fn message(self, message: &str) -> Self {
        let schema = json!({"type": "string", "description": "For a person."});
        self.with("message", schema, true)
            .example("message", message.into())
    }

    /// Of an ensure operation: whether the wanted state was there already.
    pub(super) fn existing(self, existing: bool) -> Self {
        let schema = json!({
            "type": "boolean",
            "enum": [existing],
            "description": "Whether the wanted state was there already.",
        });
        self.with("existing", schema, true)
            .example("existing", existing.into())
    }

    /// Of tags: how far the answer can be relied on.
    pub(super) fn certain(self) -> Self {
        let truncated = json!({
            "type": "boolean",
            "description": "True if the code host has more tags than were looked at.",
        });
        let exact = json!({
            "type": "boolean",
            "description": "False if tags without a version stand by name where they should stand by date.",
        });
        self.with("truncated", truncated, true)
            .example("truncated", false.into())
            .with("exact", exact, true)
            .example("exact", true.into())
    }

    /// What a check found out.
    pub(super) fn verification(self, schema: Value, example: Value) -> Self {
        self.with("verification", schema, true)
            .example("verification", example)
    }

    /// A header.
    pub(super) fn header(mut self, name: &str) -> Self {
        self.headers.insert(name.into(), header(name));
        self
    }

    /// The answer in the document.
    pub(super) fn response(self) -> Value {
        let schema = self.bare.unwrap_or_else(|| {
            json!({
                "type": "object",
                "properties": self.members,
                "required": self.required,
            })
        });
        if schema.is_null() {
            return json!({"description": self.description, "headers": self.headers});
        }
        let mut content = json!({"schema": schema});
        if !self.example.is_null() {
            content["example"] = self.example;
        }
        json!({
            "description": self.description,
            "headers": self.headers,
            "content": {self.content_type: content},
        })
    }
}
