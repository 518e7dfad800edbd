//! The SCM integration service as one program: settings, command line, logs, composition. What it
//! does is in the library crates.

mod cli;
mod commands;
mod config;
mod database;
mod fault;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{Cli, Command, ConfigCommand, GenerateKey, Keys},
    config::{ConfigError, Layers},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `EX_CONFIG` of sysexits.h: the settings are wrong, starting again will not help.
const EXIT_CONFIG: u8 = 78;

#[expect(
    clippy::print_stderr,
    reason = "the last word of a failed command, logs may be off"
)]
fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("scm-server: {error:#}");
            let config = error.downcast_ref::<ConfigError>().is_some();
            if config {
                EXIT_CONFIG.into()
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Keys(Keys::Generate(GenerateKey { out: Some(out), .. }))) => {
            return commands::keys::make(out);
        }
        Some(Command::ApiKeys(command)) => return commands::api_keys::run(command),
        _ => {}
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    let environment = std::env::vars_os();
    let layers = Layers::read(&cli.global.config, environment, cli.global.overrides())?;
    if let Some(Command::Config(ConfigCommand::Show)) = cli.command {
        return Ok(commands::config::show(&layers));
    }
    let config = layers.config()?;
    match cli.command {
        // Those about the keys say themselves what is wrong with them.
        Some(Command::Migrate(_) | Command::Healthcheck | Command::Keys(_)) => {
            config.check_without_keys()?;
        }
        _ => config.check()?,
    }
    match cli.command {
        None => commands::serve::run(config, false),
        Some(Command::Serve { migrate }) => commands::serve::run(config, migrate),
        Some(Command::Migrate(command)) => commands::migrate::run(&config, &command),
        Some(Command::Config(_)) => Ok(commands::config::checked()),
        Some(Command::Healthcheck) => commands::healthcheck::run(&config),
        Some(Command::Keys(command)) => commands::keys::run(&config, &command),
        // Done above, before the settings were read.
        Some(Command::ApiKeys(_)) => Ok(ExitCode::SUCCESS),
    }
}
