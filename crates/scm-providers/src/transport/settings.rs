//! Limits of the transport, the same for all hosts.

use std::time::Duration;

/// Time-outs, sizes and retries.
#[derive(Debug, Clone)]
pub struct TransportSettings {
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// For one request, from the first byte sent to the last received.
    pub request_timeout: Duration,
    /// For one operation with all its requests, retries and pauses; it starts when the handle is
    /// opened.
    pub operation_budget: Duration,
    /// Between the beginnings of two writes with one credential, to hosts that ask for it.
    pub write_pause: Duration,
    /// Largest answer taken, in bytes after decompression.
    pub max_body: usize,
    /// How often a read is repeated after a passing failure; writes never are.
    pub max_retries: u32,
    /// The pause before the first repetition, at the most; doubles with each.
    pub retry_base: Duration,
    /// How many calls that nobody waits for are made to one host at the same time; at least one.
    pub background_per_host: usize,
    /// How we introduce ourselves; GitHub refuses requests without it.
    pub user_agent: String,
    /// Whether calls carry `traceparent`, where they belong to a trace: a host learns a random id, and
    /// which calls belong together.
    pub trace_context: bool,
    /// Makes the pauses between repetitions the same in every run; `None` draws them.
    pub jitter_seed: Option<u64>,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            operation_budget: Duration::from_secs(25),
            write_pause: Duration::from_secs(1),
            max_body: 8 * 1024 * 1024,
            max_retries: 2,
            retry_base: Duration::from_millis(250),
            background_per_host: 4,
            user_agent: concat!("scm-integration-service/", env!("CARGO_PKG_VERSION")).to_owned(),
            trace_context: true,
            jitter_seed: None,
        }
    }
}

impl TransportSettings {
    /// For one write: shorter than for a read where an operation would have no time besides.
    pub(crate) fn write_timeout(&self) -> Duration {
        self.request_timeout.min(self.operation_budget / 2)
    }

    /// How many background calls at a time, within what can be counted.
    pub(crate) fn background_calls(&self) -> usize {
        let most = tokio::sync::Semaphore::MAX_PERMITS;
        self.background_per_host.clamp(1, most)
    }

    /// For the look after a write.
    pub(crate) fn look_timeout(&self) -> Duration {
        self.request_timeout.min(self.operation_budget / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_and_the_look_after_it_fit_into_every_operation() {
        for (request, budget, write, look) in [(10, 25, 10, 6), (30, 20, 10, 5), (1, 100, 1, 1)] {
            let settings = TransportSettings {
                request_timeout: Duration::from_secs(request),
                operation_budget: Duration::from_secs(budget),
                ..TransportSettings::default()
            };
            assert_eq!(settings.write_timeout().as_secs(), write);
            assert_eq!(settings.look_timeout().as_secs(), look);
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let settings = TransportSettings::default();
        assert_eq!(settings.connect_timeout.as_secs(), 5);
        assert_eq!(settings.request_timeout.as_secs(), 10);
        assert_eq!(settings.operation_budget.as_secs(), 25);
        assert_eq!(settings.write_pause.as_secs(), 1);
        assert_eq!(settings.background_per_host, 4);
    }
}
