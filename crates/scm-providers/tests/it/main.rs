//! The clients against scripted code hosts, over real sockets on the loopback interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails like the test itself"
)]

mod background;
mod bitbucket;
mod contract;
mod data_center;
mod delivery;
mod egress;
mod github;
mod gitlab;
mod logs;
mod reach;
mod registry;
mod renewal;
mod support;
mod tls;
mod transport;
mod webhooks;
mod work;
