//! Completions and manual pages, made of the command line's own definition.

use crate::server::{Place, text};

#[test]
fn shells_learn_every_command() {
    let place = Place::new();
    for (shell, want) in [
        ("bash", "complete -F _scm__server"),
        ("zsh", "#compdef scm-server"),
        ("fish", "complete -c scm-server"),
        ("elvish", "edit:completion:arg-completer[scm-server]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let made = place.run(&["completions", shell]);
        let script = text(&made);
        assert!(made.status.success(), "{shell}: {script}");
        assert!(script.contains(want), "{shell}: {script}");
        for command in ["serve", "doctor", "api-keys", "rewrap", "dry-run"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
    let unknown = place.run(&["completions", "csh"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(!place.path("data").exists());
}

#[test]
fn pages_for_the_program_and_for_every_command() {
    let place = Place::new();
    let page = place.run(&["man"]);
    assert!(page.status.success(), "{}", text(&page));
    let page = text(&page);
    assert!(page.contains(".TH scm-server 1"), "{page}");
    assert!(page.contains("doctor"), "{page}");

    let directory = place.path("pages");
    let refused = place.run(&["man", "--out", "pages"]);
    assert!(!refused.status.success());
    assert!(
        text(&refused).contains("pages is no directory"),
        "{}",
        text(&refused)
    );
    std::fs::create_dir(&directory).unwrap();
    let made = place.run(&["man", "--out", "pages"]);
    assert!(made.status.success(), "{}", text(&made));
    for page in ["scm-server", "scm-server-doctor", "scm-server-keys-retire"] {
        let page = directory.join(format!("{page}.1"));
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(text.contains(".TH scm-server"), "{}", page.display());
    }
}
