//! Plays github.com, gitlab.com, bitbucket.org and a Bitbucket Data Center (git.example.com) on
//! loopback, each with a real git repository behind it, to try the server without a network:
//!
//! ```sh
//! cargo run -p scm-testkit --example code_host > hosts.toml &
//! cargo run -- --config hosts.toml
//! ```
//!
//! Good for `octo/app` on GitHub, `group/sub/deep/app` on GitLab, `ws/app` on Bitbucket and
//! `projects/KEY/repos/app` on git.example.com; any token works, and any other repository is not
//! found. The repositories have a branch `release/1` and the tag `v1.0.0`, and are gone when this
//! ends.

#![expect(
    clippy::print_stdout,
    reason = "the configuration is this program's output"
)]

use std::future::pending;

use scm_testkit::git_host::{Dialect, GitHost};

#[tokio::main]
async fn main() {
    let mut hosts = Vec::new();
    for (kind, host, dialect) in [
        ("github", "github.com", Dialect::Github),
        ("gitlab", "gitlab.com", Dialect::Gitlab),
        ("bitbucket", "bitbucket.org", Dialect::Bitbucket),
        (
            "bitbucket-data-center",
            "git.example.com",
            Dialect::DataCenter,
        ),
    ] {
        let server = GitHost::start(dialect).await;
        fill(&server);
        println!("[[hosts]]");
        println!("kind = \"{kind}\"");
        println!("host = \"{host}\"");
        println!("api_url = \"{}\"", server.api_url());
        println!("oauth_url = \"{}\"", server.base_url());
        println!("allow_private_addresses = true\n");
        hosts.push(server);
    }
    pending::<()>().await;
}

/// A release, and work on the next one.
fn fill(host: &GitHost) {
    let repo = host.repo();
    repo.commit_by("main", "Add the login page", "Ada");
    repo.annotated_tag("v1.0.0", "main", "Release 1.0.0");
    repo.branch("release/1", "main");
    repo.commit_by("release/1", "Fix the login for @everyone (#12)", "Grace");
    repo.commit_by("main", "Add the shop", "Ada");
}
