//! `backup` and `restore` of the embedded database.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use scm_store::{CanaryError, Cipher, KeyRing, canaries_open, open_snapshot};
use scm_types::{Clock as _, SystemClock};

use super::confirm::confirm;
use crate::{
    cli::{Backup, Restore},
    config::Config,
    database, telemetry,
};

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

/// Copies the database beside a running server.
pub(crate) fn backup(config: &Config, command: &Backup) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    on_runtime(back_up(config, &command.out))?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
async fn back_up(config: &Config, out: &Path) -> anyhow::Result<()> {
    let file = embedded(config, "backup")?;
    if !file.exists() {
        bail!("{} is not there: there is nothing to copy", file.display());
    }
    let db = database::connect(config).await?;
    let copied = scm_store::backup(&db, out).await;
    db.close().await.ok();
    let size = copied.with_context(|| format!("{} was not written", out.display()))?;
    println!("wrote {} ({size} bytes)", out.display());
    println!(
        "the keys are not in it: keep a copy of {} in another place",
        config.key_source()?.label()
    );
    Ok(())
}

/// Puts a copy in the place of the database of a stopped server.
pub(crate) fn restore(config: &Config, command: &Restore) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    on_runtime(put_back(config, command))?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
async fn put_back(config: &Config, command: &Restore) -> anyhow::Result<()> {
    let target = embedded(config, "restore")?;
    let name = command.from.display();
    let newest = fits(config, &command.from)
        .await
        .with_context(|| format!("{name} cannot take the database's place"))?;
    println!("{name} is whole, its schema is at {newest}, and the keys open it");
    if command.dry_run {
        return Ok(());
    }
    if target.exists() {
        let target = target.display();
        let what = format!("{target} is there: this puts it aside, and {name} in its place");
        confirm(command.yes, &what)?;
    }
    let aside = aside(&target);
    let is_there = target.exists();
    database::make_directory(&config.data_dir)
        .with_context(|| format!("{} cannot be used", config.data_dir.display()))?;
    scm_store::restore(&command.from, &target, &aside)
        .await
        .context("nothing was changed")?;
    println!("{name} is now {}", target.display());
    if is_there {
        println!("what was there is {}", aside.display());
    }
    Ok(())
}

/// The file of the embedded database.
fn embedded(config: &Config, command: &str) -> anyhow::Result<PathBuf> {
    scm_store::sqlite_file(&config.database_url()?).with_context(|| {
        format!(
            "{command} is for the embedded database; a database server has tools of its own, such \
             as mariadb-dump and pg_dump"
        )
    })
}

/// Whether a server of this program and with these keys can work with a copy; gives its last schema
/// step. The keys are not made here: new ones could open nothing.
async fn fits(config: &Config, copy: &Path) -> anyhow::Result<String> {
    let keys: KeyRing = config.key_source()?.read()?;
    let db = open_snapshot(copy).await?;
    let looked = async {
        let status = scm_migrations::status(&db).await?;
        if !status.unknown.is_empty() {
            bail!(
                "its schema is newer than this program: it has the unknown steps {}",
                status.unknown.join(", ")
            );
        }
        let applied = status.steps.iter().rev().find(|step| step.applied);
        let Some(newest) = applied.map(|step| step.name.clone()) else {
            bail!("it is not a database of this program");
        };
        match canaries_open(&db, &Cipher::new(keys)).await {
            Ok(true) => Ok(newest),
            Ok(false) => bail!("it was never opened by a server"),
            Err(error @ CanaryError::WrongKeys { .. }) => {
                Err(error).context("the keys are not the ones that it was sealed with")
            }
            Err(error) => Err(error.into()),
        }
    };
    let looked = looked.await;
    db.close().await.ok();
    looked
}

/// The name under which the database that was there is kept.
fn aside(target: &Path) -> PathBuf {
    let now = SystemClock.now().to_utc().format("%Y%m%dT%H%M%SZ");
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".before-{now}"));
    name.into()
}
