//! The clients against scripted code hosts, over real sockets on the loopback interface.

mod contract;
mod support;
