//! Keys of the database.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use scm_store::{ApiKeyController, DatabaseConnection, NewStoredKey};
use scm_types::{
    Access, AccountId, Actor, ApiKeyFilter, ApiKeyId, Clock as _, DisplayName, SafeApiKey,
    ServerTask, SystemClock, TenantId, TenantScope, Timestamp,
};
use serde_json::json;

use super::generate::{Given, access};
use crate::{cli::CreateApiKey, commands::confirm::confirm, config::Config, database};

fn controller(db: DatabaseConnection) -> ApiKeyController {
    ApiKeyController::new(db, Arc::new(SystemClock))
}

/// Makes a key and prints it: alone on the output, so that it can be put into a file.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command's output; the key is to be alone on it"
)]
pub(super) async fn create(config: &Config, wanted: &CreateApiKey) -> anyhow::Result<ExitCode> {
    let Given { account, access } = access(&wanted.given)?;
    let name = DisplayName::parse(&wanted.name).context("--name")?;
    let end = wanted.expires_in;
    let opened = database::open(config, false).await?;
    let new = NewStoredKey {
        access,
        name,
        account_id: account,
        expires_at: end.map(|life| SystemClock.now().plus(life)),
    };
    let operator = Actor::server(ServerTask::Command);
    let (keys, cipher) = (controller(opened.db), opened.keys.cipher());
    let (key, secret) = keys.create(&cipher, &operator, &new).await?;
    eprintln!(
        "Made the key {} ({}); it is shown this once:",
        key.id,
        told(&key)
    );
    println!("{}", secret.expose());
    Ok(ExitCode::SUCCESS)
}

/// Lists every key, revoked and expired ones too, newest first.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn list(
    config: &Config,
    tenant: Option<&str>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let tenant = tenant.map(TenantId::parse).transpose();
    let mut filter = ApiKeyFilter {
        tenant_id: tenant.context("--tenant")?,
        ..ApiKeyFilter::default()
    };
    let db = database::connect_existing(config).await?;
    database::is_current(&db).await?;
    let (keys, now) = (controller(db), SystemClock.now());
    let mut all = Vec::new();
    loop {
        let page = keys.list(&TenantScope::Platform, &filter).await?;
        for key in page.items {
            if as_json {
                all.push(key);
            } else {
                println!("{}  {}, {}", key.id, told(&key), state(&key, now));
            }
        }
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    if as_json {
        println!("{:#}", json!({"keys": all}));
    }
    Ok(ExitCode::SUCCESS)
}

/// Revokes a key, for good.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn revoke(
    config: &Config,
    id: &str,
    yes: bool,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let id = ApiKeyId::parse(id).context("the id")?;
    let db = database::connect_existing(config).await?;
    database::is_current(&db).await?;
    let keys = controller(db);
    let found = keys.find(&TenantScope::Platform, &id).await?;
    let key = found.with_context(|| format!("there is no key {id} in the database"))?;
    let what = format!("{id} ({}, {})", told(&key), state(&key, SystemClock.now()));
    if dry_run {
        println!("would revoke {what}");
        return Ok(ExitCode::SUCCESS);
    }
    let question = format!(
        "this would revoke {what}; callers that use it are refused, and nothing brings it back"
    );
    confirm(yes, &question)?;
    keys.revoke(&Actor::server(ServerTask::Command), &id)
        .await?;
    println!("revoked {what}; running servers refuse it within ten seconds");
    Ok(ExitCode::SUCCESS)
}

/// Whose it is and what it is called, for people.
fn told(key: &SafeApiKey) -> String {
    let account: &AccountId = &key.account_id;
    let reach = match &key.access {
        Access::Platform => "platform".to_owned(),
        Access::Tenant { tenant, role } => format!("{role} of {tenant}"),
    };
    format!("\"{}\", {reach}, as {account}", key.name)
}

fn state(key: &SafeApiKey, now: Timestamp) -> String {
    let used = match key.last_used_at {
        Some(at) => format!("last used {at}"),
        None => "never used".to_owned(),
    };
    let end = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(end)) if end <= now => format!("expired {end}"),
        (None, Some(end)) => format!("expires {end}"),
        (None, None) => "does not expire".to_owned(),
    };
    format!("{used}, {end}")
}

/// A time as `90d`, `12h`, `30m`, `45s` or `8w`.
pub(crate) fn life(raw: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "must be a number and s, m, h, d or w, such as 90d";
    let digits = raw.len()
        - raw
            .trim_start_matches(|char: char| char.is_ascii_digit())
            .len();
    let (number, unit) = raw.split_at(digits);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(WRONG),
    };
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    match number.checked_mul(seconds) {
        Some(0) | None => Err(WRONG),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives() {
        for (raw, want) in [
            ("90d", Some(90 * 86_400)),
            ("1s", Some(1)),
            ("2m", Some(120)),
            ("12h", Some(43_200)),
            ("8w", Some(4_838_400)),
            ("", None),
            ("d", None),
            ("0d", None),
            ("-1d", None),
            ("1.5h", None),
            ("90", None),
            ("90 d", None),
            ("1y", None),
            ("99999999999999999999s", None),
            ("9999999999999999999w", None),
        ] {
            let got = life(raw).ok().map(|life| life.as_secs());
            assert_eq!(got, want, "{raw:?}");
        }
    }
}
