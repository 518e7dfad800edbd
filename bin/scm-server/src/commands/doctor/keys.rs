//! The master keys: whether they can be read, are this database's, and are all in use. Keys are told
//! by their names alone.

use scm_store::{DatabaseConnection, KeyCanary, KeyId, KeyRing, KeyUsage};

use super::{report::Check, within};
use crate::config::{Config, KeySource};

/// The keys beside the database, if that can be asked.
pub(super) async fn look(config: &Config, db: Option<&DatabaseConnection>) -> Vec<Check> {
    let name = "keys";
    let source = match config.key_source() {
        Ok(source) => source,
        Err(error) => {
            let fix =
                "make a file with scm-server keys generate --out FILE, and name it as keys_file";
            return vec![Check::fail(name, error.to_string(), fix)];
        }
    };
    let canaries = match db {
        Some(db) => match within(scm_store::canary_key_ids(db)).await {
            Ok(ids) => Some(ids),
            Err(error) => return vec![Check::fail(name, error, "try again")],
        },
        None => None,
    };
    let ring = match source.read() {
        Ok(ring) => ring,
        Err(error) => return vec![unreadable(&source, canaries.as_deref(), &error)],
    };
    let Some(db) = db else {
        let said = format!(
            "the keys in {} can be read; they were not compared with the database",
            source.label()
        );
        return vec![Check::ok(name, said).detail("keys", names(ring.ids()))];
    };
    let mut checks = vec![match within(scm_store::key_canaries(db, &ring)).await {
        Ok(canaries) => compared(&source, &ring, &canaries),
        Err(error) => Check::fail(name, error, "try again"),
    }];
    checks.push(match within(scm_store::key_usage(db)).await {
        Ok(usage) => used(&ring, &usage),
        Err(error) => Check::warn(
            "sealed_values",
            format!("the values could not be counted: {error}"),
            "scm-server keys list counts them, whatever time it takes",
        ),
    });
    checks
}

fn names<'a>(ids: impl Iterator<Item = &'a KeyId>) -> Vec<String> {
    ids.map(ToString::to_string).collect()
}

/// No keys. That is fine as long as nothing was ever sealed and the server makes them itself.
fn unreadable(source: &KeySource, sealed: Option<&[KeyId]>, error: &anyhow::Error) -> Check {
    let name = "keys";
    if let KeySource::Own(path) = source
        && !path.exists()
        && sealed.is_none_or(<[_]>::is_empty)
    {
        return Check::warn(
            name,
            format!("there is no key file at {} yet", path.display()),
            "the first start makes it; if there should be one, put it back before",
        );
    }
    let needed = sealed.filter(|sealed| !sealed.is_empty());
    let needed = needed.map(|ids| names(ids.iter()).join(", "));
    let said = match needed {
        Some(needed) => format!("{error:#}; the database needs {needed}"),
        None => format!("{error:#}"),
    };
    let fix = "put the key file back from your copy, with mode 0600 and owned by the server's user; a \
               new key could open nothing";
    Check::fail(name, said, fix)
}

/// The keys beside the canaries.
fn compared(source: &KeySource, ring: &KeyRing, canaries: &[KeyCanary]) -> Check {
    let name = "keys";
    let label = source.label();
    let failing = canaries.iter().filter(|canary| !canary.opens);
    let (wrong, missing): (Vec<_>, Vec<_>) = failing
        .map(|canary| &canary.key)
        .partition(|key| ring.contains(key));
    let list = |keys: &[&KeyId]| names(keys.iter().copied()).join(", ");
    let fix =
        "put the key file back that this database was sealed with; a new key could open nothing";
    let check = if !wrong.is_empty() {
        let said = format!(
            "in {label} other keys have the names {}: they do not open what was sealed",
            list(&wrong)
        );
        Check::fail(name, said, fix)
    } else if !missing.is_empty() {
        let said = format!("{label} lacks the keys {}", list(&missing));
        Check::fail(name, said, fix)
    } else if canaries.is_empty() {
        Check::ok(name, format!("nothing was sealed yet; {label} can be read"))
    } else if !canaries
        .iter()
        .any(|canary| canary.key == *ring.current_id())
    {
        Check::warn(
            name,
            format!("{label} has a new current key, which no server has taken yet"),
            "look whether the servers see this file; they take it within keys_check_seconds",
        )
    } else {
        Check::ok(name, format!("the keys in {label} are this database's"))
    };
    check
        .detail("current", ring.current_id().as_str())
        .detail("keys", names(ring.ids()))
        .detail("wrong", names(wrong.into_iter()))
        .detail("missing", names(missing.into_iter()))
}

/// What the values are sealed with.
fn used(ring: &KeyRing, usage: &KeyUsage) -> Check {
    let name = "sealed_values";
    let current = ring.current_id();
    let total = usage.values.values().sum::<u64>();
    let lost: Vec<_> = usage
        .values
        .keys()
        .filter(|key| !ring.contains(key))
        .collect();
    let lost_values: u64 = lost.iter().map(|key| usage.of(key)).sum();
    let old = total - usage.of(current) - lost_values;
    let check = if lost_values > 0 {
        Check::fail(
            name,
            format!(
                "{lost_values} values need keys that are not there: {}",
                names(lost.iter().copied()).join(", ")
            ),
            "put the key file back that holds them",
        )
    } else if usage.unsealed > 0 {
        Check::warn(
            name,
            format!(
                "{} values are not sealed and cannot be used",
                usage.unsealed
            ),
            "a running server seals what an old writer leaves in clear within minutes; for the rest, \
             scm-server import delivr tells which and why, and takes the old server's pass phrase",
        )
    } else if old > 0 {
        Check::warn(
            name,
            format!("{old} of {total} values are sealed with keys before {current}"),
            "scm-server keys rewrap, then keys retire",
        )
    } else {
        Check::ok(name, format!("{total} values are sealed with {current}"))
    };
    let by_key = usage
        .values
        .iter()
        .map(|(key, values)| (key.to_string(), (*values).into()));
    check
        .detail("byKey", by_key.collect::<serde_json::Map<_, _>>())
        .detail("unsealed", usage.unsealed)
}
