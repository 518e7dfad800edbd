//! Which tenants are not looked at for now.
//!
//! Kept in memory: after a restart every tenant is tried at once, and each server keeps its own.

use std::{collections::HashMap, time::Duration};

use scm_types::TenantId;
use tokio::time::Instant;

use super::PushSettings;

/// The tenants that wait, and for how long.
#[derive(Default)]
pub(super) struct Pauses(HashMap<TenantId, Pause>);

struct Pause {
    /// Attempts that failed in a row.
    failures: u32,
    until: Instant,
}

impl Pauses {
    pub(super) fn holds(&self, tenant: &TenantId) -> bool {
        let pause = self.0.get(tenant);
        pause.is_some_and(|pause| Instant::now() < pause.until)
    }

    /// The tenant can be looked at at once.
    pub(super) fn end(&mut self, tenant: &TenantId) {
        self.0.remove(tenant);
    }

    /// The tenant's next event was not taken; gives how long the tenant waits now.
    pub(super) fn after_failure(&mut self, tenant: TenantId, settings: &PushSettings) -> Duration {
        let before = self.0.get(&tenant).map_or(0, |pause| pause.failures);
        let wait = pause_after(before, settings);
        let pause = Pause {
            failures: before.saturating_add(1),
            until: Instant::now() + wait,
        };
        self.0.insert(tenant, pause);
        wait
    }

    /// Somebody else pushes the tenant's events.
    pub(super) fn while_held_elsewhere(&mut self, tenant: TenantId, settings: &PushSettings) {
        let until = Instant::now() + settings.poll;
        let pause = self.0.entry(tenant).or_insert(Pause { failures: 0, until });
        pause.until = until;
    }

    /// How long until the first pause that is not over ends, at most `longest`.
    pub(super) fn shortest(&self, longest: Duration) -> Duration {
        let now = Instant::now();
        let ends = self.0.values().map(|pause| pause.until);
        let next = ends.filter(|until| *until > now).min();
        next.map_or(longest, |next| longest.min(next - now))
    }
}

/// Doubles with each failure, up to the longest.
fn pause_after(failures_before: u32, settings: &PushSettings) -> Duration {
    let factor = 1_u32.checked_shl(failures_before).unwrap_or(u32::MAX);
    let pause = settings.first_pause.saturating_mul(factor);
    pause.min(settings.longest_pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let settings = PushSettings::default();
        let pauses = [0, 1, 2, 8, 9, 31, 32, u32::MAX];
        let seconds = pauses.map(|failures| pause_after(failures, &settings).as_secs());
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300, 300, 300]);
    }

    #[test]
    fn a_tenant_waits_longer_with_each_failure_until_it_is_taken() {
        let settings = PushSettings::default();
        let tenant = TenantId::parse("t1").unwrap();
        let mut pauses = Pauses::default();
        let mut fail = || {
            let wait = pauses.after_failure(tenant.clone(), &settings);
            (wait.as_secs(), pauses.holds(&tenant))
        };
        assert_eq!([fail(), fail(), fail()], [(1, true), (2, true), (4, true)]);
        assert!(!pauses.holds(&TenantId::parse("t2").unwrap()));
        assert!(pauses.shortest(settings.longest_pause) <= Duration::from_secs(4));
        assert_eq!(pauses.shortest(settings.poll), settings.poll);
        pauses.end(&tenant);
        assert!(!pauses.holds(&tenant));
        assert_eq!(pauses.after_failure(tenant, &settings).as_secs(), 1);
    }
}
