//! The layers that settings come from, lowest first, and which of them each value stands in.
//!
//! - What is wrong is told at once, all of it, each with its place. What is wrong in itself is left out
//!   of what is looked at as a whole.
//! - A list of tables comes from one layer as a whole.

mod leaf;
mod read;

mod files;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use serde_json::{Map, Value};

use super::{Config, ConfigError, settings};
use leaf::Leaf;
#[cfg(test)]
pub(super) use leaf::insert;

/// One place that settings come from.
struct Layer {
    /// Every value that stands there.
    leaves: Vec<Leaf>,
    /// False for the defaults.
    is_given: bool,
}

/// Every place, lowest first.
pub(crate) struct Layers {
    layers: Vec<Layer>,
    /// What kept a place from being read.
    unreadable: Vec<String>,
}

/// What the layers are read from, so that they can be read again.
#[derive(Clone)]
pub(crate) struct Sources {
    /// Given files, lowest first.
    pub(crate) files: Vec<PathBuf>,
    /// The environment of the process.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Given flags, by the key of the setting.
    pub(crate) overrides: BTreeMap<&'static str, String>,
}

impl Sources {
    /// Reads every layer as it stands there now.
    pub(crate) fn layers(&self) -> Layers {
        let mut unreadable = Vec::new();
        let mut layers = vec![Layer {
            leaves: read::defaults(),
            is_given: false,
        }];
        let mut given = |leaves| {
            layers.push(Layer {
                leaves,
                is_given: true,
            });
        };
        given(read::standard(&self.environment));
        for file in &self.files {
            given(read::file(file, &mut unreadable));
        }
        given(read::environment(&self.environment, &mut unreadable));
        given(read::flags(&self.overrides));
        Layers { layers, unreadable }
    }

    /// The settings as they come out of all layers now, if nothing is wrong with them in themselves.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let (config, problems) = self.layers().parsed();
        config
            .filter(|_| problems.is_empty())
            .ok_or(ConfigError(problems))
    }
}

/// One setting for a person: its key, its value (masked if it is a secret) and where it stands.
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) source: String,
}

impl Layers {
    /// The settings; or all that is wrong, with `problems` of the whole, each with its place.
    pub(crate) fn checked(
        &self,
        problems: impl Fn(&Config) -> Vec<String>,
    ) -> Result<Config, ConfigError> {
        let (config, mut found) = self.parsed();
        // With a part that could not be read the rest looks worse than it is.
        if let Some(config) = config.filter(|_| self.unreadable.is_empty()) {
            let known = found.clone();
            let further = problems(&config)
                .into_iter()
                .map(|one| self.renumbered(&one));
            let further = further.filter(|one| !known.iter().any(|known| explains(known, one)));
            found.extend(further.map(|problem| self.placed(&problem)));
            if found.is_empty() {
                return Ok(config);
            }
        }
        Err(ConfigError(found))
    }

    /// The settings without what is wrong in itself, if that leaves enough of them; and what is wrong.
    fn parsed(&self) -> (Option<Config>, Vec<String>) {
        let mut problems = self.unreadable.clone();
        for layer in &self.layers {
            for leaf in &layer.leaves {
                if let Some(problem) = &leaf.problem {
                    problems.push(format!("{}: {problem} ({})", leaf.path, leaf.place));
                }
            }
        }
        match serde_path_to_error::deserialize::<_, Config>(self.merged()) {
            Ok(config) => (Some(config), problems),
            Err(error) => {
                let problem = format!("{}: {}", error.path(), error.inner());
                problems.push(self.placed(&self.renumbered(&problem)));
                (None, problems)
            }
        }
    }

    /// The values that count, as a tree.
    fn merged(&self) -> Value {
        let mut root = Map::new();
        let mut standing = self.standing();
        standing.retain(|leaf| !self.is_broken(&leaf.path));
        for leaf in standing {
            let path = self.position(&leaf.path);
            leaf::insert(&mut root, &path, leaf.value.clone());
        }
        Value::Object(root)
    }

    /// The values that nothing in a higher layer stands before. What is wrong in itself does not stand
    /// before anything.
    fn standing(&self) -> Vec<&Leaf> {
        let mut standing: Vec<&Leaf> = Vec::new();
        for layer in &self.layers {
            for list in layer.leaves.iter().filter_map(Leaf::list) {
                standing.retain(|leaf| leaf.list() != Some(list));
            }
            standing.retain(|old| {
                !layer
                    .leaves
                    .iter()
                    .any(|new| new.problem.is_none() && new.path == old.path)
            });
            standing.extend(layer.leaves.iter().filter(|leaf| leaf.problem.is_none()));
        }
        standing
    }

    /// True for what stands in a table of a list in which something is wrong: the rest of the table
    /// says nothing without it.
    fn is_broken(&self, path: &str) -> bool {
        let Some(table) = leaf::table_of(path) else {
            return false;
        };
        let leaves = self.layers.iter().flat_map(|layer| &layer.leaves);
        leaves
            .filter(|leaf| leaf.problem.is_some())
            .any(|leaf| leaf::table_of(&leaf.path) == Some(table))
    }

    /// Where a value comes to stand when broken tables are left out: `hosts[1].host` becomes
    /// `hosts[0].host` if the first one is broken.
    fn position(&self, path: &str) -> String {
        leaf::renumber(path, |list, index| {
            (0..index)
                .filter(|before| !self.is_broken(&format!("{list}[{before}].")))
                .count()
        })
    }

    /// The way back, for a problem of the whole.
    fn renumbered(&self, problem: &str) -> String {
        let (key, rest) = problem.split_once(": ").unwrap_or((problem, ""));
        // A list of words has no tables that could be left out.
        let key = leaf::renumber(key, |list, index| {
            (0..)
                .filter(|before| !self.is_broken(&format!("{list}[{before}].")))
                .nth(index)
                .unwrap_or(index)
        });
        format!("{key}: {rest}")
    }

    /// A problem with its place behind it: a problem begins with the key that it is about.
    fn placed(&self, problem: &str) -> String {
        match problem
            .split_once(": ")
            .and_then(|(key, _)| self.place(key))
        {
            Some(place) => format!("{problem} ({place})"),
            None => problem.to_owned(),
        }
    }

    /// Where a key stands: the value that counts, the file that is given instead of it, what is below
    /// it, or else what it is a part of.
    fn place(&self, key: &str) -> Option<String> {
        let is_key = |word: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._[]".contains(&byte);
            !word.is_empty() && word.bytes().all(fits)
        };
        if !is_key(key) {
            return None;
        }
        let file = format!("{key}_file");
        let mut part = key;
        loop {
            let given = self.layers.iter().rev().filter(|layer| layer.is_given);
            for layer in given {
                let wanted: [&dyn Fn(&str) -> bool; 3] =
                    [&|path| path == part, &|path| path == file, &|path| {
                        leaf::is_within(path, part)
                    }];
                for wanted in wanted {
                    if let Some(leaf) = layer.leaves.iter().find(|leaf| wanted(&leaf.path)) {
                        return Some(leaf.place.to_string());
                    }
                }
            }
            // Only a table of a list stands for its members: elsewhere a neighbour is no place.
            let Some(list) = part.rfind(']') else {
                return Some(self.absent(part));
            };
            part = match part.rfind('.') {
                Some(dot) if dot > list => &part[..dot],
                _ => &part[..part.rfind('[')?],
            };
        }
    }

    /// How what nobody gave could be given.
    fn absent(&self, key: &str) -> String {
        let mut leaves = self.layers.iter().flat_map(|layer| &layer.leaves);
        if leaves.any(|leaf| leaf.path == key) {
            return leaf::Place::Default.to_string();
        }
        match settings::find(key).and_then(settings::Setting::variable) {
            Some(variable) => format!("not given: {key} in a file, or {variable}"),
            None => format!("not given: [{key}] in a file"),
        }
    }

    /// Every setting with the layer it comes from; secrets are masked.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let mut shown = BTreeMap::new();
        let wrong = self.layers.iter().flat_map(|layer| &layer.leaves);
        let wrong = wrong.filter(|leaf| leaf.problem.is_some());
        for leaf in self.standing().into_iter().chain(wrong) {
            let value = text_of(&leaf.value);
            // What stands where it does not belong may be a secret too, and so may a URL.
            let masked = leaf.problem.is_some() || leaf.is_secret() || value.contains('@');
            let value = if masked { "***".to_owned() } else { value };
            let source = leaf.place.to_string();
            let key = leaf.path.clone();
            shown.insert(key.clone(), Shown { key, value, source });
        }
        shown.into_values().collect()
    }

    /// What kept a place from being read.
    pub(crate) fn unreadable(&self) -> Result<(), ConfigError> {
        super::told(self.unreadable.clone())
    }
}

/// True if a known problem is about the same key as another, or about a part of it: the other one may
/// come of it.
fn explains(known: &str, other: &str) -> bool {
    let key = |problem: &str| problem.split_once(": ").map(|(key, _)| key.to_owned());
    match (key(known), key(other)) {
        (Some(known), Some(other)) => {
            let list = other.trim_end_matches(']');
            let list = list.rfind('[').map_or(&*other, |at| &other[..at]);
            known == other || known == list || leaf::is_within(&known, &other)
        }
        _ => false,
    }
}

/// A value as a person writes it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
