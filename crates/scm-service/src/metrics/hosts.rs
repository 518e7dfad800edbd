//! Calls to code hosts, counted by product: which host, repository or credential it was is not told.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use scm_providers::{CallWatch, EndedCall};

/// Up to the time that one request may take.
const SECONDS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Parts of a limit.
const PARTS: [f64; 8] = [0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0];

/// Counts calls.
pub(crate) struct HostMetrics {
    calls: IntCounterVec,
    seconds: HistogramVec,
    left: HistogramVec,
}

impl HostMetrics {
    /// Metrics that are shown by `registry`.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            HistogramVec::new(options, &["product"])
        };
        let metrics = Self {
            calls: IntCounterVec::new(
                Opts::new(
                    "scm_host_calls_total",
                    "Calls to code hosts, by product and by what came of them",
                ),
                &["product", "outcome"],
            )?,
            seconds: histogram(
                "scm_host_call_seconds",
                "How long calls to code hosts took, by product",
                &SECONDS,
            )?,
            left: histogram(
                "scm_host_limit_left",
                "How much of its credential's limit each answer told to be left, from 0 to 1",
                &PARTS,
            )?,
        };
        registry.register(Box::new(metrics.calls.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.left.clone()))?;
        Ok(metrics)
    }
}

impl CallWatch for HostMetrics {
    fn ended(&self, call: &EndedCall<'_>) {
        let product = call.product.as_str();
        let outcome = call.outcome.as_str();
        self.calls.with_label_values(&[product, outcome]).inc();
        if !call.took.is_zero() {
            let seconds = self.seconds.with_label_values(&[product]);
            seconds.observe(call.took.as_secs_f64());
        }
        if let Some(left) = call.left {
            self.left.with_label_values(&[product]).observe(left);
        }
    }
}
