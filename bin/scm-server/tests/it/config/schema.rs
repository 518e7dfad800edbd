//! `config schema`, and the file that it is committed as: `SCM_UPDATE_CONFIGURATION=1` writes it anew.

use std::path::Path;

use crate::server::Place;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the switch of the test is in the environment"
)]
fn the_committed_schema_is_the_one_that_is_printed() {
    let place = Place::new();
    // It says what a good file is, so it must not need one.
    place.write("scm.toml", "nonsense");
    let output = place.run(&["config", "schema"]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.schema.json");
    if std::env::var("SCM_UPDATE_CONFIGURATION").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == printed,
        "the schema is not that of docs/configuration.schema.json: just configuration writes it"
    );
}
