//! The clients against scripted code hosts, over real sockets on the loopback interface.

mod bitbucket;
mod contract;
mod egress;
mod github;
mod gitlab;
mod logs;
mod registry;
mod support;
mod transport;
