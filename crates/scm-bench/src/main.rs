//! The load rig: the release server and a bare Actix and sqlx program under the same load, in turns.
//!
//! - What is compared runs on databases of the same kind, with the same schema and the same rows, by
//!   turns, so that a noisy machine is noisy for both.
//! - The bare program does what an operation cannot do without: the SQL and the JSON. It knows no
//!   callers, checks nothing, logs nothing and counts nothing.
//! - Any error of either server ends the run: it is printed, and no figures are.
//! - What the rig starts ends with it, also when it is interrupted.

mod bare;
mod cli;
mod database;
mod deliveries;
mod fill;
mod machine;
mod overload;
mod report;
mod run;
mod subject;
mod target;
mod wrk;

use anyhow::bail;
use clap::Parser as _;

use crate::cli::{Cli, Command};

/// As in the server, so that neither has the better one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let command = match Cli::parse().command {
        // It has a runtime for each worker.
        Command::Bare(options) => return bare::serve(&options),
        command => command,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = rig(command) => done,
            () = interrupted() => bail!("interrupted; no figures"),
        }
    });
    // Senders that are still at it have nobody to send to.
    runtime.shutdown_background();
    done
}

async fn rig(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(options) => run::run(&options).await,
        Command::Overload(options) => overload::run(&options).await,
        Command::Bare(_) => Ok(()),
    }
}

/// Ctrl-C, or the signal that a supervisor sends.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
