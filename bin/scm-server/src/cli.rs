//! The command line.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Connects tenants' GitHub, GitLab and Bitbucket repositories and keeps the connections safe.
#[derive(Parser)]
#[command(name = "scm-server", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags of every command; each overrides the setting of the same name.
#[derive(Args)]
pub(crate) struct Global {
    /// TOML file with settings; may be repeated, a later one overrides an earlier one
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SCM_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Vec<PathBuf>,
    /// Address and port to listen on
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Directory of the embedded database and its key file
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
}

impl Global {
    /// The flags that were given, by the key of the setting that they override.
    pub(crate) fn overrides(&self) -> BTreeMap<&'static str, String> {
        [("listen", &self.listen), ("data_dir", &self.data_dir)]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)))
            .collect()
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start the server (what happens without a command)
    Serve {
        /// Apply pending schema steps first; SQLite always does
        #[arg(long)]
        migrate: bool,
    },
    /// Look at or change the database's schema
    #[command(subcommand)]
    Migrate(Migrate),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running server whether it is ready; exit status 0 if it is
    Healthcheck,
    /// Master keys that secrets are sealed with
    #[command(subcommand)]
    Keys(Keys),
    /// Keys that callers authenticate with
    #[command(subcommand, name = "api-keys")]
    ApiKeys(ApiKeys),
}

#[derive(Subcommand)]
pub(crate) enum Migrate {
    /// Apply pending steps, and the foreign keys if they are switched on
    Up,
    /// Undo the last steps; what their tables and columns held is lost
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Really do it
        #[arg(long)]
        yes: bool,
    },
    /// List the steps
    Status,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with the settings; exit status 78 if something is
    Check,
    /// List every setting with its source; secrets are masked
    Show,
}

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make a key file with one fresh key
    Generate {
        /// The file to make; an existing one is not touched
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum ApiKeys {
    /// Make a key: it is shown once, with the lines for the configuration
    Generate {
        /// Names the key in the configuration: letters, digits, hyphens
        #[arg(long)]
        id: String,
        /// The account that it acts as
        #[arg(long)]
        account: String,
        /// The tenant it is for; without it the key is the platform's
        #[arg(long, requires = "role")]
        tenant: Option<String>,
        /// viewer, editor or owner
        #[arg(long, requires = "tenant")]
        role: Option<String>,
    },
}
