//! The database: whether it answers, what it is, and whether its schema is this program's.

use std::time::Duration;

use scm_migrations::Status as Schema;
use scm_store::{DatabaseConnection, DatabaseFacts};
use scm_types::{Clock as _, SystemClock};
use tokio::time::Instant;

use super::{encoding, keys, report::Check, within};
use crate::{config::Config, database};

/// How long the database may take to say good-bye.
const CLOSING: Duration = Duration::from_secs(1);

/// An answer that took longer is worth a word.
const SLOW: Duration = Duration::from_millis(500);

/// A clock that is further off than this is worth a word, in milliseconds.
const CLOCK_WARN: i64 = 5_000;

/// A clock that is further off than this makes no sense of what is stored, in milliseconds.
const CLOCK_FAIL: i64 = 300_000;

/// A delivery of 25 MiB, sealed, with some room for the statement around it.
const PACKET: u64 = 38 << 20;

/// Everything about the database, and the keys that its values are sealed with.
pub(super) async fn look(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let db = open(config, &mut checks).await;
    let mut current = false;
    if let Some(db) = &db {
        facts(config, db, &mut checks).await;
        current = schema(config, db, &mut checks).await;
    }
    let sealed = db.as_ref().filter(|_| current);
    checks.extend(keys::look(config, sealed).await);
    if let Some(db) = db {
        // A frozen server is not waited for.
        let _ = tokio::time::timeout(CLOSING, db.close()).await;
    }
    checks
}

/// Opens the database to look.
async fn open(config: &Config, checks: &mut Vec<Check>) -> Option<DatabaseConnection> {
    let name = "database";
    let label = match config.database_label() {
        Ok(label) => label,
        Err(error) => {
            checks.push(Check::fail(name, error.to_string(), "mend the setting"));
            return None;
        }
    };
    if let Ok(Some(file)) = config.database_file()
        && !file.exists()
    {
        checks.push(Check::warn(
            name,
            format!("there is no database at {} yet", file.display()),
            "the first start makes it; if there should be one, look at data_dir and database.url",
        ));
        return None;
    }
    let begun = Instant::now();
    let opened = within(async {
        let db = database::connect_to_look(config).await?;
        scm_store::ping(&db).await?;
        anyhow::Ok(db)
    });
    match opened.await {
        Ok(db) => {
            let opening = begun.elapsed();
            let begun = Instant::now();
            let asked = scm_store::ping(&db).await;
            let took = begun.elapsed();
            checks.push(match asked {
                Ok(()) => answered(&label, opening, took),
                Err(error) => Check::fail(name, format!("{label}: {error}"), "try again"),
            });
            Some(db)
        }
        Err(error) => {
            let fix = if config.database_file().is_ok_and(|file| file.is_some()) {
                "look at the file, its directory and their owner, and at database.url"
            } else {
                "look whether the server runs, and at host, port, user, password and TLS in \
                 database.url; from here it must be reachable"
            };
            checks.push(Check::fail(name, format!("{label}: {error}"), fix));
            None
        }
    }
}

fn answered(label: &str, opening: Duration, took: Duration) -> Check {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let said = format!("{label} answers in {} ms", millis(took));
    let check = if took > SLOW {
        Check::warn(
            "database",
            said,
            "every request asks several times: bring the server nearer, or look at its load",
        )
    } else {
        Check::ok("database", said)
    };
    check
        .detail("latencyMs", millis(took))
        .detail("connectMs", millis(opening))
}

/// What the database says of itself.
async fn facts(config: &Config, db: &DatabaseConnection, checks: &mut Vec<Check>) {
    let before = SystemClock.now().as_millis();
    let facts = match within(scm_store::database_facts(db)).await {
        Ok(facts) => facts,
        Err(error) => {
            checks.push(Check::fail("database_settings", error, "try again"));
            return;
        }
    };
    let after = SystemClock.now().as_millis();
    checks.push(settings(config, &facts));
    checks.push(encoding::look(&facts));
    // An embedded database has our own.
    if let Some(zone) = &facts.time_zone {
        // Asked somewhere in between.
        let apart = facts.now_millis - facts.now_millis.clamp(before, after);
        checks.push(clock(apart, zone));
    }
}

/// Settings of the server that the service depends on.
fn settings(config: &Config, facts: &DatabaseFacts) -> Check {
    let name = "database_settings";
    let DatabaseFacts {
        product,
        journal_mode,
        max_connections,
        max_packet,
        ..
    } = facts;
    let wanted = u64::from(config.database.max_connections);
    let check = match (journal_mode, max_connections, max_packet) {
        (Some(mode), ..) if mode != "wal" => Check::warn(
            name,
            format!("{product} with journal mode {mode}"),
            "the server sets it to wal when it starts; on a network share that cannot work: use a \
             local disk",
        ),
        (_, Some(most), _) if *most < wanted => Check::fail(
            name,
            format!("{product} takes {most} connections, and one server here wants {wanted}"),
            "set database.max_connections lower, or the server's max_connections higher",
        ),
        (_, Some(most), _) if *most < wanted.saturating_mul(2) => Check::warn(
            name,
            format!("{product} takes {most} connections: not enough for two servers with {wanted}"),
            "set database.max_connections lower, or the server's max_connections higher",
        ),
        (_, _, Some(packet)) if *packet < PACKET => Check::warn(
            name,
            format!(
                "{product} takes statements of {} MiB: larger deliveries are refused",
                packet >> 20
            ),
            "set the server's max_allowed_packet to 64M",
        ),
        _ => Check::ok(name, product.clone()),
    };
    check
        .detail("product", product.clone())
        .detail("journalMode", journal_mode.clone())
        .detail("maxConnections", *max_connections)
        .detail("maxPacketBytes", *max_packet)
}

fn clock(apart: i64, zone: &str) -> Check {
    let name = "database_clock";
    let fix = "set both machines' clocks, and keep them with NTP";
    let side = if apart > 0 { "ahead of" } else { "behind" };
    let seconds = apart.abs() / 1_000;
    let said = format!("the database's clock is {seconds} s {side} ours");
    let check = match apart.abs() {
        ..CLOCK_WARN => Check::ok(
            name,
            format!("the database's clock is ours, within seconds; its time zone is {zone}"),
        ),
        CLOCK_WARN..CLOCK_FAIL => Check::warn(name, said, fix),
        _ => Check::fail(name, said, fix),
    };
    check.detail("aheadMs", apart).detail("timeZone", zone)
}

/// Whether the schema is this program's; true if it is.
async fn schema(config: &Config, db: &DatabaseConnection, checks: &mut Vec<Check>) -> bool {
    let name = "schema";
    let status = match within(scm_migrations::status(db)).await {
        Ok(status) => status,
        Err(error) => {
            checks.push(Check::fail(name, error, "give the user the right to read"));
            return false;
        }
    };
    let (theirs, ours) = revisions(&status);
    let said = match &theirs {
        Some(theirs) => format!("the database is at {theirs}, this program at {ours}"),
        None => format!("the database has no schema yet, this program is at {ours}"),
    };
    let mut check = if status.unfinished_import().is_some() {
        Check::fail(
            name,
            "an import into this database was begun and is not finished",
            "run it again: scm-server import FILE",
        )
    } else if !status.unknown.is_empty() {
        Check::fail(
            name,
            said,
            "start a newer program, or put a copy back that fits this one",
        )
    } else if status.pending().next().is_some() {
        let by_itself =
            config.database.migrate_on_start || config.is_sqlite().is_ok_and(|is_sqlite| is_sqlite);
        if by_itself {
            Check::warn(
                name,
                said,
                "the next start brings it up to date; make a copy first",
            )
        } else {
            Check::fail(name, said, "make a copy, then: scm-server migrate up")
        }
    } else {
        match within(scm_migrations::missing_tables(db)).await {
            Ok(missing) if missing.is_empty() => Check::ok(name, format!("it is at {ours}")),
            Ok(missing) => Check::fail(
                name,
                format!("tables are missing: {}", missing.join(", ")),
                "put a copy back: somebody has removed them",
            ),
            Err(error) => Check::fail(name, error, "give the user the right to read"),
        }
    };
    let current = check.status == super::report::Status::Ok;
    check = check
        .detail("database", theirs)
        .detail("program", ours)
        .detail("pending", status.pending().count())
        .detail("unknown", status.unknown.clone());
    checks.push(check);
    current
}

/// The newest step of the database and that of this program.
fn revisions(status: &Schema) -> (Option<String>, String) {
    let newest = status.steps.iter().rev().find(|step| step.applied);
    let theirs = status.unknown.last().or(newest.map(|step| &step.name));
    let ours = status.steps.last().map(|step| step.name.clone());
    (theirs.cloned(), ours.unwrap_or_default())
}
