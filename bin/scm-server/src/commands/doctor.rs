//! `doctor`: looks for what is wrong, and says how to mend it.
//!
//! - It changes nothing: no schema step, no file, no row; it can run beside servers.
//! - It ends in time, whoever does not answer: everything that is asked has a limit, and the database
//!   and the code hosts are asked at the same time.
//! - No check tells a secret, a password or what stands in a file of secrets.

mod database;
mod encoding;
mod hosts;
mod keys;
mod machine;
mod report;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use crate::{
    EXIT_CONFIG,
    cli::Doctor,
    config::{Config, ConfigError, Sources},
    telemetry,
};
use report::{Check, Report};

/// How long one question may take; the slowest are those that count rows.
const STEP: Duration = Duration::from_secs(15);

/// Exit status 0 if nothing fails, 78 if the settings cannot be used.
pub(crate) fn run(sources: &Sources, wanted: &Doctor) -> anyhow::Result<ExitCode> {
    let (config, files) = match settings(sources) {
        Ok(settings) => settings,
        Err(ConfigError(problems)) => {
            let fix = "mend the setting; scm-server config show says where each value stands";
            let checks = problems
                .into_iter()
                .map(|problem| Check::fail("settings", problem, fix));
            Report(checks.collect()).print(wanted.json);
            return Ok(EXIT_CONFIG.into());
        }
    };
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(look(&config, &files));
    report.print(wanted.json);
    // What still hangs at a frozen server is not waited for.
    runtime.shutdown_background();
    Ok(report.exit())
}

/// The settings and the files of secrets that they name.
fn settings(sources: &Sources) -> Result<(Config, BTreeMap<String, PathBuf>), ConfigError> {
    let layers = sources.layers();
    // What is wrong with the keys is told beside everything else.
    let config = layers.checked(Config::problems_without_keys)?;
    Ok((config, layers.secret_files()))
}

async fn look(config: &Config, files: &BTreeMap<String, PathBuf>) -> Report {
    let mut checks = vec![Check::ok("settings", "the settings can be used")];
    checks.extend(machine::look(config, files));
    let (database, hosts) = tokio::join!(database::look(config), hosts::look(config));
    checks.extend(database);
    checks.extend(hosts);
    Report(checks)
}

/// What came of a question, or that nothing came in time.
async fn within<T, E: Into<anyhow::Error>>(
    question: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(STEP, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{:#}", error.into())),
        Err(_) => Err(format!("no answer within {} s", STEP.as_secs())),
    }
}
