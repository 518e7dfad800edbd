//! What was done: a line for each row, and in the end how many of each.

use std::{collections::BTreeMap, process::ExitCode};

use scm_service::FieldError;
use serde_json::json;

use super::SOME_LEFT;
use crate::commands::transfer::Progress;

/// What became of a row, in the words of either output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Result {
    TakenOver,
    Sealed,
    There,
    Unreadable,
    Added,
    Updated,
    Nothing,
    Left,
}

impl Result {
    fn word(self) -> &'static str {
        match self {
            Self::TakenOver => "taken_over",
            Self::Sealed => "sealed",
            Self::There => "already_there",
            Self::Unreadable => "unreadable",
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Nothing => "nothing_to_do",
            Self::Left => "not_written",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::TakenOver => "taken over",
            Self::Sealed => "sealed",
            Self::There => "already there",
            Self::Unreadable => "could not be read",
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Nothing => "deleted here, and not there",
            Self::Left => "could not be written",
        }
    }

    fn is_left(self) -> bool {
        matches!(self, Self::Unreadable | Self::Left)
    }
}

/// A row, and what became of it.
pub(super) struct Line<'a> {
    pub(super) id: &'a str,
    pub(super) tenant: Option<&'a str>,
    pub(super) result: Result,
    /// Columns, and what is wrong with them.
    pub(super) faults: &'a [FieldError],
    /// Columns that hold something which has no place on the other side.
    pub(super) left: &'a [&'static str],
}

/// Prints lines as rows are done. It holds numbers alone.
pub(super) struct Report {
    json: bool,
    dry_run: bool,
    progress: Progress,
    counts: BTreeMap<Result, u64>,
}

impl Report {
    pub(super) fn new(json: bool, dry_run: bool, progress: Progress) -> Self {
        Self {
            json,
            dry_run,
            progress,
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn row(&mut self, line: &Line<'_>) {
        *self.counts.entry(line.result).or_default() += 1;
        let text = if self.json {
            let faults = line.faults.iter();
            let faults = faults.map(|it| json!({"column": it.field, "problem": it.message}));
            json!({
                "id": line.id,
                "tenantId": line.tenant,
                "result": line.result.word(),
                "faults": faults.collect::<Vec<_>>(),
                "notTaken": line.left,
            })
            .to_string()
        } else {
            text(line)
        };
        self.progress.one();
        self.progress.beside(|| print(&text));
    }

    /// The numbers, and the exit status that they come to.
    pub(super) fn end(self) -> ExitCode {
        let Self {
            json,
            dry_run,
            progress,
            counts,
        } = self;
        drop(progress);
        let left: u64 = counts
            .iter()
            .filter(|it| it.0.is_left())
            .map(|it| *it.1)
            .sum();
        let total: u64 = counts.values().sum();
        if json {
            let by_word = counts
                .iter()
                .map(|(it, rows)| (it.word().to_owned(), (*rows).into()));
            let results: serde_json::Map<_, _> = by_word.collect();
            print(&json!({"rows": total, "dryRun": dry_run, "results": results}).to_string());
        } else {
            let each = counts
                .iter()
                .map(|(it, rows)| format!("{rows} {}", it.text()));
            let each: Vec<_> = each.collect();
            let each = if each.is_empty() {
                "nothing to do".to_owned()
            } else {
                each.join(", ")
            };
            let dry = if dry_run { "; nothing was changed" } else { "" };
            print(&format!("{total} rows: {each}{dry}"));
        }
        if left > 0 {
            SOME_LEFT.into()
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Ids come from a table that anybody may have written: what they hold must not reach a terminal as it is.
fn text(line: &Line<'_>) -> String {
    let head = format!("{}: {}", line.id.escape_debug(), line.result.text());
    let faults = line.faults.iter();
    let faults = faults.map(|fault| format!("{} {}", fault.field, fault.message));
    let left = (!line.left.is_empty()).then(|| format!("without {}", line.left.join(", ")));
    let parts: Vec<_> = std::iter::once(head).chain(faults).chain(left).collect();
    parts.join("; ")
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
fn print(line: &str) {
    println!("{line}");
}
