//! Reads a layer: the defaults, a file, the environment, the flags.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use serde_json::{Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::leaf::{Leaf, Node, Place, leaves_of};
use crate::config::settings;

/// Variables of this prefix steer the project's own tests, not the server.
const NOT_OURS: &str = "SCM_TEST_";

/// The variable that names the files; the command line reads it.
const FILES: &str = "SCM_CONFIG";

/// What holds if nothing is given.
pub(super) fn defaults() -> Vec<Leaf> {
    let text = settings::defaults();
    let root = DeTable::parse(&text).map(|root| table(root.get_ref(), &|_| Place::Default));
    // A test reads every default; a setting that lacked its own would be told as missing.
    root.map_or_else(|_| Vec::new(), |root| leaves_of(&root))
}

/// What stands in a file. Each mistake in its syntax is told with its place and the reason: the parser's
/// own text quotes the line, which can hold a password.
pub(super) fn file(path: &Path, unreadable: &mut Vec<String>) -> Vec<Leaf> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            unreadable.push(format!("{name}: cannot be read: {error}"));
            return Vec::new();
        }
    };
    let place = |start: usize| {
        let (line, column) = position(&text, start);
        let name = name.clone();
        Place::File { name, line, column }
    };
    match DeTable::parse(&text) {
        Ok(root) => leaves_of(&table(root.get_ref(), &place)),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            unreadable.push(format!("{}: {}", place(start), error.message()));
            Vec::new()
        }
    }
}

/// The variables that are settings. What others hold is nobody's business, and need not be text.
pub(super) fn environment(
    variables: &[(OsString, OsString)],
    unreadable: &mut Vec<String>,
) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("SCM_")) else {
            continue;
        };
        if name.starts_with(NOT_OURS) || name == FILES || value.is_empty() {
            continue;
        }
        let Some(value) = value.to_str() else {
            unreadable.push(format!("{name}: must be UTF-8 text"));
            continue;
        };
        let key = name["SCM_".len()..].to_lowercase().replace("__", ".");
        leaves.push(of_text(&key, value, Place::Variable(name.to_owned())));
    }
    // The environment has no order of its own.
    leaves.sort_by(|one, other| one.path.cmp(&other.path));
    leaves
}

/// What every program of OpenTelemetry goes by, for settings that are not given in our own way.
const STANDARD: [(&str, &str); 2] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint"),
    ("OTEL_SERVICE_NAME", "traces.service_name"),
];

/// The variables that are settings of many programs.
pub(super) fn standard(variables: &[(OsString, OsString)]) -> Vec<Leaf> {
    let of = |(name, key): &(&str, &str)| {
        let value = variables.iter().find(|(given, _)| given == name);
        let value = value?.1.to_str().filter(|value| !value.is_empty())?;
        Some(of_text(key, value, Place::Variable((*name).to_owned())))
    };
    STANDARD.iter().filter_map(of).collect()
}

/// The flags that were given.
pub(super) fn flags(given: &BTreeMap<&'static str, String>) -> Vec<Leaf> {
    let leaf = |(key, value): (&&str, &String)| {
        let name = format!("--{}", key.replace('_', "-"));
        of_text(key, value, Place::Flag(name))
    };
    given.iter().map(leaf).collect()
}

/// A value that is given as text.
fn of_text(key: &str, text: &str, place: Place) -> Leaf {
    let value = match settings::find(key).filter(|_| !key.contains('[')) {
        Some(setting) => setting.of_text(text),
        None if settings::is_section(key) => Err("must be a table".to_owned()),
        None => Err("is not known".to_owned()),
    };
    let (value, problem) = match value {
        Ok(value) => (value, None),
        Err(problem) => (Value::Null, Some(problem)),
    };
    Leaf {
        path: key.to_owned(),
        value,
        place,
        problem,
    }
}

fn table(members: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> Node {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| name.span().start);
    let members = members.into_iter().map(|(name, value)| {
        let at = place(name.span().start);
        (name.get_ref().to_string(), at, node(value, place))
    });
    Node::Table(members.collect())
}

fn node(value: &Spanned<DeValue<'_>>, place: &dyn Fn(usize) -> Place) -> Node {
    Node::Value(match value.get_ref() {
        DeValue::Table(members) => return table(members, place),
        DeValue::Array(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|entry| (place(entry.span().start), node(entry, place)));
            return Node::List(entries.collect());
        }
        DeValue::String(text) => Value::from(text.to_string()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => {
            let number = number.as_str().parse::<f64>().ok();
            number
                .and_then(Number::from_f64)
                .map_or(Value::Null, Value::Number)
        }
        // No setting takes a date that is not in quotes.
        DeValue::Datetime(_) => Value::Null,
    })
}

/// Line and column of a byte, each from 1.
fn position(text: &str, start: usize) -> (usize, usize) {
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count() + 1)
}
