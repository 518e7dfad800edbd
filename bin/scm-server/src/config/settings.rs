//! Every setting there is: what can stand at its key, its default, and what it means.
//!
//! - The parser takes what stands here and nothing else, within these limits.
//! - The JSON Schema and the list in `docs/configuration.md` are made of it.
//! - A key within a list of tables has `[]` behind the list: `hosts[].kind`.

mod access;
mod outside;
mod server;
mod work;

use serde_json::Value;

/// What can stand at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text.
    Text,
    /// The name of a file or a directory.
    Path,
    /// An IP address and a port.
    Address,
    /// A whole number from the first to the last.
    Number(u64, u64),
    /// True or false.
    Flag,
    /// Texts, as a list or as one text with commas.
    Words,
    /// A list of tables, whose members have entries of their own.
    Tables,
}

impl Form {
    /// What has to stand there, for a person.
    fn wanted(self) -> &'static str {
        match self {
            Self::Text | Self::Path => "text in quotes",
            Self::Address => "an address and a port in quotes, such as 127.0.0.1:8080",
            Self::Number(..) => "a whole number, 0 or more",
            Self::Flag => "true or false",
            Self::Words => "text in quotes, or a list of such texts",
            Self::Tables => "a list of tables",
        }
    }

    /// True if a value of a file is of this form. Nothing is turned into what it is not: `true` is no
    /// number, and 2.5 is not 3.
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Path => value.is_string(),
            Self::Address => {
                let parsed = |text: &str| text.parse::<std::net::SocketAddr>().is_ok();
                value.as_str().is_some_and(parsed)
            }
            Self::Number(..) => value.as_u64().is_some(),
            Self::Flag => value.is_boolean(),
            Self::Words => {
                let texts = |list: &Vec<Value>| list.iter().all(Value::is_string);
                value.is_string() || value.as_array().is_some_and(texts)
            }
            Self::Tables => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_object)),
        }
    }

    /// The value that a variable or a flag stands for, where everything is text; `None` if there is
    /// none of this form.
    fn of_text(self, text: &str) -> Option<Value> {
        match self {
            Self::Text | Self::Path | Self::Words | Self::Address => Some(Value::from(text)),
            Self::Number(..) => text.parse::<u64>().ok().map(Value::from),
            Self::Flag => match text.to_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(Value::from(true)),
                "false" | "0" | "no" | "off" => Some(Value::from(false)),
                _ => None,
            },
            Self::Tables => None,
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its key, with dots between levels.
    pub(crate) key: &'static str,
    /// What can stand there.
    pub(crate) form: Form,
    /// What holds if it is not given, as TOML writes it.
    pub(crate) default: Option<&'static str>,
    /// What it means, as one paragraph.
    pub(crate) about: &'static str,
    /// What a number counts.
    pub(crate) unit: Option<&'static str>,
    /// The only words that can stand there, if they are known.
    pub(crate) choices: &'static [&'static str],
    /// True if the value is never shown.
    pub(crate) secret: bool,
    /// True for a member that every table of its list has to have.
    pub(crate) required: bool,
}

impl Setting {
    const fn new(key: &'static str, form: Form, about: &'static str) -> Self {
        Self {
            key,
            form,
            default: None,
            about,
            unit: None,
            choices: &[],
            secret: false,
            required: false,
        }
    }

    const fn text(key: &'static str, about: &'static str) -> Self {
        Self::new(key, Form::Text, about)
    }

    const fn path(key: &'static str, about: &'static str) -> Self {
        Self::new(key, Form::Path, about)
    }

    const fn flag(key: &'static str, about: &'static str) -> Self {
        Self::new(key, Form::Flag, about)
    }

    const fn words(key: &'static str, about: &'static str) -> Self {
        Self::new(key, Form::Words, about)
    }

    const fn number(key: &'static str, least: u64, most: u64, about: &'static str) -> Self {
        Self::new(key, Form::Number(least, most), about)
    }

    const fn default(mut self, toml: &'static str) -> Self {
        self.default = Some(toml);
        self
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The variable that sets it; a list of tables and what is in one has none.
    pub(crate) fn variable(&self) -> Option<String> {
        (self.form != Form::Tables && !self.key.contains("[]")).then(|| variable(self.key))
    }

    /// The value of a variable or a flag; what is wrong with it, for a person, without the value.
    pub(crate) fn of_text(&self, text: &str) -> Result<Value, String> {
        let wanted = || format!("must be {}", self.form.wanted());
        let value = self.form.of_text(text).ok_or_else(wanted)?;
        match self.problem(&value) {
            None => Ok(value),
            Some(problem) => Err(problem),
        }
    }

    /// What is wrong with a value, for a person, without the value.
    pub(crate) fn problem(&self, value: &Value) -> Option<String> {
        if !self.form.fits(value) {
            return Some(format!("must be {}", self.form.wanted()));
        }
        if let (Form::Number(least, most), Some(number)) = (self.form, value.as_u64())
            && !(least..=most).contains(&number)
        {
            return Some(if most == UNLIMITED {
                format!("must be at least {least}")
            } else {
                format!("must be from {least} to {most}")
            });
        }
        let known = |word: &str| {
            let none = word.is_empty() && self.form == Form::Words;
            none || self.choices.is_empty() || self.choices.contains(&word)
        };
        let words: Vec<&str> = match value {
            Value::String(text) if self.form == Form::Words => {
                text.split(',').map(str::trim).collect()
            }
            Value::String(text) => vec![text],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let strange = !words.into_iter().all(known);
        strange.then(|| match self.form {
            Form::Words => format!("must be of these words: {}", self.choices.join(", ")),
            _ => format!("must be one of {}", self.choices.join(", ")),
        })
    }
}

/// The most where there is no limit but that of a number in a file.
pub(crate) const UNLIMITED: u64 = i64::MAX as u64;

/// The variable of a key.
pub(crate) fn variable(key: &str) -> String {
    format!("SCM_{}", key.to_uppercase().replace('.', "__"))
}

/// Every setting, in the order in which people are told of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    [
        server::SETTINGS,
        access::SETTINGS,
        work::SETTINGS,
        outside::SETTINGS,
    ]
    .into_iter()
    .flatten()
}

/// The setting of a key; `None` for an unknown one.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

/// True for a key that is only a part of others, such as `jobs`.
pub(crate) fn is_section(key: &str) -> bool {
    let within = |setting: &Setting| {
        setting
            .key
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    all().any(within)
}

/// The members that a table of a list, or a table in such a one, has to have.
pub(crate) fn required_in(table: &str) -> impl Iterator<Item = &'static Setting> {
    all().filter(move |setting| {
        let member = setting.key.strip_prefix(table);
        let member = member.and_then(|rest| rest.strip_prefix('.'));
        setting.required && member.is_some_and(|name| !name.contains('.'))
    })
}

/// The defaults as one TOML file.
pub(crate) fn defaults() -> String {
    let line = |setting: &Setting| Some(format!("{} = {}\n", setting.key, setting.default?));
    all()
        .filter(|setting| !setting.key.contains("[]"))
        .filter_map(line)
        .collect()
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
