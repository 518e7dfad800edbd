//! Commits, told alike for all products.
//!
//! - A pull or merge request is read from the text that the host itself writes when it merges
//!   ("Merge pull request #12 from …", "… (#12)", "See merge request group/name!12"). Anybody can
//!   write such a text, so what comes of it is a number on a page of the same repository, no more.

use scm_types::{CommitInfo, CommitSha, HostKind, PullRequestRef, RepoUrl, Timestamp};

use crate::text::label;

/// Longest subject that is kept, in characters.
const MAX_SUBJECT: usize = 1_000;
/// Longest name.
const MAX_NAME: usize = 255;
/// How much of a message is looked at for the number of a merge request, in lines.
const MAX_LINES: usize = 1_000;

/// A commit.
pub(crate) fn info(
    repository: &RepoUrl,
    sha: CommitSha,
    message: &str,
    author: Option<&str>,
    date: Option<Timestamp>,
) -> CommitInfo {
    let message = message.trim_start();
    CommitInfo {
        url: repository.commit_url(&sha),
        sha,
        subject: line(message.lines().next().unwrap_or_default(), MAX_SUBJECT),
        author: line(author.unwrap_or_default(), MAX_NAME),
        date,
        pull_request: number(repository.kind(), message).map(|number| PullRequestRef {
            number,
            url: repository.pull_request_url(number),
        }),
    }
}

/// A text on one line: what would part words stays between them as a space.
pub(crate) fn line(raw: &str, max: usize) -> String {
    let spaced = |c: char| {
        if c.is_whitespace() || c.is_control() {
            ' '
        } else {
            c
        }
    };
    let text: String = raw.chars().map(spaced).collect();
    label(text.trim_end(), max)
}

/// The number of the pull or merge request in a host's merge text.
fn number(kind: HostKind, message: &str) -> Option<u64> {
    let subject = message.lines().next()?.trim_end();
    match kind {
        HostKind::Github => subject
            .strip_prefix("Merge pull request #")
            .and_then(|rest| digits(rest, " from "))
            .or_else(|| digits(subject.strip_suffix(')')?.rsplit_once(" (#")?.1, "")),
        HostKind::Gitlab => {
            let mut lines = message.lines().skip(1).take(MAX_LINES);
            lines.find_map(|line| {
                let (_, number) = line.strip_prefix("See merge request ")?.rsplit_once('!')?;
                digits(number, "")
            })
        }
        HostKind::Bitbucket => {
            let (_, number) = subject.strip_suffix(')')?.rsplit_once("(pull request #")?;
            digits(number, "")
        }
        HostKind::BitbucketDataCenter => subject
            .strip_prefix("Merge pull request #")
            .and_then(|rest| digits(rest, " in "))
            .or_else(|| digits(subject.strip_prefix("Pull request #")?, ": ")),
    }
}

/// The number at the beginning of a text, if `after` follows it; with an empty `after`, if nothing
/// does.
fn digits(text: &str, after: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let fits = if after.is_empty() {
        rest.trim_end().is_empty()
    } else {
        rest.starts_with(after)
    };
    fits.then(|| number.parse().ok())
        .flatten()
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_on_one_line_and_apart() {
        assert_eq!(
            line("tab\ttab first\rsecond\u{2028}x ", 99),
            "tab tab first second x"
        );
        assert_eq!(line("abc", 2), "ab");
    }

    #[test]
    fn numbers_in_merge_texts() {
        #[track_caller]
        fn check(kind: HostKind, message: &str, want: Option<u64>) {
            assert_eq!(number(kind, message), want, "{message:?}");
        }
        use HostKind::{Bitbucket, BitbucketDataCenter, Github, Gitlab};
        check(Github, "Merge pull request #12 from a/b\n\nTitle", Some(12));
        check(Github, "Fix login (#7)", Some(7));
        check(Github, "Fix login (#7) again", None);
        check(Github, "Fix login (#7", None);
        check(Github, "Fix #7", None);
        check(Github, "Fix (#0)", None);
        check(Github, "x (#99999999999999999999999)", None);
        check(Github, "", None);
        let merged = "Merge branch 'a' into 'main'\n\nTitle\n\nSee merge request g/s/n!34";
        check(Gitlab, merged, Some(34));
        check(Gitlab, "Fix\n\nSee merge request !5", Some(5));
        check(Gitlab, "See merge request g!1", None);
        check(Gitlab, "Fix\n\nSee merge request g!1 and more", None);
        check(Bitbucket, "Merged in x (pull request #3)\n\nTitle", Some(3));
        check(Bitbucket, "Fix (#3)", None);
        let merged = "Merge pull request #8 in KEY/app from x to main";
        check(BitbucketDataCenter, merged, Some(8));
        check(BitbucketDataCenter, "Pull request #9: Fix", Some(9));
        check(BitbucketDataCenter, "Pull request #: Fix", None);
    }
}
