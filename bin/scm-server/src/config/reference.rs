//! The list of settings in `docs/configuration.md`, of the same table that the parser goes by.
//! `SCM_UPDATE_CONFIGURATION=1` writes it anew.

use std::{fmt::Write as _, path::Path};

use super::settings::{self, Form, Setting, UNLIMITED};

const BEGIN: &str = "<!-- The settings below are written by: just configuration -->\n";
const END: &str = "<!-- end of the settings -->\n";

/// The table of a file that a setting stands in; empty for the top.
fn section(setting: &Setting) -> &str {
    setting
        .key
        .rsplit_once('.')
        .map_or("", |(section, _)| section)
}

/// How a file begins the table.
fn header(section: &str) -> String {
    match section {
        "" => "The top of the file".to_owned(),
        "hosts[]" | "auth.keys[]" => format!("`[[{}]]`", section.trim_end_matches("[]")),
        other => format!("`[{}]`", other.replace("[]", "")),
    }
}

fn reference() -> String {
    let mut text = String::new();
    let mut last = None;
    for setting in settings::all() {
        let section = section(setting);
        if last != Some(section) {
            last = Some(section);
            let _ = write!(text, "\n### {}\n\n", header(section));
            text.push_str("| key | variable | default | what |\n|---|---|---|---|\n");
        }
        let name = setting.key.rsplit('.').next().unwrap_or_default();
        let variable = setting
            .variable()
            .map_or("–".to_owned(), |name| format!("`{name}`"));
        let default = setting
            .default
            .map_or("–".to_owned(), |toml| format!("`{toml}`"));
        let _ = writeln!(
            text,
            "| `{name}` | {variable} | {default} | {} |",
            about(setting)
        );
    }
    text.push('\n');
    text
}

/// What a setting means, and what can stand there.
fn about(setting: &Setting) -> String {
    let mut about = setting.about.replace('|', "\\|");
    let mut add = |more: String| {
        about.push(' ');
        about.push_str(&more);
    };
    match setting.form {
        Form::Number(least, UNLIMITED) => add(format!("From {least}.")),
        Form::Number(least, most) => {
            let unit = setting
                .unit
                .map(|unit| format!(" ({unit})"))
                .unwrap_or_default();
            add(format!("From {least} to {most}{unit}."));
        }
        Form::Flag => add("`true` or `false`.".to_owned()),
        Form::Words if setting.choices.is_empty() => add("A list of texts.".to_owned()),
        _ => {}
    }
    if !setting.choices.is_empty() {
        let choices: Vec<_> = setting
            .choices
            .iter()
            .map(|word| format!("`{word}`"))
            .collect();
        let what = if setting.form == Form::Words {
            "A list of"
        } else {
            "One of"
        };
        add(format!("{what} {}.", choices.join(", ")));
    }
    if setting.required {
        add("Has to be given.".to_owned());
    }
    if setting.secret {
        add("Secret, never shown.".to_owned());
    }
    about
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the switch of the test is in the environment"
)]
fn the_documentation_lists_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has the list's begin");
    let (_, after) = rest.split_once(END).expect("the page has the list's end");
    let want = format!("{before}{BEGIN}{}{END}{after}", reference());
    if std::env::var("SCM_UPDATE_CONFIGURATION").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &want).unwrap();
        return;
    }
    assert!(
        page == want,
        "the list in docs/configuration.md is not that of the settings: just configuration writes it"
    );
}
