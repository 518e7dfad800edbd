//! The command line.

use std::{collections::BTreeMap, num::NonZeroU64, path::PathBuf, str::FromStr, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand};
use scm_store::{AuditHead, RewrapOptions};
use scm_types::AuditChain;

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
    Serve(Serve),
    /// Look at or change the database's schema
    #[command(subcommand)]
    Migrate(Migrate),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy the embedded database into a file, beside a running server
    Backup(Backup),
    /// Put such a copy in the place of the database of a stopped server
    Restore(Restore),
    /// Look for what is wrong, beside a running server too, and change nothing; exit status 1 if
    /// something fails, 78 if the settings cannot be used
    Doctor(Doctor),
    /// Write every row of the database into a file, to bring it into one of another kind
    Export(Export),
    /// Bring what `export` wrote into an empty database; killed half-way, run it again
    Import(Import),
    /// Ask the running server whether it is ready; exit status 0 if it is
    Healthcheck,
    /// Master keys that secrets are sealed with
    #[command(subcommand)]
    Keys(Keys),
    /// The log of who did what to which integration
    #[command(subcommand)]
    Audit(Audit),
    /// Print the OpenAPI document of the HTTP API
    #[command(name = "openapi")]
    OpenApi,
    /// Keys that callers authenticate with
    #[command(subcommand, name = "api-keys")]
    ApiKeys(ApiKeys),
    /// Print what a shell completes this command line with
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write a page for the program and one for each command into this directory instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Args, Default)]
pub(crate) struct Serve {
    /// Apply pending schema steps first; SQLite always does
    #[arg(long)]
    pub(crate) migrate: bool,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Args, Default)]
pub(crate) struct Wait {
    /// Seconds to wait for a database that does not answer yet
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait_for_database: u64,
}

impl Wait {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.wait_for_database)
    }
}

#[derive(Args)]
pub(crate) struct Doctor {
    /// For machines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Backup {
    /// The file to make; nothing is written over
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Export {
    #[command(subcommand)]
    pub(crate) other: Option<ExportTo>,
    /// The file to make; nothing is written over
    #[arg(value_name = "FILE", required = true)]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum ExportTo {
    /// Write every row back into the table of delivr's old server, for the way home; exit status 3 if
    /// rows could not be written. Can be stopped and run again at any time
    Delivr(ExportDelivr),
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ExportDelivr {
    /// The old server's database; the one of the settings if it is not given
    #[arg(long, value_name = "URL", conflicts_with = "to_file")]
    pub(crate) to: Option<String>,
    /// File with its URL: one with a password in it is no argument
    #[arg(long, value_name = "FILE")]
    pub(crate) to_file: Option<PathBuf>,
    /// The old server's table, which must be there
    #[arg(long, value_name = "NAME", default_value = scm_store::delivr::OldTable::NAME)]
    pub(crate) table: String,
    /// File with the pass phrase that the old server opens secrets with, its `ENCRYPTION_KEY`
    #[arg(long, value_name = "FILE")]
    pub(crate) pass_phrase_file: Option<PathBuf>,
    /// Write secrets in clear, as the first of the old servers did
    #[arg(long, conflicts_with = "pass_phrase_file")]
    pub(crate) plain: bool,
    /// Really do that, without being asked
    #[arg(long, requires = "plain")]
    pub(crate) yes: bool,
    /// Say what would become of every row, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// For machines: a line for each row, and one with the numbers
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) other: Option<ImportFrom>,
    /// What `export` made
    #[arg(value_name = "FILE", required = true)]
    pub(crate) from: Option<PathBuf>,
    /// Only say whether it could be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Subcommand)]
pub(crate) enum ImportFrom {
    /// Bring over what delivr's old server has, row by row; exit status 3 if rows could not be read.
    /// Can be stopped and run again at any time
    Delivr(ImportDelivr),
}

#[derive(Args)]
pub(crate) struct ImportDelivr {
    #[command(flatten)]
    pub(crate) from: OtherDatabase,
    /// The old server's table
    #[arg(long, value_name = "NAME", default_value = scm_store::delivr::OldTable::NAME)]
    pub(crate) table: String,
    /// File with the pass phrase that the old server sealed with, its `ENCRYPTION_KEY`
    #[arg(long, value_name = "FILE")]
    pub(crate) pass_phrase_file: Option<PathBuf>,
    /// Read and judge every row, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// For machines: a line for each row, and one with the numbers
    #[arg(long)]
    pub(crate) json: bool,
}

/// The old server's database.
#[derive(Args)]
pub(crate) struct OtherDatabase {
    /// The old server's database; the one of the settings if it is not given
    #[arg(
        id = "old_url",
        long = "from",
        value_name = "URL",
        conflicts_with = "old_url_file"
    )]
    pub(crate) url: Option<String>,
    /// File with its URL: one with a password in it is no argument
    #[arg(id = "old_url_file", long = "from-file", value_name = "FILE")]
    pub(crate) url_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Restore {
    /// What `backup` made
    #[arg(value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// Only say whether it could be done
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Really do it although there is a database, without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum Migrate {
    /// Apply pending steps, and the foreign keys if they are switched on
    Up(Wait),
    /// Undo the last steps; what their tables and columns held is lost
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Really do it, without being asked
        #[arg(long)]
        yes: bool,
        /// Only say which steps would be undone
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
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
    /// Print the JSON Schema of a settings file
    Schema,
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
        /// Really do it, without being asked
        #[arg(long)]
        yes: bool,
        /// Only say whether it could be done
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
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
pub(crate) enum Audit {
    /// Say whether rows were changed, added or removed by hand; exit status 1 if so. Can run beside
    /// servers
    Verify(VerifyAudit),
}

/// What to look at.
#[derive(Args)]
pub(crate) struct VerifyAudit {
    /// This tenant's rows alone; `the platform` for those about its keys
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// For machines; tells the last row of every tenant, to be kept elsewhere
    #[arg(long)]
    pub(crate) json: bool,
    /// A row that was kept elsewhere and must still be there; may be repeated
    #[arg(long, value_name = "TENANT=SEQUENCE:HASH")]
    pub(crate) expect_head: Vec<KnownHead>,
}

/// A row of a chain, as `audit verify --json` told it earlier.
#[derive(Clone)]
pub(crate) struct KnownHead {
    pub(crate) chain: AuditChain,
    pub(crate) head: AuditHead,
}

impl FromStr for KnownHead {
    type Err = &'static str;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let parts = raw
            .rsplit_once('=')
            .and_then(|(tenant, head)| Some((tenant, head.split_once(':')?)));
        let known = parts.and_then(|(tenant, (sequence, hash))| {
            let hash = hash.to_ascii_lowercase();
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(Self {
                chain: tenant.parse().ok()?,
                head: AuditHead {
                    sequence: sequence.parse().ok().filter(|sequence| *sequence > 0)?,
                    hash: is_hash.then_some(hash)?,
                },
            })
        });
        known.ok_or("must be a tenant, =, a sequence number, : and 64 hexadecimal digits")
    }
}

#[derive(Subcommand)]
pub(crate) enum ApiKeys {
    /// Make a key in the database: it is printed once
    Create(CreateApiKey),
    /// List the keys of the database, newest first
    List {
        /// This tenant's keys alone
        #[arg(long, value_name = "ID")]
        tenant: Option<String>,
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key of the database, for good
    Revoke {
        /// The key: what stands between scm_ and the next underscore
        id: String,
        /// Really do it, without being asked
        #[arg(long)]
        yes: bool,
        /// Say what would be revoked, change nothing
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
    },
    /// Make a key for the configuration file: it is shown once, with the lines for the file
    Generate(GenerateApiKey),
}

/// What a key is to stand for.
#[derive(Args)]
pub(crate) struct KeyAccess {
    /// The account that it acts as
    #[arg(long)]
    pub(crate) account: String,
    /// The tenant it is for; without it the key is the platform's
    #[arg(long, requires = "role")]
    pub(crate) tenant: Option<String>,
    /// viewer, editor or owner
    #[arg(long, requires = "tenant")]
    pub(crate) role: Option<String>,
}

/// A key for the database.
#[derive(Args)]
pub(crate) struct CreateApiKey {
    #[command(flatten)]
    pub(crate) given: KeyAccess,
    /// What people call it
    #[arg(long)]
    pub(crate) name: String,
    /// When it ends: a number and s, m, h, d or w, such as 90d; never if it is not given
    #[arg(long, value_name = "TIME", value_parser = crate::commands::api_keys::life)]
    pub(crate) expires_in: Option<Duration>,
}

/// A key for the configuration file.
#[derive(Args)]
pub(crate) struct GenerateApiKey {
    /// Names the key in the configuration: letters, digits, hyphens
    #[arg(long)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) given: KeyAccess,
}
