//! The command line.

use std::{collections::BTreeMap, num::NonZeroU64, path::PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand};
use scm_store::RewrapOptions;

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
    /// Make a fresh key: in a new file, or in the key file that the settings name
    Generate(GenerateKey),
    /// Make a key of the file the current one: new values are sealed with it
    Promote {
        /// The key
        id: String,
    },
    /// List the keys, and how many stored values need each
    List {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Seal every stored value with the current key; can be stopped and run again at any time
    Rewrap {
        /// Rows that are read at a time
        #[arg(long, value_name = "ROWS", default_value_t = RewrapOptions::BATCH)]
        batch: NonZeroU64,
        /// Open every value, change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Take a key out that no stored value needs any more
    Retire {
        /// The key
        id: String,
    },
}

/// Where the fresh key goes.
#[derive(Args)]
#[command(group = ArgGroup::new("place").required(true).multiple(true))]
pub(crate) struct GenerateKey {
    /// Make this file; an existing one is not touched
    #[arg(long, value_name = "FILE", group = "place", conflicts_with_all = ["add", "promote", "id"])]
    pub(crate) out: Option<PathBuf>,
    /// Add it to the key file: servers can read with it from then on, and seal with the key before
    #[arg(long, group = "place")]
    add: bool,
    /// Add it and make it the current one: servers read with it first and seal with it a little
    /// later
    #[arg(long, group = "place")]
    pub(crate) promote: bool,
    /// Its name: letters, digits, - and _; made up if it is not given
    #[arg(long)]
    pub(crate) id: Option<String>,
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
