//! More deliveries than can be stored: the excess has to be refused quickly, and what was taken must
//! be there.

use std::{collections::HashSet, time::Duration};

use anyhow::{Context as _, bail};
use tokio::time::interval;

use crate::{
    cli::OverloadOptions,
    deliveries::{Plan, Sent, id, percentile, send},
    machine,
    report::thousands,
    subject::Subject,
    target::Target,
};

/// Senders. Each waits for its answer before it sends again, so there must be more of them than
/// answers that can be owed.
const CONNECTIONS: u32 = 1_024;

/// How long the search for the sustainable rate takes.
const SEARCH: u32 = 10;

/// Runs the overload and prints what became of it.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) async fn run(options: &OverloadOptions) -> anyhow::Result<()> {
    let world = &options.world;
    let target = Target::new(world).await?;
    let server = Subject::server(world, &target).await?;
    let plan = Plan {
        address: server.address,
        connections: world.connections,
        seconds: SEARCH,
        rate: None,
        first: 0,
    };
    let sustained = send(plan).await?;
    if sustained.errors > 0 {
        bail!("{} errors: {}", sustained.errors, sustained.example());
    }
    let sustained = sustained.load();
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer deliveries")]
    let sustainable = sustained.requests as f64 / sustained.took.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are small and positive"
    )]
    let rate = options.rate.unwrap_or((sustainable * 2.0) as u32);
    let sending = tokio::spawn(send(Plan {
        connections: CONNECTIONS,
        seconds: options.seconds,
        rate: Some(rate),
        first: 1_000_000_000,
        ..plan
    }));
    let highest = watch_memory(&server, &sending).await?;
    let mut sent = sending.await??;
    let lost = missing(&target, &sent).await?;
    println!(
        "{}: {} a second were sustained by {} senders; then {} a second by {CONNECTIONS} for {} s:\n",
        world.database.backend(),
        thousands(sustainable),
        world.connections,
        thousands(f64::from(rate)),
        options.seconds
    );
    println!("{}", table(&mut sent, lost, highest, &server));
    println!(
        "Not processed yet at the end: {} deliveries",
        pending(&target).await?
    );
    if lost > 0 || sent.errors > 0 {
        bail!("{lost} lost, {} errors: {}", sent.errors, sent.example());
    }
    Ok(())
}

fn table(sent: &mut Sent, lost: usize, highest: f64, server: &Subject) -> String {
    let millis = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1_000.0);
    let rows = [
        ("stored, answered with 2xx", sent.accepted.len().to_string()),
        ("of these not in the database", lost.to_string()),
        ("p50 and p99 of these", {
            let p50 = sent.accepted_after(50);
            format!("{} · {}", millis(p50), millis(sent.accepted_after(99)))
        }),
        ("answered with 503 and Retry-After", sent.shed.to_string()),
        ("p50 and p99 of these", {
            let p50 = percentile(&mut sent.shed_after, 50);
            let p99 = percentile(&mut sent.shed_after, 99);
            format!("{} · {}", millis(p50), millis(p99))
        }),
        ("any other answer, or none", sent.errors.to_string()),
        (
            "resident memory, idle and at its highest",
            format!("{:.1} MiB · {highest:.1} MiB", server.idle),
        ),
    ];
    let rows = rows.map(|(what, figure)| format!("| {what} | {figure} |\n"));
    format!("| | |\n|---|---|\n{}", rows.concat())
}

/// The most resident memory while the senders are at work.
async fn watch_memory<T>(
    server: &Subject,
    sending: &tokio::task::JoinHandle<T>,
) -> anyhow::Result<f64> {
    let mut highest: f64 = 0.0;
    let mut ticks = interval(Duration::from_millis(100));
    let mut emptied = interval(Duration::from_secs(5));
    while !sending.is_finished() {
        tokio::select! {
            _ = ticks.tick() => highest = highest.max(machine::memory_of(server.pid, "VmRSS")?),
            _ = emptied.tick() => server.empty_log()?,
        }
    }
    Ok(highest)
}

/// How many that were accepted are not in the database.
async fn missing(target: &Target, sent: &Sent) -> anyhow::Result<usize> {
    let rows = target
        .db
        .rows("SELECT `deliveryId` AS id FROM scm_webhook_deliveries");
    let mut stored = HashSet::new();
    for row in rows.await? {
        stored.insert(row.try_get::<String>("", "id")?);
    }
    let is_missing = |number: &&u64| !stored.contains(&id(**number));
    Ok(sent.accepted.iter().filter(is_missing).count())
}

/// Deliveries that are stored and not processed.
pub(crate) async fn pending(target: &Target) -> anyhow::Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM scm_webhook_deliveries WHERE `state` = 'pending'";
    let rows = target.db.rows(sql).await?;
    Ok(rows
        .first()
        .context("a count has a row")?
        .try_get("", "n")?)
}
