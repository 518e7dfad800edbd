use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::config::Config;

#[test]
fn values_fit_the_form_of_their_key() {
    let values = [
        Value::from("1"),
        Value::from(1),
        Value::from(true),
        Value::Array(Vec::new()),
        Value::from(1.5),
        Value::from(-1),
    ];
    let number = Form::Number(0, 20);
    for (form, want) in [
        (Form::Text, [true, false, false, false, false, false]),
        (number, [false, true, false, false, false, false]),
        (Form::Flag, [false, false, true, false, false, false]),
        (Form::Words, [true, false, false, true, false, false]),
        (Form::Tables, [false, false, false, true, false, false]),
        (Form::Address, [false; 6]),
    ] {
        let got = values.each_ref().map(|value| form.fits(value));
        assert_eq!(got, want, "{form:?}");
    }
    for (form, good, bad) in [
        (
            number,
            &["0", "17"][..],
            &["", "many", "-1", "1.5", "true"][..],
        ),
        (
            Form::Flag,
            &["true", "FALSE", "0", "on"],
            &["", "perhaps", "2"],
        ),
        (Form::Text, &["", "1"], &[]),
        (Form::Tables, &[], &["", "[]"]),
    ] {
        for (texts, want) in [(good, true), (bad, false)] {
            for text in texts {
                assert_eq!(form.of_text(text).is_some(), want, "{form:?} {text}");
            }
        }
    }
}

#[test]
fn a_value_beyond_its_limits_is_told() {
    for (key, value, want) in [
        ("workers", json!(1024), None),
        ("workers", json!(1025), Some("must be from 0 to 1024")),
        ("hosts[].app.id", json!(0), Some("must be at least 1")),
        ("log.format", json!("json"), None),
        (
            "log.format",
            json!("xml"),
            Some("must be one of text, json"),
        ),
        ("auth.mode", json!("api-keys, jwt"), None),
        ("auth.mode", json!(["jwt"]), None),
        (
            "auth.mode",
            json!(["jwt", "x"]),
            Some("must be of these words: none, api-keys, jwt"),
        ),
        ("listen", json!("[::1]:80"), None),
        (
            "listen",
            json!("localhost"),
            Some("must be an address and a port in quotes, such as 127.0.0.1:8080"),
        ),
    ] {
        let problem = find(key).unwrap().problem(&value);
        assert_eq!(problem.as_deref(), want, "{key} {value}");
    }
    assert!(find("workers").unwrap().of_text("1025").is_err());
}

#[test]
fn every_default_is_right() {
    for setting in all() {
        if let Some(default) = setting.default {
            let table: Value = toml::from_str(&format!("x = {default}")).unwrap();
            assert_eq!(setting.problem(&table["x"]), None, "{}", setting.key);
        }
    }
    let defaults: Value = toml::from_str(&defaults()).unwrap();
    serde_json::from_value::<Config>(defaults).expect("the defaults are enough");
}

/// What the types take in a table: its members, by the words of the parser about one that is strange.
fn members(path: &str) -> Vec<String> {
    let mut given = json!({"strange": 1});
    for part in path.rsplit('.').filter(|part| !part.is_empty()) {
        given = match part.strip_suffix("[]") {
            Some(list) => json!({ list: [given] }),
            None => json!({ part: given }),
        };
    }
    let Err(error) = serde_json::from_value::<Config>(given) else {
        panic!("{path} takes anything");
    };
    let error = error.to_string();
    let Some((_, names)) = error.split_once("unknown field `strange`, expected") else {
        panic!("{path}: {error}");
    };
    let names = names.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

fn collect(path: &str, found: &mut BTreeSet<String>) {
    for name in members(path) {
        let key = if path.is_empty() {
            name
        } else {
            format!("{path}.{name}")
        };
        if is_section(&key) {
            collect(&key, found);
            continue;
        }
        if find(&key).is_some_and(|setting| setting.form == Form::Tables) {
            collect(&format!("{key}[]"), found);
        }
        found.insert(key);
    }
}

/// A setting of the types alone would be refused as unknown, one of the table alone would be told of
/// and break the start.
#[test]
fn the_table_and_the_types_know_the_same_settings() {
    let mut typed = BTreeSet::new();
    collect("", &mut typed);
    let table: BTreeSet<_> = all().map(|setting| setting.key.to_owned()).collect();
    assert_eq!(table, typed);
    assert_eq!(all().count(), table.len(), "a key stands there twice");
}

/// What the page says of secrets: each can stand in a file of its own.
#[test]
fn every_secret_can_stand_in_a_file() {
    for setting in all().filter(|setting| setting.secret) {
        // The hash of an API key is none that a file of its own would keep better.
        if setting.key != "auth.keys[].hash" {
            let file = find(&format!("{}_file", setting.key));
            assert!(
                file.is_some_and(|file| file.form == Form::Path),
                "{}",
                setting.key
            );
        }
    }
}
