//! `migrate up|down|status`.

use std::process::ExitCode;

use anyhow::bail;
use scm_migrations::Status;

use super::confirm::confirm;
use crate::{cli::Migrate, config::Config, database, telemetry};

/// Looks at or changes the schema.
pub(crate) fn run(config: &Config, command: &Migrate) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Migrate::Up(wait) => {
                database::wait(config, wait.duration()).await?;
                database::migrate_up(config).await?;
            }
            Migrate::Down {
                steps,
                yes,
                dry_run,
            } => {
                if !down(config, *steps, *yes, *dry_run).await? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Migrate::Status => {}
        }
        status(config).await
    })
}

/// Undoes the last steps; false if it was only said which.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
async fn down(config: &Config, steps: u32, yes: bool, dry_run: bool) -> anyhow::Result<bool> {
    database::must_exist(config)?;
    let status = look(config).await?;
    let many = usize::try_from(steps).unwrap_or(usize::MAX);
    let applied = status.steps.iter().rev().filter(|step| step.applied);
    let last: Vec<_> = applied.take(many).map(|step| step.name.as_str()).collect();
    if last.is_empty() {
        bail!("no step is applied: there is nothing to undo");
    }
    let last = last.join(", ");
    if dry_run {
        println!("would undo {last}, and remove what their tables and columns hold");
        return Ok(false);
    }
    confirm(
        yes,
        &format!("this undoes {last} and removes what their tables and columns hold, for good"),
    )?;
    let url = config.database_url()?;
    if config.database.foreign_keys {
        scm_migrations::foreign_keys::disable(&url).await?;
    }
    for step in scm_migrations::down(&url, steps).await? {
        tracing::info!(step, "undid a schema step");
    }
    Ok(true)
}

/// The schema as it is, or would be of a database that is not there yet: none is made.
async fn look(config: &Config) -> anyhow::Result<Status> {
    if config.database_file()?.is_some_and(|file| !file.exists()) {
        return Ok(Status::of_nothing());
    }
    let db = database::connect_to_look(config).await?;
    Ok(scm_migrations::status(&db).await?)
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
async fn status(config: &Config) -> anyhow::Result<ExitCode> {
    let status = look(config).await?;
    for step in &status.steps {
        println!(
            "{}  {}",
            if step.applied { "applied" } else { "pending" },
            step.name
        );
    }
    for step in &status.unknown {
        println!("unknown  {step}");
    }
    if !status.unknown.is_empty() {
        bail!(
            "the schema is newer than this program, whose newest step is {}",
            status.newest()
        );
    }
    Ok(ExitCode::SUCCESS)
}
