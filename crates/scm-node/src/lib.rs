//! The SCM integration service inside a Node process: the native part of the npm package
//! `@delivr/scm`, whose TypeScript (`ts/`) is what its users see.
//!
//! - What crosses the border is text: a call goes in as the name of an operation, a caller and a JSON
//!   object, and comes back as `{"value": …}` or `{"fault": …}`. So nothing that JavaScript can hand
//!   over has to be guessed at here.
//! - A promise is always settled: by the answer, by a fault, after a panic, and when the services are
//!   closed under a call.
//! - Node's thread only hands over and takes back. Each opened instance has a runtime of its own, and
//!   what it holds is gone when it is closed.

mod call;
mod caller;
mod fault;
mod hosts;
mod instance;
pub mod native;
mod open;
mod release;
mod routes;
