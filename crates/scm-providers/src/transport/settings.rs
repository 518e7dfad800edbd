//! Limits of the transport, the same for all hosts.

use std::time::Duration;

/// Time-outs, sizes and retries.
#[derive(Debug, Clone)]
pub struct TransportSettings {
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// For one request, from the first byte sent to the last received.
    pub request_timeout: Duration,
    /// For one operation with all its requests, retries and pauses.
    pub operation_budget: Duration,
    /// Largest answer taken, in bytes after decompression.
    pub max_body: usize,
    /// How often a read is repeated after a passing failure; writes never are.
    pub max_retries: u32,
    /// The pause before the first repetition, at the most; doubles with each.
    pub retry_base: Duration,
    /// How we introduce ourselves; GitHub refuses requests without it.
    pub user_agent: String,
    /// Makes the pauses between repetitions the same in every run; `None` draws them.
    pub jitter_seed: Option<u64>,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            operation_budget: Duration::from_secs(25),
            max_body: 8 * 1024 * 1024,
            max_retries: 2,
            retry_base: Duration::from_millis(250),
            user_agent: concat!("scm-integration-service/", env!("CARGO_PKG_VERSION")).to_owned(),
            jitter_seed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let settings = TransportSettings::default();
        assert_eq!(settings.connect_timeout.as_secs(), 5);
        assert_eq!(settings.request_timeout.as_secs(), 10);
        assert_eq!(settings.operation_budget.as_secs(), 25);
    }
}
