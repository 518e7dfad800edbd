//! The section of traces.

use std::sync::Arc;

use scm_providers::transport::PostError;
use scm_trace::Tracer;
use scm_types::{Clock, SystemClock};
use serde::Deserialize;
use url::Url;

use super::{ConfigError, web_url::web_url};
use crate::traces::{self, Exporter};

/// `[traces]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traces {
    #[serde(default)]
    endpoint: Option<String>,
    service_name: String,
    sample_percent: u8,
    /// Whether calls to code hosts carry `traceparent`.
    pub(crate) code_hosts: bool,
}

impl Traces {
    pub(super) fn problem(&self) -> Option<ConfigError> {
        self.tracer(Arc::new(SystemClock)).err()
    }

    /// Who begins traces, and who sends them if somebody takes them. Calls nobody.
    pub(crate) fn tracer(
        &self,
        clock: Arc<dyn Clock>,
    ) -> Result<(Tracer, Option<Exporter>), ConfigError> {
        let tracer = Tracer::new(clock);
        let Some(endpoint) = &self.endpoint else {
            return Ok((tracer, None));
        };
        let denied = |error: PostError| ConfigError::one(format!("traces.endpoint: {error}"));
        let made = traces::exporter(collector(endpoint)?, &self.service_name, tracer.span_id());
        let (sink, exporter) = made.map_err(denied)?;
        Ok((
            tracer.recorded_by(sink, self.sample_percent),
            Some(exporter),
        ))
    }
}

/// Where spans are posted to: `/v1/traces` below the endpoint, as the standard has it.
fn collector(given: &str) -> Result<Url, ConfigError> {
    let mut url = web_url("traces.endpoint", given)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["v1", "traces"]);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_below_the_endpoint() {
        for (endpoint, want) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://o.example/otlp", "https://o.example/otlp/v1/traces"),
        ] {
            assert_eq!(collector(endpoint).unwrap().as_str(), want);
        }
        for bad in [
            "",
            "localhost:4318",
            "grpc://h:4317",
            "http://u:p@h",
            "http://h/?a=1",
        ] {
            assert!(collector(bad).is_err(), "{bad}");
        }
    }
}
