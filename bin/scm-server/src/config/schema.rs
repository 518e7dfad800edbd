//! The JSON Schema of a settings file, of the same table that the parser goes by.

use serde_json::{Map, Value, json};

use super::settings::{self, Form, Setting, UNLIMITED};

/// The schema, in the dialect of 2020-12.
pub(crate) fn schema() -> Value {
    let mut root = Map::new();
    for setting in settings::all() {
        place(&mut root, setting.key, setting);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of scm-server",
        "description": "A TOML file that is given with --config. `x-variable` is the variable of the environment that sets the same, `x-unit` what a number counts.",
        "type": "object",
        "additionalProperties": false,
        "properties": root,
    })
}

/// Puts a setting below the tables that its key names.
fn place(properties: &mut Map<String, Value>, key: &str, setting: &Setting) {
    let Some((head, rest)) = key.split_once('.') else {
        properties.insert(key.to_owned(), property(setting));
        return;
    };
    let name = head.trim_end_matches("[]");
    let table = properties.entry(name).or_insert_with(table);
    let table = if head.ends_with("[]") {
        &mut table["items"]
    } else {
        table
    };
    if setting.required && !rest.contains('.') {
        let required = &mut table["required"];
        match required {
            Value::Array(names) => names.push(rest.into()),
            other => *other = json!([rest]),
        }
    }
    if let Some(members) = table["properties"].as_object_mut() {
        place(members, rest, setting);
    }
}

fn table() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {}})
}

fn property(setting: &Setting) -> Value {
    let word = || {
        let mut word = json!({"type": "string"});
        if !setting.choices.is_empty() {
            word["enum"] = json!(setting.choices);
        }
        word
    };
    let mut property = match setting.form {
        Form::Text | Form::Path => word(),
        Form::Address => json!({"type": "string", "pattern": "^.+:[0-9]{1,5}$"}),
        Form::Number(least, most) => {
            let mut number = json!({"type": "integer", "minimum": least});
            if most != UNLIMITED {
                number["maximum"] = most.into();
            }
            number
        }
        Form::Flag => json!({"type": "boolean"}),
        // As one text they stand with commas between them, which no list of words can tell.
        Form::Words => json!({"anyOf": [
            {"type": "string"},
            {"type": "array", "items": word()},
        ]}),
        Form::Tables => json!({"type": "array", "items": table()}),
    };
    property["description"] = setting.about.into();
    if let Some(default) = setting.default.and_then(value_of) {
        property["default"] = default;
    }
    if setting.secret {
        property["writeOnly"] = true.into();
    }
    if let Some(unit) = setting.unit {
        property["x-unit"] = unit.into();
    }
    if let Some(variable) = setting.variable() {
        property["x-variable"] = variable.into();
    }
    property
}

/// A default as JSON.
fn value_of(toml: &str) -> Option<Value> {
    let text = format!("value = {toml}");
    let mut table: Value = toml::from_str(&text).ok()?;
    Some(table["value"].take())
}

#[cfg(test)]
#[path = "schema/tests.rs"]
mod tests;
