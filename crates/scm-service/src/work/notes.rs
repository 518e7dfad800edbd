//! Release notes: Markdown that is safe whoever wrote the commits.
//!
//! - Commit texts and names are data. Each stands in a code span, where no host looks for mentions,
//!   links, HTML, emoji or references; the fence is longer than any run of backticks inside, and no
//!   line break gets in. Everything else is written here, and every link leads to the repository.
//! - The same commits give the same text, so that a repeated request finds its own release.
//! - The text fits the smallest limit of the hosts (GitHub: 125,000 characters); what does not fit
//!   is counted, never dropped in silence.

use std::fmt::Write as _;

use scm_types::{CommitInfo, Comparison, TagName};

/// The longest text, in bytes; with [`FOOTER`] it can be given as notes itself.
const MAX_NOTES: usize = 120_000;
/// Room for what stands below the commits: a line, and an address of at most 2 kB.
const FOOTER: usize = 3_000;
/// The longest subject that is shown, in characters.
const MAX_SUBJECT: usize = 300;
/// The longest name that is shown.
const MAX_NAME: usize = 80;

/// The day of a release, as it is shown in notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseDate {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day such as 2026-11-23, or a time that begins with one")]
pub struct InvalidReleaseDate;

impl std::str::FromStr for ReleaseDate {
    type Err = InvalidReleaseDate;

    /// Takes a day, or an RFC 3339 time of which the day as it is written counts.
    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (day, time) = raw.split_at_checked(10).ok_or(InvalidReleaseDate)?;
        // What stands behind a day must be the rest of a time.
        let whole = if time.is_empty() {
            format!("{day}T00:00:00Z")
        } else {
            raw.to_owned()
        };
        scm_types::Timestamp::parse(&whole).map_err(|_| InvalidReleaseDate)?;
        let mut parts = day.split('-');
        let mut part = || parts.next().ok_or(InvalidReleaseDate);
        Ok(Self {
            year: part()?.parse().map_err(|_| InvalidReleaseDate)?,
            month: part()?.parse().map_err(|_| InvalidReleaseDate)?,
            day: part()?.parse().map_err(|_| InvalidReleaseDate)?,
        })
    }
}

impl std::fmt::Display for ReleaseDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What notes are written of.
pub(super) struct Facts<'a> {
    pub(super) current: &'a TagName,
    pub(super) previous: Option<&'a TagName>,
    pub(super) comparison: &'a Comparison,
    pub(super) date: Option<ReleaseDate>,
    /// The host's page of all changes; `None` for a first release.
    pub(super) compare_url: Option<&'a str>,
}

/// The notes; true if they do not list all commits.
pub(super) fn render(facts: &Facts<'_>) -> (String, bool) {
    let mut notes = String::new();
    let (current, comparison) = (code(facts.current.as_str()), facts.comparison);
    // Writing to a string does not fail, here and below.
    if let Some(date) = facts.date {
        let _ = write!(notes, "Released on {date}\n\n");
    }
    let _ = match facts.previous {
        Some(previous) => {
            let previous = code(previous.as_str());
            write!(notes, "## Changes from {previous} to {current}\n\n")
        }
        None => write!(notes, "## Changes in {current}\n\n"),
    };
    if comparison.commits.is_empty() {
        notes.push_str("No changes.\n");
    }
    let mut listed = 0;
    for commit in &comparison.commits {
        let line = line(commit);
        if notes.len() + line.len() + FOOTER > MAX_NOTES {
            break;
        }
        notes.push_str(&line);
        listed += 1;
    }
    let listed_all = listed == comparison.commits.len() && !comparison.truncated;
    if !listed_all {
        let count = comparison.count;
        let at_least = if comparison.exact { "" } else { "at least " };
        let _ = write!(
            notes,
            "\nThe newest {listed} of {at_least}{count} commits are listed.\n"
        );
    }
    if let Some(url) = facts.compare_url {
        let _ = write!(notes, "\n**Full changelog:** <{url}>\n");
    }
    (notes, !listed_all)
}

/// One commit.
fn line(commit: &CommitInfo) -> String {
    let mut line = format!("- {}", code(&shortened(&commit.subject, MAX_SUBJECT)));
    if !commit.author.trim().is_empty() {
        let _ = write!(line, " by {}", code(&shortened(&commit.author, MAX_NAME)));
    }
    let sha = commit.sha.as_str();
    let _ = write!(line, " ([{}]({})", &sha[..sha.len().min(8)], commit.url);
    if let Some(request) = &commit.pull_request {
        let _ = write!(line, ", [#{}]({})", request.number, request.url);
    }
    line.push_str(")\n");
    line
}

fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

/// A text in a code span (`CommonMark` 0.31 section 6.1): nothing in it means anything.
fn code(text: &str) -> String {
    // Whatever some Markdown reader may take for the end of a line.
    let line_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    // What would turn the direction of all that follows, our own words among it.
    let turns = |c: &char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text: String = text
        .chars()
        .filter(|c| !turns(c))
        .map(|c| if line_break(c) { ' ' } else { c })
        .collect();
    let text = text.trim();
    if text.is_empty() {
        return "(no text)".to_owned();
    }
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // A backtick at an end would join the fence; a pair of spaces there is taken off again.
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests;
