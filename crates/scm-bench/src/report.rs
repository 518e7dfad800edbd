//! What was measured, as Markdown.

use std::{fmt::Write as _, time::Duration};

use anyhow::bail;

use crate::{cli::Operation, subject::Subject};

/// What a load tool saw in one turn.
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) errors: u64,
    /// What the errors were, if there are any.
    pub(crate) example: String,
}

/// One turn of one server.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    rate: f64,
    p50: f64,
    p99: f64,
    /// CPU seconds for a thousand requests: of the server, of the database's processes, of the tool.
    server: f64,
    database: f64,
    tool: f64,
}

/// CPU seconds that were used during a turn.
pub(crate) struct Cpu {
    pub(crate) server: f64,
    pub(crate) database: f64,
    pub(crate) tool: f64,
}

impl Turn {
    /// Fails if there was any error, or nothing at all.
    pub(crate) fn new(load: &Load, cpu: &Cpu) -> anyhow::Result<Self> {
        if load.errors > 0 || load.requests == 0 {
            bail!(
                "{} errors in {} requests: {}",
                load.errors,
                load.requests,
                load.example
            );
        }
        #[expect(clippy::cast_precision_loss, reason = "a turn has far fewer requests")]
        let requests = load.requests as f64;
        let a_thousand = |seconds: f64| seconds / requests * 1_000.0;
        Ok(Self {
            rate: requests / load.took.as_secs_f64(),
            p50: load.p50.as_secs_f64() * 1_000.0,
            p99: load.p99.as_secs_f64() * 1_000.0,
            server: a_thousand(cpu.server),
            database: a_thousand(cpu.database),
            tool: a_thousand(cpu.tool),
        })
    }
}

/// The turns of both servers at one operation.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) ours: Vec<Turn>,
    pub(crate) bare: Vec<Turn>,
}

fn median(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> f64 {
    let mut values: Vec<f64> = turns.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The table of the operations.
pub(crate) fn operations(rows: &[Row]) -> String {
    let mut table = "| operation | req/s: server · bare | ratio | p50 ms | p99 ms | p99 ratio | \
                     server CPU s per 1,000 | ratio | database CPU s per 1,000 | load tool |\n\
                     |---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let both = |of: fn(&Turn) -> f64| (median(&row.ours, of), median(&row.bare, of));
        let (rate, p50, p99) = (
            both(|turn| turn.rate),
            both(|turn| turn.p50),
            both(|turn| turn.p99),
        );
        let (server, database, tool) = (
            both(|turn| turn.server),
            both(|turn| turn.database),
            both(|turn| turn.tool),
        );
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} · {} | **{:.2}** | {:.1} · {:.1} | {:.1} · {:.1} | {:.2} | {:.3} · {:.3} | \
             {:.2} | {:.3} · {:.3} | {:.3} · {:.3} |",
            row.operation.name(),
            thousands(rate.0),
            thousands(rate.1),
            rate.0 / rate.1,
            p50.0,
            p50.1,
            p99.0,
            p99.1,
            p99.0 / p99.1,
            server.0,
            server.1,
            server.0 / server.1,
            database.0,
            database.1,
            tool.0,
            tool.1,
        );
    }
    table
}

/// The table of start and memory.
pub(crate) fn processes(ours: (&Subject, f64), bare: (&Subject, f64)) -> String {
    let started = |subject: &Subject| subject.started_in.as_millis();
    format!(
        "| | server | bare |\n|---|---|---|\n\
         | start to first 200, existing database | {} ms | {} ms |\n\
         | resident memory, idle | {:.1} MiB | {:.1} MiB |\n\
         | resident memory, at its highest | {:.1} MiB | {:.1} MiB |\n",
        started(ours.0),
        started(bare.0),
        ours.0.idle,
        bare.0.idle,
        ours.1,
        bare.1,
    )
}

/// `12,345`
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_with_an_error_is_none() {
        let load = |requests, errors| Load {
            requests,
            took: Duration::from_secs(2),
            p50: Duration::from_millis(1),
            p99: Duration::from_millis(3),
            errors,
            example: "answered with 500".to_owned(),
        };
        let cpu = Cpu {
            server: 1.0,
            database: 0.5,
            tool: 0.1,
        };
        let turn = Turn::new(&load(4_000, 0), &cpu).unwrap();
        assert!((turn.rate - 2_000.0).abs() < 1e-9 && (turn.server - 0.25).abs() < 1e-9);
        let error = Turn::new(&load(4_000, 1), &cpu).err().unwrap().to_string();
        assert_eq!(error, "1 errors in 4000 requests: answered with 500");
        assert!(Turn::new(&load(0, 0), &cpu).is_err());
    }

    #[test]
    fn digits_in_threes() {
        for (value, want) in [
            (0.4, "0"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(thousands(value), want);
        }
    }
}
