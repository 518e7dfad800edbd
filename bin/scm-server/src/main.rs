//! The SCM integration service as one program: settings, command line, logs, composition. What it
//! does is in the library crates.

mod cli;
mod commands;
mod config;
mod database;
mod fault;
mod telemetry;
mod tls;
mod traces;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{
        ApiKeys, Cli, Command, ConfigCommand, Export, ExportTo, GenerateKey, Import, ImportFrom,
        Keys, Serve,
    },
    config::{Config, ConfigError, Sources},
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
        Some(Command::ApiKeys(ApiKeys::Generate(wanted))) => {
            return commands::api_keys::generate(wanted);
        }
        Some(Command::OpenApi) => return commands::openapi::run(),
        Some(Command::Completions { shell }) => return commands::generated::completions(*shell),
        Some(Command::Man { out }) => return commands::generated::man(out.as_deref()),
        Some(Command::Config(ConfigCommand::Schema)) => return commands::config::schema(),
        _ => {}
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    let environment = std::env::vars_os().collect();
    let sources = Sources {
        files: cli.global.config.clone(),
        environment,
        overrides: cli.global.overrides(),
    };
    if let Some(Command::Doctor(command)) = &cli.command {
        return commands::doctor::run(&sources, command);
    }
    let layers = sources.layers();
    if let Some(Command::Config(ConfigCommand::Show)) = cli.command {
        return Ok(commands::config::show(&layers)?);
    }
    let config = match cli.command {
        // Those about the keys say themselves what is wrong with them, the others use none.
        Some(
            Command::Migrate(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Export(_)
            | Command::Import(_)
            | Command::Healthcheck
            | Command::Keys(_)
            | Command::Audit(_)
            | Command::ApiKeys(ApiKeys::List { .. } | ApiKeys::Revoke { .. }),
        ) => layers.checked(Config::problems_without_keys),
        _ => layers.checked(Config::problems),
    }?;
    match cli.command {
        None => commands::serve::run(config, sources, &Serve::default()),
        Some(Command::Serve(serve)) => commands::serve::run(config, sources, &serve),
        Some(Command::Migrate(command)) => commands::migrate::run(&config, &command),
        Some(Command::Config(_)) => Ok(commands::config::checked()),
        Some(Command::Backup(command)) => commands::snapshot::backup(&config, &command),
        Some(Command::Restore(command)) => commands::snapshot::restore(&config, &command),
        Some(Command::Export(Export {
            other: Some(ExportTo::Delivr(command)),
            ..
        })) => commands::delivr::export(&config, &command),
        Some(Command::Export(command)) => commands::transfer::export(&config, &command),
        Some(Command::Import(Import {
            other: Some(ImportFrom::Delivr(command)),
            ..
        })) => commands::delivr::import(&config, &command),
        Some(Command::Import(command)) => commands::transfer::import(&config, &command),
        Some(Command::Healthcheck) => commands::healthcheck::run(&config),
        Some(Command::Keys(command)) => commands::keys::run(&config, &command),
        Some(Command::Audit(command)) => commands::audit::run(&config, &command),
        Some(Command::ApiKeys(command)) => commands::api_keys::run(&config, &command),
        // Done above, before the settings were read or checked.
        Some(
            Command::OpenApi
            | Command::Doctor(_)
            | Command::Completions { .. }
            | Command::Man { .. },
        ) => Ok(ExitCode::SUCCESS),
    }
}
