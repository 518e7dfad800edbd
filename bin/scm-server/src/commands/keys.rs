//! `keys generate|promote|list|rewrap|retire`. No key is ever printed.

mod list;
mod retire;
mod rewrap;

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context as _, bail};
use scm_store::{Cipher, DatabaseConnection, KeyId, KeyState};

use crate::{
    cli::{GenerateKey, Keys},
    config::Config,
    database, telemetry,
};

/// Makes a key file; refuses to touch an existing one.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn make(out: &Path) -> anyhow::Result<ExitCode> {
    let id = database::create_key_file(out)
        .with_context(|| format!("the key file {} could not be made", out.display()))?;
    println!(
        "made {} with the key {id}; keep a copy where the database's backup is not",
        out.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Everything about the keys that the settings name.
pub(crate) fn run(config: &Config, command: &Keys) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match command {
        Keys::Generate(wanted) => add(config, wanted),
        Keys::Promote { id } => promote(config, &key_id(id)?),
        Keys::List { json } => runtime.block_on(list::run(config, *json)),
        Keys::Rewrap { batch, dry_run } => runtime.block_on(rewrap::run(config, *batch, *dry_run)),
        Keys::Retire { id, yes, dry_run } => {
            runtime.block_on(retire::run(config, &key_id(id)?, *yes, *dry_run))
        }
    }
}

fn key_id(raw: &str) -> anyhow::Result<KeyId> {
    Ok(KeyId::parse(raw)?)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
fn add(config: &Config, wanted: &GenerateKey) -> anyhow::Result<ExitCode> {
    let id = match &wanted.id {
        Some(id) => key_id(id)?,
        None => KeyId::random(),
    };
    let source = config.key_source()?;
    let mut file = source.edit()?;
    file.replace(|ring| {
        ring.add(id.clone())?;
        if wanted.promote {
            ring.promote(&id)?;
        }
        Ok(())
    })
    .with_context(|| source.label())?;
    println!("added the key {id} to {}", source.label());
    if wanted.promote {
        say_promoted(config, &id);
    } else {
        println!(
            "Servers read with it in {} seconds at the latest; give it to replicas that have a file \
             of their own. Then: scm-server keys promote {id}",
            config.keys_check_seconds
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
fn promote(config: &Config, id: &KeyId) -> anyhow::Result<ExitCode> {
    let source = config.key_source()?;
    let mut file = source.edit()?;
    if file.ring().current_id() == id {
        println!("{id} is the current key already");
        return Ok(ExitCode::SUCCESS);
    }
    file.replace(|ring| ring.promote(id))
        .with_context(|| source.label())?;
    println!("{id} is the current key of {} now", source.label());
    say_promoted(config, id);
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
fn say_promoted(config: &Config, id: &KeyId) {
    println!(
        "Servers seal with {id} as soon as they have been able to read with it for {} seconds. \
         Values that are sealed with other keys stay as they are until: scm-server keys rewrap",
        config.keys_settle().as_secs()
    );
}

/// An open database with this program's schema.
async fn open(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let db = database::connect_existing(config).await?;
    database::is_current(&db).await?;
    Ok(db)
}

/// The keys, as soon as new values may be sealed with the current one: every server must be able
/// to read with it first.
async fn settled(config: &Config, db: &DatabaseConnection) -> anyhow::Result<Arc<Cipher>> {
    let source = config.key_source()?;
    let (mut keys, mut state) = database::start_keys(config, db, source.read()?).await?;
    let mut told = false;
    loop {
        match state {
            KeyState::Current => return Ok(keys.cipher()),
            KeyState::Settling { next, .. } => {
                if !told {
                    tracing::info!(
                        key = next.as_str(),
                        seconds = config.keys_settle().as_secs(),
                        "waiting until every server can read with the current key"
                    );
                    told = true;
                }
            }
            KeyState::Retired { key, .. } => bail!("the key {key} was retired meanwhile"),
        }
        tokio::time::sleep(config.keys_check().min(std::time::Duration::from_secs(1))).await;
        state = keys.take(source.read()?).await?;
    }
}
