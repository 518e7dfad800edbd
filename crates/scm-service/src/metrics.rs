//! What the service counts, for whoever watches it.
//!
//! - No label holds a tenant, a URL, an integration or a name of a host: labels are words of this
//!   program, and ids of keys.
//! - Counts are of this process; what is counted in the database is the same in all.

mod database;
mod hosts;

use std::{sync::Arc, time::Duration};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::Collector,
};
use scm_store::{CipherUse, DeliveryCount, IntegrationCount, JobCount, JobKind, KeyId, KeyUsage};
use scm_types::{ScmType, VerificationStatus};

pub(crate) use database::watch as watch_database;
pub(crate) use hosts::HostMetrics;

/// The metrics of one [`Services`](crate::Services). Clones count the same.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Collectors>);

struct Collectors {
    jobs_claimed: IntCounterVec,
    jobs_ended: IntCounterVec,
    job_seconds: HistogramVec,
    jobs_queued: IntGaugeVec,
    jobs_failing: IntGaugeVec,
    verifications: IntCounterVec,
    renewals: IntCounterVec,
    gap_checks: IntCounterVec,
    redeliveries: IntCounter,
    reconciled: IntCounter,
    outages: IntCounter,
    expiring: IntGaugeVec,
    sealed_values: IntGaugeVec,
    resealed: IntCounter,
    adopted: IntCounter,
    integrations: IntGaugeVec,
    webhooks: IntGaugeVec,
    deliveries: IntGaugeVec,
    received: IntCounterVec,
    processed: IntCounterVec,
    secrets: IntCounterVec,
}

/// Who wanted a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A caller.
    Request,
    /// The server itself.
    Background,
}

impl Origin {
    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Background => "background",
        }
    }
}

/// Up to what a job takes: a check is a few calls, a plan or a sealing anew goes over a table.
const SECONDS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

impl Metrics {
    /// Metrics that are shown by `registry`, if there is one.
    pub(crate) fn new(registry: Option<&Registry>) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels)
        };
        let seconds = HistogramOpts::new(
            "scm_job_seconds",
            "How long background jobs took, by kind of job",
        );
        let collectors = Collectors {
            jobs_claimed: counters(
                "scm_jobs_claimed_total",
                "Background jobs that this process took, by kind of job",
                &["kind"],
            )?,
            jobs_ended: counters(
                "scm_jobs_ended_total",
                "Background jobs that this process ended, by kind of job and outcome",
                &["kind", "outcome"],
            )?,
            job_seconds: HistogramVec::new(seconds.buckets(SECONDS.to_vec()), &["kind"])?,
            jobs_queued: gauges(
                "scm_jobs_queued",
                "Background jobs in the database, being done and put off ones too, by kind of job",
                &["kind"],
            )?,
            jobs_failing: gauges(
                "scm_jobs_failing",
                "Those of them whose last attempt failed, by kind of job",
                &["kind"],
            )?,
            verifications: counters(
                "scm_verifications_total",
                "Checks of connections, by who wanted them and by what came of them",
                &["origin", "outcome"],
            )?,
            renewals: counters(
                "scm_renewals_total",
                "Credentials that were to be renewed in the background, by what came of it",
                &["outcome"],
            )?,
            gap_checks: counters(
                "scm_gap_checks_total",
                "Looks for what deliveries should have told, by what came of them",
                &["outcome"],
            )?,
            redeliveries: IntCounter::new(
                "scm_redeliveries_requested_total",
                "Failed deliveries that this process asked code hosts to send again",
            )?,
            reconciled: IntCounter::new(
                "scm_events_reconciled_total",
                "Events that this process found by comparing branches and tags",
            )?,
            outages: IntCounter::new(
                "scm_delivery_outages_total",
                "Times in which no server was there for deliveries, found by this process",
            )?,
            expiring: gauges(
                "scm_integrations_expiring",
                "Active integrations whose token ends within so many days",
                &["within_days", "renewable"],
            )?,
            sealed_values: gauges(
                "scm_sealed_values",
                "Stored values that are sealed with a key, by the key's id",
                &["key"],
            )?,
            resealed: IntCounter::new(
                "scm_resealed_values_total",
                "Stored values that this process sealed anew with the current key",
            )?,
            adopted: IntCounter::new(
                "scm_adopted_values_total",
                "Values that another writer had left in clear and this process sealed",
            )?,
            integrations: gauges(
                "scm_integrations",
                "Connections that are not deleted, by product, status and whether they are paused",
                &["product", "status", "active"],
            )?,
            webhooks: gauges(
                "scm_webhooks",
                "Connections with a webhook, by product and whether they are paused",
                &["product", "active"],
            )?,
            deliveries: gauges(
                "scm_deliveries",
                "Stored deliveries that were not processed, by state",
                &["state"],
            )?,
            received: counters(
                "scm_deliveries_received_total",
                "Deliveries that came in, by what was done with them",
                &["outcome"],
            )?,
            processed: counters(
                "scm_deliveries_processed_total",
                "Deliveries that this process processed, by what came of them",
                &["outcome"],
            )?,
            secrets: counters(
                "scm_secret_operations_total",
                "Secrets that were sealed and opened, by the key's id and by what came of it",
                &["key", "operation", "outcome"],
            )?,
        };
        if let Some(registry) = registry {
            collectors.register(registry)?;
        }
        Ok(Self(Arc::new(collectors)))
    }

    pub(crate) fn claimed(&self, kind: JobKind) {
        count(&self.0.jobs_claimed, &[kind.as_str()]);
    }

    pub(crate) fn ended(&self, kind: JobKind, outcome: &str, took: Duration) {
        count(&self.0.jobs_ended, &[kind.as_str(), outcome]);
        let seconds = self.0.job_seconds.with_label_values(&[kind.as_str()]);
        seconds.observe(took.as_secs_f64());
    }

    /// Kinds that are not in it have no jobs.
    pub(crate) fn queued(&self, counts: &[JobCount]) {
        for kind in JobKind::ALL {
            let count = counts.iter().find(|count| count.kind == *kind);
            let (jobs, failing) = count.map_or((0, 0), |count| (count.jobs, count.failing));
            set(&self.0.jobs_queued, &[kind.as_str()], jobs);
            set(&self.0.jobs_failing, &[kind.as_str()], failing);
        }
    }

    /// A check that somebody wanted, or the server itself.
    pub(crate) fn verified(&self, origin: Origin, outcome: &str) {
        let labels = [origin.as_str(), &outcome.to_ascii_lowercase()];
        count(&self.0.verifications, &labels);
    }

    /// Groups that are not in it have no connections.
    pub(crate) fn connected(&self, counts: &[IntegrationCount]) {
        for product in ScmType::ALL {
            let name = product.as_str().to_ascii_lowercase();
            for is_active in [true, false] {
                let active = if is_active { "true" } else { "false" };
                let of_group =
                    |one: &&IntegrationCount| one.scm_type == product && one.is_active == is_active;
                let of_group: Vec<_> = counts.iter().filter(of_group).collect();
                for status in VerificationStatus::ALL {
                    let same = of_group.iter().filter(|one| one.status == status);
                    let labels = [&*name, &status.as_str().to_ascii_lowercase(), active];
                    let sum = same.map(|one| one.integrations).sum();
                    set(&self.0.integrations, &labels, sum);
                }
                let sum = of_group.iter().map(|one| one.webhooks).sum();
                set(&self.0.webhooks, &[&name, active], sum);
            }
        }
    }

    pub(crate) fn waiting(&self, count: DeliveryCount) {
        let new = count.pending.saturating_sub(count.failing);
        for (state, number) in [
            ("waiting", new),
            ("failing", count.failing),
            ("dead", count.dead),
        ] {
            set(&self.0.deliveries, &[state], number);
        }
    }

    pub(crate) fn received(&self, outcome: &str) {
        count(&self.0.received, &[outcome]);
    }

    pub(crate) fn processed(&self, outcome: &str) {
        count(&self.0.processed, &[outcome]);
    }

    /// A key that the ring does not have is `unknown`.
    pub(crate) fn secret(&self, key: Option<&KeyId>, what: CipherUse) {
        let (operation, outcome) = match what {
            CipherUse::Sealed => ("seal", "done"),
            CipherUse::Opened => ("open", "done"),
            CipherUse::NotOpened => ("open", "failed"),
        };
        let key = key.map_or("unknown", KeyId::as_str);
        count(&self.0.secrets, &[key, operation, outcome]);
    }

    pub(crate) fn renewed(&self, outcome: &str) {
        count(&self.0.renewals, &[outcome]);
    }

    pub(crate) fn gap_checked(&self, outcome: &str) {
        count(&self.0.gap_checks, &[outcome]);
    }

    pub(crate) fn asked_again(&self, deliveries: u64) {
        self.0.redeliveries.inc_by(deliveries);
    }

    pub(crate) fn reconciled(&self, events: u64) {
        self.0.reconciled.inc_by(events);
    }

    pub(crate) fn outage(&self) {
        self.0.outages.inc();
    }

    pub(crate) fn expiring(&self, within_days: u64, renewable: bool, integrations: u64) {
        let renewable = if renewable { "true" } else { "false" };
        set(
            &self.0.expiring,
            &[&within_days.to_string(), renewable],
            integrations,
        );
    }

    /// Keys that are not in it seal nothing any more.
    pub(crate) fn sealed(&self, usage: &KeyUsage) {
        self.0.sealed_values.reset();
        for (key, values) in &usage.values {
            set(&self.0.sealed_values, &[key.as_str()], *values);
        }
    }

    pub(crate) fn resealed(&self, values: u64) {
        self.0.resealed.inc_by(values);
    }

    pub(crate) fn adopted(&self, values: u64) {
        self.0.adopted.inc_by(values);
    }
}

impl Collectors {
    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let all: [Box<dyn Collector>; 21] = [
            Box::new(self.jobs_claimed.clone()),
            Box::new(self.jobs_ended.clone()),
            Box::new(self.job_seconds.clone()),
            Box::new(self.jobs_queued.clone()),
            Box::new(self.jobs_failing.clone()),
            Box::new(self.verifications.clone()),
            Box::new(self.renewals.clone()),
            Box::new(self.gap_checks.clone()),
            Box::new(self.redeliveries.clone()),
            Box::new(self.reconciled.clone()),
            Box::new(self.outages.clone()),
            Box::new(self.expiring.clone()),
            Box::new(self.sealed_values.clone()),
            Box::new(self.resealed.clone()),
            Box::new(self.adopted.clone()),
            Box::new(self.integrations.clone()),
            Box::new(self.webhooks.clone()),
            Box::new(self.deliveries.clone()),
            Box::new(self.received.clone()),
            Box::new(self.processed.clone()),
            Box::new(self.secrets.clone()),
        ];
        all.into_iter()
            .try_for_each(|collector| registry.register(collector))
    }
}

fn count(counters: &IntCounterVec, labels: &[&str]) {
    counters.with_label_values(labels).inc();
}

fn set(gauges: &IntGaugeVec, labels: &[&str], value: u64) {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    gauges.with_label_values(labels).set(value);
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;
    use scm_store::KeyId;

    use super::*;

    fn text(registry: &Registry) -> String {
        TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap()
    }

    #[test]
    fn what_is_counted_is_shown() {
        let registry = Registry::new();
        let metrics = Metrics::new(Some(&registry)).unwrap();
        metrics.claimed(JobKind::Verify);
        metrics.ended(JobKind::Verify, "done", Duration::from_millis(300));
        metrics.verified(Origin::Background, "VALID");
        metrics.expiring(7, true, 3);
        let count = JobCount {
            kind: JobKind::Renew,
            jobs: 5,
            failing: 2,
        };
        metrics.queued(&[count]);
        let text = text(&registry);
        for line in [
            "scm_jobs_claimed_total{kind=\"verify\"} 1",
            "scm_jobs_ended_total{kind=\"verify\",outcome=\"done\"} 1",
            "scm_job_seconds_bucket{kind=\"verify\",le=\"0.5\"} 1",
            "scm_job_seconds_bucket{kind=\"verify\",le=\"0.25\"} 0",
            "scm_verifications_total{origin=\"background\",outcome=\"valid\"} 1",
            "scm_integrations_expiring{renewable=\"true\",within_days=\"7\"} 3",
            "scm_jobs_queued{kind=\"renew\"} 5",
            "scm_jobs_failing{kind=\"renew\"} 2",
            "scm_jobs_queued{kind=\"verify\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}:\n{text}");
        }
    }

    #[test]
    fn connections_deliveries_and_keys_are_shown() {
        let registry = Registry::new();
        let metrics = Metrics::new(Some(&registry)).unwrap();
        let count = |status, is_active| IntegrationCount {
            scm_type: ScmType::Gitlab,
            status,
            is_active,
            integrations: 4,
            webhooks: 1,
        };
        let (valid, pending) = (VerificationStatus::Valid, VerificationStatus::Pending);
        metrics.connected(&[
            count(valid, true),
            count(pending, true),
            count(valid, false),
        ]);
        metrics.connected(&[count(valid, true), count(pending, true)]);
        metrics.waiting(DeliveryCount {
            pending: 5,
            failing: 2,
            dead: 1,
        });
        metrics.received("accepted");
        metrics.processed("done");
        metrics.verified(Origin::Request, "EXPIRED");
        let key = KeyId::parse("k1").unwrap();
        metrics.secret(Some(&key), CipherUse::Sealed);
        metrics.secret(Some(&key), CipherUse::Opened);
        metrics.secret(None, CipherUse::NotOpened);
        let text = text(&registry);
        for line in [
            "scm_integrations{active=\"true\",product=\"gitlab\",status=\"valid\"} 4",
            "scm_integrations{active=\"false\",product=\"gitlab\",status=\"valid\"} 0",
            "scm_integrations{active=\"true\",product=\"github\",status=\"valid\"} 0",
            "scm_webhooks{active=\"true\",product=\"gitlab\"} 2",
            "scm_deliveries{state=\"waiting\"} 3",
            "scm_deliveries{state=\"failing\"} 2",
            "scm_deliveries{state=\"dead\"} 1",
            "scm_deliveries_received_total{outcome=\"accepted\"} 1",
            "scm_deliveries_processed_total{outcome=\"done\"} 1",
            "scm_verifications_total{origin=\"request\",outcome=\"expired\"} 1",
            "scm_secret_operations_total{key=\"k1\",operation=\"seal\",outcome=\"done\"} 1",
            "scm_secret_operations_total{key=\"k1\",operation=\"open\",outcome=\"done\"} 1",
            "scm_secret_operations_total{key=\"unknown\",operation=\"open\",outcome=\"failed\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}:\n{text}");
        }
    }

    #[test]
    fn a_key_that_seals_nothing_is_not_shown() {
        let registry = Registry::new();
        let metrics = Metrics::new(Some(&registry)).unwrap();
        let usage = |key: &str| KeyUsage {
            values: [(KeyId::parse(key).unwrap(), 4)].into(),
            unsealed: 0,
        };
        metrics.sealed(&usage("k1"));
        metrics.sealed(&usage("k2"));
        let text = text(&registry);
        assert!(text.contains("scm_sealed_values{key=\"k2\"} 4"), "{text}");
        assert!(!text.contains("k1"), "{text}");
    }

    #[test]
    fn one_registry_takes_the_metrics_of_one_service() {
        let registry = Registry::new();
        Metrics::new(Some(&registry)).unwrap();
        assert!(Metrics::new(Some(&registry)).is_err());
        Metrics::new(None).unwrap();
    }
}
