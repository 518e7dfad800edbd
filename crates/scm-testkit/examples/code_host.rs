//! Plays github.com, gitlab.com and bitbucket.org on loopback, to try the server without a network:
//!
//! ```sh
//! cargo run -p scm-testkit --example code_host > hosts.toml &
//! cargo run -- --config hosts.toml
//! ```
//!
//! Good for `octo/app` on GitHub, `group/sub/app` on GitLab and `ws/app` on Bitbucket; any token
//! works, and any other repository is not found.

#![expect(
    clippy::print_stdout,
    reason = "the configuration is this program's output"
)]

use std::future::pending;

use scm_testkit::code_host::CodeHost;

#[tokio::main]
async fn main() {
    let hosts = [
        ("github", "github.com", CodeHost::github().await),
        ("gitlab", "gitlab.com", CodeHost::gitlab().await),
        ("bitbucket", "bitbucket.org", CodeHost::bitbucket().await),
    ];
    for (kind, host, server) in &hosts {
        println!("[[hosts]]");
        println!("kind = \"{kind}\"");
        println!("host = \"{host}\"");
        println!("api_url = \"{}\"", server.api_url());
        println!("oauth_url = \"{}\"", server.base_url());
        println!("allow_private_addresses = true\n");
    }
    pending::<()>().await;
}
