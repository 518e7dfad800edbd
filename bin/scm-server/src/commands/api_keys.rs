//! `api-keys generate`.

use std::process::ExitCode;

use anyhow::Context as _;
use scm_service::NewApiKey;
use scm_types::{AccountId, Role, TenantId};

use crate::cli::ApiKeys;

/// Makes a key and prints it, with the lines that make the server know it.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn run(command: &ApiKeys) -> anyhow::Result<ExitCode> {
    let ApiKeys::Generate {
        id,
        account,
        tenant,
        role,
    } = command;
    let account = AccountId::parse(account).context("--account")?;
    let tenant = tenant
        .as_deref()
        .map(TenantId::parse)
        .transpose()
        .context("--tenant")?;
    let role = role
        .as_deref()
        .map(str::parse::<Role>)
        .transpose()
        .context("--role")?;
    let made = NewApiKey::generate(id).context("--id")?;
    let mut entry = toml::Table::new();
    entry.insert("id".into(), id.clone().into());
    entry.insert("hash".into(), made.digest.into());
    entry.insert("account".into(), account.as_str().into());
    if let (Some(tenant), Some(role)) = (tenant, role) {
        entry.insert("tenant".into(), tenant.as_str().into());
        entry.insert("role".into(), role.as_str().into());
    }
    println!("# The key, shown this once:");
    println!("#   {}", made.key);
    println!("# For the configuration file (auth.mode = \"api-keys\"):");
    println!("[[auth.keys]]");
    print!("{}", toml::to_string(&entry)?);
    Ok(ExitCode::SUCCESS)
}
