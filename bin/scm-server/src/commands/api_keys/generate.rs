//! `api-keys generate`: a key for the configuration file.

use std::process::ExitCode;

use anyhow::Context as _;
use scm_service::NewApiKey;
use scm_types::{Access, AccountId, Role, TenantId};

use crate::cli::{GenerateApiKey, KeyAccess};

/// What a key is to stand for.
pub(super) struct Given {
    pub(super) account: AccountId,
    pub(super) access: Access,
}

/// The flags, understood.
pub(super) fn access(given: &KeyAccess) -> anyhow::Result<Given> {
    let account = AccountId::parse(&given.account).context("--account")?;
    let tenant = given.tenant.as_deref().map(TenantId::parse).transpose();
    let role = given.role.as_deref().map(str::parse::<Role>).transpose();
    // The two are given together or not at all.
    let access = match (tenant.context("--tenant")?, role.context("--role")?) {
        (Some(tenant), Some(role)) => Access::Tenant { tenant, role },
        _ => Access::Platform,
    };
    Ok(Given { account, access })
}

/// Makes a key and prints it, with the lines that make the server know it.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) fn run(wanted: &GenerateApiKey) -> anyhow::Result<ExitCode> {
    let Given { account, access } = access(&wanted.given)?;
    let made = NewApiKey::generate(&wanted.id).context("--id")?;
    let mut entry = toml::Table::new();
    entry.insert("id".into(), wanted.id.clone().into());
    entry.insert("hash".into(), made.digest.into());
    entry.insert("account".into(), account.as_str().into());
    if let Access::Tenant { tenant, role } = access {
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
