//! The way to a host.
mod settings;
pub use settings::TransportSettings;
