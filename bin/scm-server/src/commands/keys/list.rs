//! `keys list`: which keys there are, and which are needed.

use std::{collections::BTreeSet, fmt::Write as _, process::ExitCode};

use scm_store::{KeyCanary, KeyId, KeyRing, KeyUsage};
use serde_json::{Value, json};

use crate::config::Config;

/// What is known of a key's canary.
fn canary(canaries: &[KeyCanary], key: &KeyId) -> &'static str {
    match canaries.iter().find(|canary| canary.key == *key) {
        Some(canary) if canary.opens => "yes",
        Some(_) => "does not open",
        None => "no",
    }
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn run(config: &Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let ring = config.key_source()?.read()?;
    let db = super::open(config).await?;
    let canaries = scm_store::key_canaries(&db, &ring).await?;
    let usage = scm_store::key_usage(&db).await?;
    let missing: BTreeSet<_> = usage
        .values
        .keys()
        .chain(canaries.iter().map(|canary| &canary.key))
        .filter(|key| !ring.contains(key))
        .collect();
    if as_json {
        println!("{:#}", as_value(&ring, &canaries, &usage, &missing));
    } else {
        print!("{}", as_table(&ring, &canaries, &usage, &missing));
    }
    Ok(ExitCode::SUCCESS)
}

fn as_value(
    ring: &KeyRing,
    canaries: &[KeyCanary],
    usage: &KeyUsage,
    missing: &BTreeSet<&KeyId>,
) -> Value {
    let key = |key: &KeyId| {
        json!({
            "id": key.as_str(),
            "current": key == ring.current_id(),
            "canary": canary(canaries, key),
            "values": usage.of(key),
        })
    };
    json!({
        "keys": ring.ids().map(key).collect::<Vec<_>>(),
        "missing": missing.iter().map(|missing| key(missing)).collect::<Vec<_>>(),
        "unsealed": usage.unsealed,
    })
}

fn as_table(
    ring: &KeyRing,
    canaries: &[KeyCanary],
    usage: &KeyUsage,
    missing: &BTreeSet<&KeyId>,
) -> String {
    let all: Vec<_> = ring.ids().chain(missing.iter().copied()).collect();
    let width = all.iter().map(|key| key.as_str().len()).max();
    let width = width.unwrap_or_default().max("key".len());
    let mut text = format!("{:width$}  state    canary         values\n", "key");
    for key in all {
        let state = if !ring.contains(key) {
            "MISSING"
        } else if key == ring.current_id() {
            "current"
        } else {
            "-"
        };
        let (key, canary, values) = (key.as_str(), canary(canaries, key), usage.of(key));
        writeln!(text, "{key:width$}  {state:7}  {canary:13}  {values}").ok();
    }
    if !missing.is_empty() {
        text.push_str("The keys marked MISSING are needed and not there: put them back.\n");
    }
    if usage.unsealed > 0 {
        let unsealed = usage.unsealed;
        writeln!(
            text,
            "{unsealed} values are not sealed at all and cannot be used."
        )
        .ok();
    }
    text
}
