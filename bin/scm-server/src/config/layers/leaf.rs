//! One value of a layer: its key, its place, and what is wrong with it.

use std::fmt;

use serde_json::{Map, Value};

use crate::config::settings::{self, Setting};

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the program.
    Default,
    /// In a file.
    File {
        name: String,
        line: usize,
        column: usize,
    },
    /// In a variable of this name.
    Variable(String),
    /// In a flag of this name.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line, column } => write!(f, "{name}: line {line}, column {column}"),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Its key, with indices: `hosts[0].kind`.
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) place: Place,
    /// What is wrong with it, for a person.
    pub(super) problem: Option<String>,
}

impl Leaf {
    /// The list of tables that it stands in, or is.
    pub(super) fn list(&self) -> Option<&str> {
        let list = self.path.split('[').next().unwrap_or_default();
        let is_list = |setting: &Setting| setting.form == settings::Form::Tables;
        settings::find(list).filter(|found| is_list(found))?;
        Some(list)
    }

    /// True if the value is never shown.
    pub(super) fn is_secret(&self) -> bool {
        settings::find(&generic(&self.path)).is_none_or(|setting| setting.secret)
    }
}

/// A value of a file with its place, before anybody knows whether it belongs there.
#[derive(Debug)]
pub(super) enum Node {
    Table(Vec<(String, Place, Node)>),
    List(Vec<(Place, Node)>),
    Value(Value),
}

impl Node {
    /// The same as a plain value.
    fn value(&self) -> Value {
        match self {
            Self::Table(members) => {
                let members = members.iter();
                let members = members.map(|(name, _, node)| (name.clone(), node.value()));
                Value::Object(members.collect())
            }
            Self::List(entries) => entries.iter().map(|(_, node)| node.value()).collect(),
            Self::Value(value) => value.clone(),
        }
    }
}

/// Every value of a tree, with what is wrong with each.
pub(super) fn leaves_of(root: &Node) -> Vec<Leaf> {
    let mut found = Vec::new();
    if let Node::Table(members) = root {
        for (name, place, node) in members {
            collect(name.clone(), place, node, &mut found);
        }
    }
    found
}

fn collect(path: String, place: &Place, node: &Node, found: &mut Vec<Leaf>) {
    let key = generic(&path);
    let setting = settings::find(&key);
    let problem = match (setting, node) {
        (Some(setting), Node::List(entries)) if setting.form == settings::Form::Tables => {
            if setting.problem(&node.value()).is_none() && !entries.is_empty() {
                for (index, (place, entry)) in entries.iter().enumerate() {
                    table(&format!("{path}[{index}]"), place, entry, found);
                }
                return;
            }
            setting.problem(&node.value())
        }
        (_, Node::Table(members)) if settings::is_section(&key) => {
            if members.is_empty() {
                return;
            }
            return table(&path, place, node, found);
        }
        // The members are named: their table may be right, and its name wrong.
        (_, Node::Table(members)) if !members.is_empty() => {
            for (name, place, node) in members {
                collect(format!("{path}.{name}"), place, node, found);
            }
            return;
        }
        (Some(setting), node) => setting.problem(&node.value()),
        (None, _) if settings::is_section(&key) => Some("must be a table".to_owned()),
        (None, _) => Some("is not known".to_owned()),
    };
    found.push(Leaf {
        path,
        value: node.value(),
        place: place.clone(),
        problem,
    });
}

/// The members of a table; what is missing in one of a list is told, too.
fn table(path: &str, place: &Place, node: &Node, found: &mut Vec<Leaf>) {
    let Node::Table(members) = node else { return };
    for (name, place, node) in members {
        collect(format!("{path}.{name}"), place, node, found);
    }
    for setting in settings::required_in(&generic(path)) {
        let name = setting.key.rsplit('.').next().unwrap_or_default();
        if !members.iter().any(|(given, ..)| given == name) {
            found.push(Leaf {
                path: format!("{path}.{name}"),
                value: Value::Null,
                place: place.clone(),
                problem: Some("is missing".to_owned()),
            });
        }
    }
}

/// The key without its indices: `hosts[].kind` of `hosts[0].kind`.
pub(super) fn generic(path: &str) -> String {
    let mut parts = path.split('[');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(']').map_or("", |(_, rest)| rest);
        key.push_str("[]");
        key.push_str(rest);
    }
    key
}

/// The table of a list that a path is in, with its closing bracket: `hosts[0]` of `hosts[0].app.id`.
pub(super) fn table_of(path: &str) -> Option<&str> {
    path.find("].").map(|end| &path[..=end])
}

/// True if a path lies below a key.
pub(super) fn is_within(path: &str, key: &str) -> bool {
    path.strip_prefix(key)
        .is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// The same path with another index.
pub(super) fn renumber(path: &str, index: impl Fn(&str, usize) -> usize) -> String {
    let parts = path.split_once('[').and_then(|(list, rest)| {
        let (number, rest) = rest.split_once(']')?;
        Some((list, number.parse::<usize>().ok()?, rest))
    });
    match parts {
        Some((list, number, rest)) => format!("{list}[{}]{rest}", index(list, number)),
        None => path.to_owned(),
    }
}

/// Puts a value where its path says.
pub(in crate::config) fn insert(root: &mut Map<String, Value>, path: &str, value: Value) {
    let (head, rest) = path.split_once('.').unwrap_or((path, ""));
    let (name, index) = match head.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (head, None),
    };
    let slot = root.entry(name).or_insert(Value::Null);
    let slot = match index {
        None => slot,
        Some(index) => {
            if !slot.is_array() {
                *slot = Value::Array(Vec::new());
            }
            let Value::Array(list) = slot else { return };
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            &mut list[index]
        }
    };
    if rest.is_empty() {
        *slot = value;
        return;
    }
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(members) = slot {
        insert(members, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_taken_apart_and_put_together() {
        assert_eq!(generic("hosts[12].app.id"), "hosts[].app.id");
        assert_eq!(generic("log.filter"), "log.filter");
        assert_eq!(table_of("auth.keys[1].id"), Some("auth.keys[1]"));
        assert_eq!(table_of("trusted_proxies[1]"), None);
        assert!(is_within("hosts[0].kind", "hosts") && is_within("log.filter", "log"));
        assert!(!is_within("log.filter", "log.filter") && !is_within("logs.x", "log"));
        assert_eq!(renumber("a.b[3].c", |_, index| index - 1), "a.b[2].c");

        let mut root = Map::new();
        for (path, value) in [("hosts[1].app.id", 1), ("hosts[0].app.id", 2), ("a.b", 3)] {
            insert(&mut root, path, json!(value));
        }
        let want = json!({"hosts": [{"app": {"id": 2}}, {"app": {"id": 1}}], "a": {"b": 3}});
        assert_eq!(Value::Object(root), want);
    }
}
