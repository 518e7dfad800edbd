use std::path::{Path, PathBuf};

use super::*;

fn validator() -> jsonschema::Validator {
    let schema = schema();
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::draft202012::new(&schema).unwrap()
}

/// A file with one setting, and with what else has to stand in its table.
fn file_with(setting: &Setting, value: &Value) -> Value {
    let mut root = Map::new();
    let path = |key: &str| key.replace("[]", "[0]");
    let table = setting.key.rsplit_once('.').map_or("", |(table, _)| table);
    let mut around: Vec<&str> = vec![table];
    around.extend(setting.key.find("[]").map(|end| &setting.key[..end + 2]));
    for table in around.into_iter().filter(|table| table.contains("[]")) {
        for needed in settings::required_in(table) {
            let value = match needed.form {
                Form::Number(least, _) => json!(least),
                _ => json!(needed.choices.first().unwrap_or(&"x")),
            };
            put(&mut root, &path(needed.key), value);
        }
    }
    put(&mut root, &path(setting.key), value.clone());
    Value::Object(root)
}

fn put(root: &mut Map<String, Value>, path: &str, value: Value) {
    super::super::layers::insert(root, path, value);
}

/// Every setting that the parser takes is in the schema, with the same limits, and the schema has no
/// other: it refuses strange members everywhere.
#[test]
fn the_schema_takes_what_the_parser_takes() {
    let validator = validator();
    let values = [
        json!("x"),
        json!(""),
        json!(true),
        json!(0),
        json!(1),
        json!(51),
        json!(100_000),
        json!(-1),
        json!(1.5),
        json!(["x"]),
        json!([1]),
        json!([]),
        json!({}),
        json!("127.0.0.1:8080"),
        json!(["api-keys", "jwt"]),
        json!(["HS256"]),
        json!("github"),
        json!("json"),
    ];
    for setting in settings::all() {
        for value in &values {
            let parser = setting.problem(value).is_none();
            let schema = validator.is_valid(&file_with(setting, value));
            // Words in one text, with commas, are told apart by the parser alone.
            let commas = setting.form == Form::Words && value.is_string();
            assert!(parser == schema || commas, "{}: {value}", setting.key);
        }
        let table = setting.key.rsplit_once('.').map_or("", |(table, _)| table);
        let strange = format!("{table}{}strange", if table.is_empty() { "" } else { "." });
        let mut file = file_with(setting, &Value::Null);
        if let Some(root) = file.as_object_mut() {
            put(root, &strange.replace("[]", "[0]"), json!(1));
        }
        let errors = validator.iter_errors(&file);
        let told = errors
            .map(|error| error.to_string())
            .any(|error| error.contains("strange"));
        assert!(told, "{strange}");
    }
}

#[test]
fn a_property_tells_what_there_is_to_know() {
    let schema = schema();
    let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
    let days = at("/properties/events/properties/retention_days");
    let want = json!({
        "type": "integer", "minimum": 1, "maximum": 3_650,
        "description": days["description"], "default": 14, "x-unit": "days",
        "x-variable": "SCM_EVENTS__RETENTION_DAYS",
    });
    assert_eq!(days, want);
    assert_eq!(at("/properties/keys/writeOnly"), json!(true));
    let host = at("/properties/hosts/items");
    assert_eq!(host["required"], json!(["kind", "host"]));
    let app = at("/properties/hosts/items/properties/app/required");
    assert_eq!(app, json!(["id", "private_key_file"]));
    for setting in settings::all() {
        assert!(setting.about.ends_with(['.', ')']), "{}", setting.key);
    }
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs"), root.join("deploy")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

/// Every example of a settings file in the documentation is one, and every variable that the pages and
/// the packaging name is a setting's.
#[test]
fn the_examples_of_the_project_are_right() {
    let validator = validator();
    let (mut examples, mut variables) = (0, 0);
    for path in pages() {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let page = path.display();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let file: Value =
                toml::from_str(block).unwrap_or_else(|error| panic!("{page}: {error}"));
            let errors: Vec<_> = validator
                .iter_errors(&file)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{page}: {errors:?}\n{block}");
            examples += 1;
        }
        let begins = text.match_indices("SCM_").filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            !before.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        });
        for (at, _) in begins {
            let name: String = text[at..]
                .chars()
                .take_while(|letter| letter.is_ascii_uppercase() || *letter == '_')
                .collect();
            let known = settings::all().any(|setting| setting.variable().as_ref() == Some(&name));
            // The third is a stream's name in an example; those of the balancer are its own.
            let other = ["SCM_CONFIG", "SCM_", "SCM_EVENTS"].contains(&&*name)
                || [
                    "SCM_TEST_",
                    "SCM_UPDATE_",
                    "SCM_KEY_",
                    "SCM_BALANCER_",
                    "SCM_REPLICA_",
                ]
                .iter()
                .any(|begin| name.starts_with(begin));
            assert!(known || other, "{page}: {name} is no setting's");
            variables += 1;
        }
    }
    assert!(examples >= 4 && variables >= 20, "{examples} {variables}");
}
