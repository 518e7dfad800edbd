//! Both servers by turns, operation by operation.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::{
    cli::{Kind, Operation, RunOptions, World},
    deliveries::{Plan, send},
    machine,
    overload::pending,
    report::{self, Cpu, Load, Row, Turn},
    subject::Subject,
    target::Target,
    wrk,
};

/// Numbers that one turn may use.
const BLOCK: u64 = 10_000_000;

/// Runs everything and prints the tables.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) async fn run(options: &RunOptions) -> anyhow::Result<()> {
    wrk::is_there()?;
    let world = &options.world;
    let (ours, bare) = (Target::new(world).await?, Target::new(world).await?);
    let (ours, bare) = (
        Side {
            subject: Subject::server(world, &ours).await?,
            target: ours,
        },
        Side {
            subject: Subject::bare(&bare).await?,
            target: bare,
        },
    );
    let mut turns = 0_u64;
    let mut rows = Vec::new();
    for operation in &options.operations {
        let mut row = Row {
            operation: *operation,
            ours: Vec::new(),
            bare: Vec::new(),
        };
        for round in 0..=options.rounds {
            // The first round warms caches and pools, and does not count.
            let seconds = if round == 0 { 1 } else { options.seconds };
            turns += 1;
            let first = turns * BLOCK;
            let one = ours.turn(world, *operation, seconds, first).await;
            let one = one.with_context(|| format!("the server, {}", operation.name()))?;
            let other = bare.turn(world, *operation, seconds, first).await;
            let other = other.with_context(|| format!("the bare program, {}", operation.name()))?;
            if round > 0 {
                row.ours.push(one);
                row.bare.push(other);
            }
        }
        rows.push(row);
    }
    println!(
        "{}, {} tenants with {} integrations each, {} connections, medians of {} turns of {} s:\n",
        world.database.backend(),
        world.tenants,
        world.rows,
        world.connections,
        options.rounds,
        options.seconds
    );
    println!("{}", report::operations(&rows));
    let highest = |side: &Side| machine::memory_of(side.subject.pid, "VmHWM");
    println!(
        "{}",
        report::processes(
            (&ours.subject, highest(&ours)?),
            (&bare.subject, highest(&bare)?)
        )
    );
    if options.operations.contains(&Operation::Deliveries) {
        println!(
            "Not processed yet at the end: {} deliveries",
            pending(&ours.target).await?
        );
    }
    Ok(())
}

/// A server and its database. The server is dropped first.
struct Side {
    subject: Subject,
    target: Target,
}

impl Side {
    async fn turn(
        &self,
        world: &World,
        operation: Operation,
        seconds: u32,
        first: u64,
    ) -> anyhow::Result<Turn> {
        let before = self.cpu(world)?;
        let (load, tool) = self.drive(world, operation, seconds, first).await?;
        let after = self.cpu(world)?;
        self.subject.empty_log()?;
        let cpu = Cpu {
            server: after.0 - before.0,
            database: after.1 - before.1,
            tool,
        };
        Turn::new(&load, &cpu)
    }

    /// Also gives the CPU seconds of the load tool.
    async fn drive(
        &self,
        world: &World,
        operation: Operation,
        seconds: u32,
        first: u64,
    ) -> anyhow::Result<(Load, f64)> {
        if operation != Operation::Deliveries {
            let requests: PathBuf = wrk::requests(self.target.directory.path(), world, operation)?;
            let before = machine::cpu_of_children()?;
            let load = wrk::drive(&self.subject, world, &requests, seconds, first).await?;
            return Ok((load, machine::cpu_of_children()? - before));
        }
        let before = machine::cpu_of(std::process::id())?;
        let sent = send(Plan {
            address: self.subject.address,
            connections: world.connections,
            seconds,
            rate: None,
            first,
        });
        let load = sent.await?.load();
        Ok((load, machine::cpu_of(std::process::id())? - before))
    }

    /// CPU seconds of the server, and of the database's own processes.
    fn cpu(&self, world: &World) -> anyhow::Result<(f64, f64)> {
        let database = match world.database {
            Kind::Sqlite => 0.0,
            Kind::Mysql => machine::cpu_of_all(&["mariadbd", "mysqld"])?,
            Kind::Postgres => machine::cpu_of_all(&["postgres"])?,
        };
        Ok((machine::cpu_of(self.subject.pid)?, database))
    }
}
