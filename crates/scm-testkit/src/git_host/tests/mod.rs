//! Each dialect is asked over a socket, and what it says is compared with git.

mod bitbucket;
mod client;
mod data_center;
mod github;
mod gitlab;
mod hooks;
mod hosts;
mod repo;
mod tokens;
