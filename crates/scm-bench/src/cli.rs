//! What the rig can be told.

use std::{net::SocketAddr, path::PathBuf};

use crate::database::Backend;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures the release server beside a bare program.
#[derive(Parser)]
#[command(name = "scm-bench")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Drives both servers by turns and prints a Markdown table.
    Run(RunOptions),
    /// Sends more deliveries than the server can store, and looks whether any was lost.
    Overload(OverloadOptions),
    /// The bare program; `run` starts it.
    #[command(hide = true)]
    Bare(BareOptions),
}

/// The database servers are named by `SCM_TEST_MYSQL_URL` and `SCM_TEST_POSTGRES_URL`, as for the
/// tests; each run has databases of its own there and drops them.
#[derive(Args, Clone)]
pub(crate) struct World {
    /// Where the data is.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) database: Kind,
    /// How many tenants.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) tenants: u32,
    /// How many integrations each has.
    #[arg(long, default_value_t = 20)]
    pub(crate) rows: u32,
    /// Connections that are kept busy.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: u32,
    /// The server's binary; that beside this one if it is not given.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) world: World,
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Operation::ALL)]
    pub(crate) operations: Vec<Operation>,
    /// How long each server is driven in a round, in seconds.
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u32,
    /// How often each server has its turn; the table has the medians.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: u32,
}

#[derive(Args)]
pub(crate) struct OverloadOptions {
    #[command(flatten)]
    pub(crate) world: World,
    /// How long, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u32,
    /// Deliveries a second; twice what a short run finds sustainable if it is not given.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
}

#[derive(Args)]
pub(crate) struct BareOptions {
    /// The database, with the server's schema.
    #[arg(long)]
    pub(crate) database_url: String,
    /// Where to listen.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Mysql,
    Postgres,
}

impl Kind {
    pub(crate) fn backend(self) -> Backend {
        match self {
            Self::Sqlite => Backend::Sqlite,
            Self::Mysql => Backend::Mysql,
            Self::Postgres => Backend::Postgres,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// `GET /{id}`
    Get,
    /// `GET /`: all integrations of a tenant.
    List,
    /// `GET /`: every fourth of them.
    Filtered,
    /// `PATCH /{id}`: another name.
    Patch,
    /// `POST /`
    Create,
    /// `POST /webhooks/{id}`: signed pushes of 8 KiB.
    Deliveries,
}

impl Operation {
    const ALL: [Self; 6] = [
        Self::Get,
        Self::List,
        Self::Filtered,
        Self::Patch,
        Self::Create,
        Self::Deliveries,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get by id",
            Self::List => "list of a tenant",
            Self::Filtered => "list, filtered",
            Self::Patch => "patch",
            Self::Create => "create",
            Self::Deliveries => "deliveries of 8 KiB",
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(
            value
                .as_ref()
                .map_or("", clap::builder::PossibleValue::get_name),
        )
    }
}
