//! The work on a repository: one suite that all four dialects pass, against code hosts backed by a
//! real git repository. git is the oracle of every answer, and of every change.

mod branches;
mod faults;
mod history;
mod refs;
mod releases;
mod rights;
mod tags;

use std::future::Future;

use scm_providers::ProviderError;
use scm_testkit::git_host::Dialect;
use scm_types::{CommitSha, RefKind};

use crate::support::git::GitBench;

/// Names that are legal and that careless code breaks.
const NAMES: [&str; 7] = [
    "release/v1.0.0",
    "feature/a#b",
    "100%",
    "ünïcode",
    "a&b=c;d",
    "q\"uote'",
    "x+y@z",
];

/// The products that have releases.
const WITH_RELEASES: [Dialect; 2] = [Dialect::Github, Dialect::Gitlab];

/// Runs a test on a fresh host of each dialect.
pub(crate) async fn on_every_dialect<Fut: Future<Output = ()>>(test: impl Fn(GitBench) -> Fut) {
    on_each(&Dialect::ALL, test).await;
}

async fn on_each<Fut: Future<Output = ()>>(dialects: &[Dialect], test: impl Fn(GitBench) -> Fut) {
    for dialect in dialects {
        test(GitBench::start(*dialect).await).await;
    }
}

/// The commit that is there and the one that was wanted, of a conflict of that kind.
fn conflict(error: &ProviderError, of: RefKind) -> (&CommitSha, &CommitSha) {
    match error {
        ProviderError::RefConflict {
            kind,
            found,
            wanted,
            ..
        } if *kind == of => (found, wanted),
        other => panic!("{other:?}"),
    }
}
