//! Scripted code hosts: an HTTP/1.1 server on a loopback port that answers what a test tells it to
//! and keeps what it was asked.
//!
//! - The ready-made hosts make a full check of their standard repository good; a test overrides one
//!   route of them. A later script for a route replaces an earlier one.
//! - An unscripted request is answered with the product's own 404 and is recorded like any other.
//! - Every answer closes its connection, so a fault cannot leak into the next request.
//! - The server stops when the handle is dropped.
//!
//! ```no_run
//! # async fn example() {
//! use scm_testkit::code_host::{CodeHost, Reply};
//!
//! let host = CodeHost::github().await;
//! host.on("GET", "/repos/octo/app", Reply::fixture("github/repo_404"));
//! // … build a client for host.host() and host.api_url(), run the check …
//! assert_eq!(host.calls(), 2);
//! # }
//! ```

mod fixture;
mod happy;
mod reply;
mod server;
mod wire;

pub use fixture::fixture;
pub use happy::{SHA, Standard};
pub use reply::{Replies, Reply};
pub use server::CodeHost;
pub use wire::Recorded;

pub(crate) use wire::serve;
