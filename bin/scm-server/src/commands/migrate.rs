//! `migrate up|down|status`.

use std::process::ExitCode;

use anyhow::bail;

use crate::{cli::Migrate, config::Config, database, telemetry};

/// Looks at or changes the schema.
pub(crate) fn run(config: &Config, command: &Migrate) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Migrate::Up => database::migrate_up(config).await?,
            Migrate::Down { steps, yes } => down(config, *steps, *yes).await?,
            Migrate::Status => {}
        }
        status(config).await
    })
}

async fn down(config: &Config, steps: u32, yes: bool) -> anyhow::Result<()> {
    if !yes {
        bail!("this removes what the last {steps} step(s) made, with its data; add --yes to do it");
    }
    let url = config.database_url()?;
    if config.database.foreign_keys {
        scm_migrations::foreign_keys::disable(&url).await?;
    }
    for step in scm_migrations::down(&url, steps).await? {
        tracing::info!(step, "undid a schema step");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
async fn status(config: &Config) -> anyhow::Result<ExitCode> {
    let db = database::connect(config).await?;
    let status = scm_migrations::status(&db).await?;
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
        bail!("the schema is newer than this program");
    }
    Ok(ExitCode::SUCCESS)
}
