//! Release work where GitHub has its own ways, against a real repository.

mod history;
mod limits;
mod refs;
mod releases;

use scm_testkit::git_host::Dialect;

use crate::support::git::GitBench;

async fn bench() -> GitBench {
    GitBench::start(Dialect::Github).await
}

/// The newest commits of a range, as git has them.
fn log(bench: &GitBench, range: &str, most: usize) -> Vec<String> {
    let mut log = bench.host.repo().log(range);
    log.truncate(most);
    log
}
