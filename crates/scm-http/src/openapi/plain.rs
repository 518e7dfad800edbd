//! Schemas as JSON, with descriptions that no longer speak Rust.

use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};

/// The schema; links between items of the code become the items' names.
pub(super) fn schema(schema: &RefOr<Schema>) -> Value {
    // Schemas have text keys only: writing one cannot fail.
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    walk(&mut value);
    value
}

fn walk(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "description" => *text = without_links(text),
                    value => walk(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(walk),
        _ => {}
    }
}

/// ``[`Self::Push`]`` and ``[`Push`](crate::Push)`` become `Push`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        plain.push_str(before);
        let Some((name, after)) = link.split_once("`]") else {
            plain.push_str("[`");
            rest = link;
            continue;
        };
        plain.push('`');
        plain.push_str(name.rsplit("::").next().unwrap_or(name));
        plain.push('`');
        rest = match after.strip_prefix('(').and_then(|to| to.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_code_become_names() {
        for (text, want) in [
            ("A [`Self::Push`] follows.", "A `Push` follows."),
            ("[`Info::id`](crate::Info::id); it stays", "`id`; it stays"),
            ("no link [here] (or here)", "no link [here] (or here)"),
            ("[`broken", "[`broken"),
        ] {
            assert_eq!(without_links(text), want);
        }
    }
}
