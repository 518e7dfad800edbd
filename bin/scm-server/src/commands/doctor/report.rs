//! What was found: for people, and for machines in a shape that stays.

use std::{fmt::Write as _, process::ExitCode};

use serde::Serialize;
use serde_json::{Map, Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    Warn,
    Fail,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    /// What was looked at; the same word in every version.
    name: &'static str,
    /// Which one, where there are several of the kind: a host, a setting.
    subject: Option<String>,
    pub(super) status: Status,
    /// What was found, as a sentence.
    message: String,
    /// What to do about it; none where nothing is wrong.
    fix: Option<String>,
    /// Numbers and names, as far as there are some.
    details: Map<String, Value>,
}

impl Check {
    fn new(name: &'static str, status: Status, message: String, fix: Option<String>) -> Self {
        Self {
            name,
            subject: None,
            status,
            message,
            fix,
            details: Map::new(),
        }
    }

    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, message.into(), None)
    }

    pub(super) fn warn(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Warn, message.into(), Some(fix.into()))
    }

    pub(super) fn fail(
        name: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Fail, message.into(), Some(fix.into()))
    }

    /// Which one of several it is about.
    pub(super) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    pub(super) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Everything that was looked at, in its order.
pub(super) struct Report(pub(super) Vec<Check>);

impl Report {
    fn worst(&self) -> Status {
        let statuses = self.0.iter().map(|check| check.status);
        statuses.max().unwrap_or(Status::Ok)
    }

    /// 0 if nothing fails; a warning is no failure.
    pub(super) fn exit(&self) -> ExitCode {
        if self.worst() == Status::Fail {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    #[expect(clippy::print_stdout, reason = "this is the command's output")]
    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            println!("{:#}", self.as_value());
        } else {
            print!("{}", self.as_text());
        }
    }

    fn as_value(&self) -> Value {
        json!({
            "status": self.worst(),
            "version": env!("CARGO_PKG_VERSION"),
            "checks": self.0,
        })
    }

    fn as_text(&self) -> String {
        let mut text = String::new();
        for check in &self.0 {
            let status = check.status.as_str();
            let name = check.name;
            let about = check.subject.as_ref();
            let about = about.map(|about| format!(" {about}")).unwrap_or_default();
            // Somebody else may have chosen a name of a table or of a schema step.
            let message = plain(&check.message);
            writeln!(text, "{status:4}  {name}{about}: {message}").ok();
            if let Some(fix) = &check.fix {
                writeln!(text, "      {}", plain(fix)).ok();
            }
        }
        let count = |status| self.0.iter().filter(|check| check.status == status).count();
        let (warn, fail) = (count(Status::Warn), count(Status::Fail));
        let (ok, all) = (count(Status::Ok), self.0.len());
        writeln!(text, "{all} checks: {ok} ok, {warn} warn, {fail} fail").ok();
        text
    }
}

/// Without characters that could change what a terminal shows.
fn plain(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_the_result_and_a_warning_is_none() {
        let ok = || Check::ok("one", "fine");
        let warn = || Check::warn("two", "odd\u{1b}[2J", "mend it").about("x");
        let report = Report(vec![ok(), warn()]);
        assert_eq!(report.exit(), ExitCode::SUCCESS);
        assert_eq!(
            report.as_text(),
            "ok    one: fine\nwarn  two x: odd\u{fffd}[2J\n      mend it\n2 checks: 1 ok, 1 warn, 0 \
             fail\n"
        );
        let fail = Check::fail("three", "bad", "mend it").detail("count", 3);
        let report = Report(vec![warn(), fail, ok()]);
        assert_eq!(report.exit(), ExitCode::FAILURE);
        let value = report.as_value();
        assert_eq!(value["status"], "fail");
        let want = json!({
            "name": "three", "subject": null, "status": "fail", "message": "bad",
            "fix": "mend it", "details": {"count": 3},
        });
        assert_eq!(value["checks"][1], want);
    }
}
