//! The layers that settings come from, lowest first, and which of them each value stands in.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use config::{Environment, File, FileFormat, Map};
use serde_json::Value;

use super::{Config, ConfigError};

const DEFAULTS: &str = include_str!("defaults.toml");

/// Variables of this prefix steer the project's own tests, not the server.
const NOT_OURS: &str = "SCM_TEST_";

/// Keys whose value is never shown.
const SECRET: &[&str] = &["keys", "database.url", "auth.keys"];

/// Members of `[[hosts]]` that are shown; all others are taken for secrets.
const SHOWN_OF_HOSTS: &[&str] = &[
    "kind",
    "host",
    "api_url",
    "oauth_url",
    "allow_private_addresses",
    "ca_file",
    "client_id",
    "client_secret_file",
    "redirect_uri",
    "id",
    "private_key_file",
];

/// One place that settings come from.
struct Layer {
    name: String,
    values: config::Config,
}

/// Every place, lowest first.
pub(crate) struct Layers(Vec<Layer>);

/// One setting for a person: its key, its value (masked if it is a secret) and where it stands.
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) source: String,
}

fn layer<S>(name: &str, source: S) -> Result<Layer, ConfigError>
where
    S: config::Source + Send + Sync + 'static,
{
    let values = config::Config::builder().add_source(source).build();
    let values = values.map_err(|error| ConfigError::one(format!("{name}: {}", told(&error))))?;
    Ok(Layer {
        name: name.to_owned(),
        values,
    })
}

/// The variables that are settings. What others hold is nobody's business, and need not be text.
fn ours(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Map<String, String>, ConfigError> {
    let mut ours = Map::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with("SCM_")) else {
            continue;
        };
        if name.starts_with(NOT_OURS) || value.is_empty() {
            continue;
        }
        match value.into_string() {
            Ok(value) => ours.insert(name.to_owned(), value),
            Err(_) => return Err(ConfigError::one(format!("{name}: must be UTF-8 text"))),
        };
    }
    Ok(ours)
}

/// Fails with line, column and reason if a file is no TOML. The parser's own text quotes the line,
/// which can hold a password.
fn readable(name: &str, text: &str) -> Result<(), ConfigError> {
    let Err(error) = text.parse::<toml::Table>() else {
        return Ok(());
    };
    let before = &text[..error.span().map_or(0, |span| span.start).min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count())
        + 1;
    let reason = error.message();
    Err(ConfigError::one(format!(
        "{name}: line {line}, column {column}: {reason}"
    )))
}

/// What is wrong, for a person: the key and what is expected there, never the value.
fn told(error: &config::ConfigError) -> String {
    use config::ConfigError as Error;
    match error {
        Error::NotFound(key) => format!("{key}: is missing"),
        Error::Type { key, expected, .. } => match key {
            Some(key) => format!("{}: must be {expected}", dotted(key)),
            None => format!("must be {expected}"),
        },
        Error::At { error, key, .. } => match key {
            Some(key) => format!("{}: {}", dotted(key), told(error)),
            None => told(error),
        },
        // These begin with the value.
        Error::Message(text) if !text.starts_with("unknown field") => {
            match text.split_once(", expected ") {
                Some((_, expected)) => format!("must be {expected}"),
                None => text.clone(),
            }
        }
        Error::Message(text) => text.clone(),
        _ => "cannot be read".to_owned(),
    }
}

/// `hosts[0].app.id` for the library's `hosts[0]app.id`.
fn dotted(key: &str) -> String {
    let key = key.replace("].", "]").replace(']', "].");
    key.trim_end_matches('.').replace("].[", "][")
}

impl Layers {
    /// Reads every layer: the defaults, `files` in the given order, the environment, the flags.
    pub(crate) fn read(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: BTreeMap<&'static str, String>,
    ) -> Result<Self, ConfigError> {
        let mut layers = vec![layer(
            "default",
            File::from_str(DEFAULTS, FileFormat::Toml),
        )?];
        for file in files {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| ConfigError::one(format!("{name}: cannot be read: {error}")))?;
            readable(&name, &text)?;
            layers.push(layer(&name, File::from_str(&text, FileFormat::Toml))?);
        }
        let ours = ours(environment)?;
        let source = Environment::with_prefix("SCM")
            .prefix_separator("_")
            .separator("__")
            .source(Some(ours));
        layers.push(layer("environment", source)?);
        let flags: Map<String, String> = flags
            .into_iter()
            .map(|(key, value)| (key.replace('.', "__"), value))
            .collect();
        layers.push(layer(
            "flag",
            Environment::default().separator("__").source(Some(flags)),
        )?);
        Ok(Self(layers))
    }

    /// The settings as they come out of all layers.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        self.unknown_keys()?;
        let mut builder = config::Config::builder();
        for layer in &self.0 {
            builder = builder.add_source(layer.values.clone());
        }
        let parsed = builder
            .build()
            .and_then(config::Config::try_deserialize::<Config>);
        parsed.map_err(|error| ConfigError::one(told(&error)))
    }

    /// Names each unknown key of each layer, which the merged whole could not do.
    fn unknown_keys(&self) -> Result<(), ConfigError> {
        let known = known_keys();
        let mut problems = Vec::new();
        for layer in &self.0 {
            for (key, _) in layer.leaves() {
                if !known.contains(&key.as_str()) {
                    problems.push(format!("{key}: is not known ({})", layer.origin(&key)));
                }
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(problems))
        }
    }

    /// Every setting with the layer it comes from; secrets are masked.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let known = known_keys();
        let mut shown = BTreeMap::new();
        for layer in &self.0 {
            for (key, value) in layer.leaves() {
                // What stands where it does not belong may be a secret too, and so may a URL.
                let masked = SECRET.contains(&key.as_str())
                    || !known.contains(&key.as_str())
                    || value.contains('@');
                let value = if masked { "***".to_owned() } else { value };
                let source = layer.origin(&key);
                shown.insert(key.clone(), Shown { key, value, source });
            }
        }
        shown.into_values().collect()
    }
}

impl Layer {
    /// Every key that stands in the layer, dotted, with its value as TOML would show it. Lists are
    /// one value.
    fn leaves(&self) -> Vec<(String, String)> {
        let root = self
            .values
            .clone()
            .try_deserialize::<Value>()
            .unwrap_or(Value::Null);
        let mut found = Vec::new();
        collect(String::new(), &root, &mut found);
        found
    }

    /// Where a key stands, for a person.
    fn origin(&self, key: &str) -> String {
        if self.name == "environment" {
            format!("environment SCM_{}", key.to_uppercase().replace('.', "__"))
        } else {
            self.name.clone()
        }
    }
}

fn collect(prefix: String, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, member) in members {
                let key = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                collect(key, member, found);
            }
        }
        Value::String(text) => found.push((prefix, text.clone())),
        Value::Array(entries) if prefix == "hosts" => {
            let entries = entries.iter().map(masked_host);
            found.push((prefix, Value::Array(entries.collect()).to_string()));
        }
        other => found.push((prefix, other.to_string())),
    }
}

/// An entry of `[[hosts]]`, or a table in one, without its secrets.
fn masked_host(entry: &Value) -> Value {
    let Value::Object(members) = entry else {
        return Value::from("***");
    };
    let masked = members.iter().map(|(name, value)| {
        let value = match value {
            Value::Object(_) if matches!(name.as_str(), "oauth" | "app") => masked_host(value),
            Value::Object(_) | Value::Array(_) => Value::from("***"),
            _ if SHOWN_OF_HOSTS.contains(&name.as_str()) => value.clone(),
            _ => Value::from("***"),
        };
        (name.clone(), value)
    });
    Value::Object(masked.collect())
}

/// Every key there is: those of the defaults file, commented-out ones included, so that the file
/// stays complete.
fn known_keys() -> Vec<&'static str> {
    vec![
        "listen",
        "data_dir",
        "public_url",
        "keys",
        "keys_file",
        "keys_check_seconds",
        "workers",
        "drain_seconds",
        "shutdown_timeout_seconds",
        "database.url",
        "database.url_file",
        "database.max_connections",
        "database.min_connections",
        "database.acquire_timeout_seconds",
        "database.statement_timeout_seconds",
        "database.migrate_on_start",
        "database.foreign_keys",
        "auth.mode",
        "auth.account",
        "auth.keys",
        "log.filter",
        "log.format",
        "providers.connect_timeout_seconds",
        "providers.request_timeout_seconds",
        "providers.budget_seconds",
        "hosts",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_shows_the_defaults() {
        let page = include_str!("../../../../docs/configuration.md");
        assert!(
            page.contains(DEFAULTS),
            "copy defaults.toml into docs/configuration.md"
        );
    }

    #[test]
    fn every_known_key_is_documented() {
        for key in known_keys() {
            let name = key.rsplit('.').next().unwrap();
            assert!(DEFAULTS.contains(name), "{key} is not in defaults.toml");
        }
    }
}
