//! `keys rewrap`: seals every value with the current key.

use std::{io::IsTerminal as _, num::NonZeroU64, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use scm_store::{Cipher, RewrapOptions, RewrapStep, Rewrapped, rewrap};

use crate::{config::Config, fault};

/// Exit status 1 if a value does not open, or is under another key at the end.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn run(
    config: &Config,
    batch: NonZeroU64,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let db = super::open(config).await?;
    let cipher = if dry_run {
        Arc::new(Cipher::new(config.key_source()?.read()?))
    } else {
        super::settled(config, &db).await?
    };
    let options = RewrapOptions { batch, dry_run };
    let mut before = 0;
    let done = loop {
        let progress = Progress::new();
        let mut watch = |step: RewrapStep<'_>| match step {
            RewrapStep::Batch => fault::reached("rewrap:before-batch"),
            RewrapStep::Sealed => fault::reached("rewrap:sealed"),
            RewrapStep::Written => fault::reached("rewrap:written"),
            // The second look would name them again.
            RewrapStep::Unreadable { .. } if before > 0 => {}
            RewrapStep::Unreadable { id, column } => progress.beside(|| {
                println!("unreadable: row {}, column {column}", id.escape_debug());
            }),
            RewrapStep::Done(done) => progress.at(done),
        };
        let result = rewrap(&db, &cipher, &options, &mut watch).await;
        progress.end();
        let done = result.context("stopped; what was sealed stays, run it again to go on")?;
        if dry_run || done.resealed == 0 {
            break Rewrapped {
                resealed: before + done.resealed,
                ..done
            };
        }
        before += done.resealed;
        // A server seals with the key before until it looks the next time.
        let wait = config.keys_check() * 2;
        tracing::info!(
            seconds = wait.as_secs(),
            "looking once more, when every server has taken the current key"
        );
        tokio::time::sleep(wait).await;
    };

    let current = cipher.ring().current_id().clone();
    let Rewrapped { resealed, rows, .. } = done;
    let verb = if dry_run {
        "would be sealed"
    } else {
        "were sealed"
    };
    println!("{resealed} values {verb} with the key {current}; {rows} rows were looked at");
    if done.unreadable > 0 {
        println!(
            "{} values do not open and stay as they are; the log says why",
            done.unreadable
        );
    }
    if done.left > 0 {
        println!(
            "{} values were sealed with another key meanwhile; when every server has the current \
             key, run it again",
            done.left
        );
    }
    Ok(if done.unreadable + done.left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A bar for people; numbers in the log where nobody looks.
struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} rows, {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar }
    }

    fn at(&self, done: &Rewrapped) {
        let Rewrapped {
            total,
            rows,
            resealed,
            unreadable,
            ..
        } = *done;
        let Some(bar) = &self.bar else {
            tracing::info!(rows, total, resealed, unreadable, "sealing anew");
            return;
        };
        bar.set_length(total);
        bar.set_position(rows);
        bar.set_message(format!("{resealed} sealed, {unreadable} unreadable"));
    }

    /// Prints without tearing the bar.
    fn beside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
