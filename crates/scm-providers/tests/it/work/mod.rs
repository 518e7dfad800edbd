//! The work on a repository: one suite that all four dialects pass, against code hosts backed by a
//! real git repository. git is the oracle of every answer, and of every change.

mod branches;
mod faults;
mod history;
mod releases;
mod rights;
mod tags;

use std::future::Future;

use scm_testkit::git_host::Dialect;

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

/// True for a product that has releases.
fn has_releases(bench: &GitBench) -> bool {
    matches!(bench.host.dialect(), Dialect::Github | Dialect::Gitlab)
}

/// Runs a test on a fresh host of each dialect.
async fn on_every_dialect<Fut: Future<Output = ()>>(test: impl Fn(GitBench) -> Fut) {
    for dialect in Dialect::ALL {
        test(GitBench::start(dialect).await).await;
    }
}
