//! What is counted, what is told of it and what is asked for are the same: the code, `monitoring.md`, the
//! dashboard and the alerts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use prometheus::IntCounter;
use scm_http::HttpMetrics;
use scm_service::{Cipher, ConnectOptions, KeyId, KeyRing, Services};
use serde_json::Value;

use super::*;

/// Labels that Prometheus gives, and that of histograms.
const OTHERS: [&str; 3] = ["instance", "job", "le"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All that a server registers.
async fn registered() -> Registry {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("db").display());
    let db = scm_service::connect(&url, &ConnectOptions::default()).await;
    let keys = KeyRing::generate(KeyId::parse("test").unwrap()).unwrap();
    let registry = Registry::new();
    build_info(&registry).unwrap();
    HttpMetrics::new(&registry).unwrap();
    Services::builder(db.unwrap(), Cipher::new(keys).into())
        .metrics(&registry)
        .build()
        .unwrap();
    registry
}

/// True if there is a metric of this name, or it is a part of a histogram.
fn has(registry: &Registry, name: &str) -> bool {
    let parts = ["_bucket", "_count", "_sum"];
    let histogram = parts.iter().find_map(|part| name.strip_suffix(part));
    [Some(name), histogram].into_iter().flatten().any(|name| {
        let probe = Box::new(IntCounter::new(name, "a name that is free").unwrap());
        let is_free = registry.register(probe.clone()).is_ok();
        if is_free {
            registry.unregister(probe).unwrap();
        }
        !is_free
    })
}

/// The words of a text that begin like a metric.
fn names(text: &str) -> BTreeSet<&str> {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    text.split(|char| !letter(char))
        .filter(|word| word.starts_with("scm_"))
        .collect()
}

/// The metrics of `monitoring.md`, with their labels.
fn documented(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| `scm_"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .map(|cells| {
            let labels = cells[2].split(", ").map(|label| label.trim_matches('`'));
            let labels = labels.filter(|label| !label.is_empty()).collect();
            (cells[1].trim_matches('`'), labels)
        })
        .collect()
}

/// What panels and alerts ask for.
fn asked(dashboard: &Value, alerts: &str) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let shown = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let alarming = alerts.split("expr: ").skip(1).map(|rest| {
        let lines = rest.lines().map(str::trim);
        let ends = |line: &&str| !line.starts_with("for:") && !line.starts_with("labels:");
        lines.take_while(ends).collect::<Vec<_>>().join(" ")
    });
    shown.chain(alarming).collect()
}

/// The labels of an expression: those that it picks by and those that it sums by.
fn labels(asked: &str) -> Vec<&str> {
    let mut labels = Vec::new();
    for rest in asked.split('{').skip(1) {
        let inside = rest.split('}').next().unwrap();
        let picked = inside
            .split(',')
            .filter_map(|one| one.split(['=', '!']).next());
        labels.extend(picked.filter(|label| !label.contains('"')));
    }
    for before in ["by (", "ignoring("] {
        for rest in asked.split(before).skip(1) {
            labels.extend(rest.split(')').next().unwrap().split(", "));
        }
    }
    labels
}

/// Every text in quotes of the program's own sources that could be a metric's name.
fn written(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            written(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.split('"').filter(|part| names(part).contains(part));
            found.extend(quoted.map(str::to_owned));
        }
    }
}

#[tokio::test]
async fn what_is_counted_is_documented_and_looked_at() {
    let registry = registered().await;
    let monitoring = read("docs/operations/monitoring.md");
    let documented = documented(&monitoring);
    let dashboard: Value = serde_json::from_str(&read("docs/operations/dashboard.json")).unwrap();
    let asked = asked(&dashboard, &read("docs/operations/alerts.yml")).join("\n");
    for name in documented.keys() {
        assert!(has(&registry, name), "{name} is documented and not counted");
        let is_shown = names(&asked).into_iter().any(|shown| {
            shown == *name
                || ["_bucket", "_count", "_sum"]
                    .map(|part| format!("{name}{part}"))
                    .contains(&shown.to_owned())
        });
        assert!(is_shown, "no panel and no alert shows {name}");
    }
    let mut found = BTreeSet::new();
    for layer in [
        "crates/scm-http",
        "crates/scm-service",
        "crates/scm-store",
        "crates/scm-providers",
        "bin/scm-server",
    ] {
        written(&root().join(layer).join("src"), &mut found);
    }
    let counted: Vec<_> = found.iter().filter(|name| has(&registry, name)).collect();
    assert!(counted.len() >= documented.len(), "{counted:?}");
    for name in counted {
        assert!(
            documented.contains_key(name.as_str()),
            "{name} is counted and not documented"
        );
    }
}

#[tokio::test]
async fn what_is_asked_for_is_there() {
    let registry = registered().await;
    let monitoring = read("docs/operations/monitoring.md");
    let documented = documented(&monitoring);
    let dashboard: Value = serde_json::from_str(&read("docs/operations/dashboard.json")).unwrap();
    let asked = asked(&dashboard, &read("docs/operations/alerts.yml"));
    assert!(asked.len() > 40, "{asked:?}");
    for asked in asked {
        let names = names(&asked);
        assert!(!names.is_empty(), "{asked}");
        let mut known: BTreeSet<_> = OTHERS.into();
        for name in names {
            assert!(has(&registry, name), "{name} of {asked}");
            let of = documented
                .iter()
                .filter(|(metric, _)| name.starts_with(*metric));
            known.extend(of.flat_map(|(_, labels)| labels.iter().copied()));
        }
        for label in labels(&asked) {
            assert!(known.contains(label), "{label} of {asked}");
        }
    }
}

#[test]
fn panels_have_places_and_numbers_of_their_own() {
    let dashboard: Value = serde_json::from_str(&read("docs/operations/dashboard.json")).unwrap();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{title}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(places.insert((x, y)), "{title} covers another panel");
            }
        }
    }
}
