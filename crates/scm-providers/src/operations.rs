//! The report on each operation, from what a product can tell about a credential.

use scm_types::{HookAccess, Operation, OperationReport, OperationState};

use crate::HookReport;

/// Whether something is known to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The host's answers say so.
    Allowed,
    /// They say that it will not, and what is missing.
    Denied(String),
    /// Only trying tells.
    Unknown,
}

impl Verdict {
    /// A refusal with its reason.
    pub(crate) fn denied(missing: &str) -> Self {
        Self::Denied(missing.to_owned())
    }

    fn report(self, operation: Operation) -> OperationReport {
        let (state, missing) = match self {
            Self::Allowed => (OperationState::Allowed, None),
            Self::Denied(missing) => (OperationState::Denied, Some(missing)),
            Self::Unknown => (OperationState::Unknown, None),
        };
        OperationReport {
            operation,
            state,
            missing,
        }
    }
}

/// The report. Reading is allowed, for the repository has been read. `read_only` says why nothing
/// can be written, whoever asks.
pub(crate) fn report(
    write: &Verdict,
    release: Verdict,
    hooks: &HookReport,
    read_only: Option<&str>,
) -> Vec<OperationReport> {
    let unless_read_only = |verdict: Verdict| read_only.map_or(verdict, Verdict::denied);
    let hooks = match (hooks.access, &hooks.missing) {
        (HookAccess::Yes, _) => Verdict::Allowed,
        (HookAccess::No, Some(missing)) => Verdict::Denied(missing.clone()),
        (HookAccess::No, None) => Verdict::denied("access to the repository's webhooks"),
        (HookAccess::Unknown, _) => Verdict::Unknown,
    };
    vec![
        Verdict::Allowed.report(Operation::ReadRepository),
        unless_read_only(write.clone()).report(Operation::CreateBranch),
        unless_read_only(write.clone()).report(Operation::CreateTag),
        unless_read_only(release).report(Operation::CreateRelease),
        unless_read_only(hooks).report(Operation::ManageWebhooks),
    ]
}
