//! Asking before something is lost.

use std::io::{BufRead, IsTerminal as _, stderr, stdin};

use anyhow::bail;

/// Goes on if `--yes` was given, or if somebody at a terminal types `yes`. `what` says what would be
/// done, as a sentence without its full stop.
///
/// Fails if nobody can be asked: a script has to say it.
pub(crate) fn confirm(yes: bool, what: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        bail!("{what}. Say --yes to do it");
    }
    ask(what);
    if says_yes(&mut stdin().lock())? {
        Ok(())
    } else {
        bail!("nothing was changed")
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the question is no output of the command"
)]
fn ask(what: &str) {
    eprint!("{what}.\nType yes to do it: ");
}

/// The whole word: a key that was hit by chance is no answer.
fn says_yes(answers: &mut impl BufRead) -> std::io::Result<bool> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    Ok(line.trim() == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_is_a_yes() {
        for (typed, want) in [
            ("yes\n", true),
            (" yes \r\n", true),
            ("y\n", false),
            ("YES\n", false),
            ("no\nyes\n", false),
            ("\n", false),
            ("", false),
        ] {
            assert_eq!(says_yes(&mut typed.as_bytes()).unwrap(), want, "{typed:?}");
        }
    }
}
