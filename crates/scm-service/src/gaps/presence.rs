//! Whether somebody was there when code hosts delivered.
//!
//! - Each server is on a list, with when it began and when it was last heard of, by the database's
//!   clock. One that takes its leave says so; one that is not heard of for a while is taken for dead.
//! - If no other one was there all the time since it was last heard of, nobody was for a while: all
//!   integrations are looked at. Servers that follow each other without a gap are no outage.
//! - A server's id is chosen before it enters the list, and a beat that was begun is ended before it
//!   takes its leave: none that stopped stays on the list as one that is there.
//! - A server that could not reach the database for so long is one that was not there.
//! - What a server had to refuse because the database was away, or it was full, it remembers itself.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use scm_store::{ServerController, ServerSeen};
use scm_types::IntegrationId;
use tokio::{sync::watch, time::sleep};

use crate::{ServiceError, Services};

/// The most integrations that are remembered; of more it is not known which.
const REMEMBERED: usize = 10_000;

/// A server among those that take deliveries in.
pub struct Presence {
    services: Services,
    /// How long a server may be silent.
    silence: Duration,
    /// Its id, whether it is on the list or not.
    own: String,
}

impl Presence {
    /// For a server that has just begun; `silence` is how long one may not be heard of before it is
    /// taken for dead.
    #[must_use]
    pub fn new(services: &Services, silence: Duration) -> Self {
        Self {
            services: services.clone(),
            silence,
            own: ServerController::new_id(),
        }
    }

    /// Is heard of, and looks who is not any more; to be called often within the time that silence
    /// may last. True if nobody was there for a while: jobs to look for what was missed are made.
    pub async fn beat(&self) -> Result<bool, ServiceError> {
        let servers = self.services.servers.all().await?;
        let gone = gone(&servers, &self.own, self.silence);
        let was_out = gone.iter().any(|gone| !gone.is_covered);
        if was_out {
            // Hosts that are waiting for an answer just now have to come to their end.
            let made = self.services.check_everything(self.silence / 4).await?;
            tracing::warn!(
                integrations = made,
                "nobody was there for deliveries for a while; it is looked for what was missed"
            );
            self.services.metrics.outage();
        }
        // Only now: who dies before has found nothing.
        for gone in gone {
            if self.own != gone.id {
                self.services.servers.remove(&gone.id).await?;
            }
        }
        let servers = &self.services.servers;
        if !servers.note_seen(&self.own).await? {
            servers.enter(&self.own).await?;
        }
        self.check_refused().await?;
        Ok(was_out)
    }

    /// Takes its leave: from now on nobody is there, unless another one is.
    pub async fn leave(self) -> Result<(), ServiceError> {
        self.check_refused().await?;
        self.services.servers.note_stopped(&self.own).await?;
        Ok(())
    }

    async fn check_refused(&self) -> Result<(), ServiceError> {
        let refused = &self.services.webhooks.refused;
        let some = refused.take();
        let checked = match &some {
            None => self
                .services
                .check_everything(Duration::ZERO)
                .await
                .map(|_| ()),
            Some(ids) => self.check_each(ids).await,
        };
        if checked.is_err() {
            refused.put_back(some);
        }
        checked
    }

    async fn check_each(&self, ids: &HashSet<IntegrationId>) -> Result<(), ServiceError> {
        for id in ids {
            self.services.check_if_there(id).await?;
        }
        Ok(())
    }

    /// Beats until it is told to stop, or nobody is there any more who could tell it, and takes its
    /// leave. What goes wrong is tried again.
    pub(crate) async fn stay(self, mut stopping: watch::Receiver<bool>) {
        while !*stopping.borrow() {
            if let Err(error) = self.beat().await {
                tracing::debug!(%error, "this server could not say that it is there");
            }
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => break,
                () = sleep(self.silence / 4) => {}
            }
        }
        if let Err(error) = self.leave().await {
            tracing::debug!(%error, "this server could not take its leave");
        }
    }
}

/// A server that is not there any more.
#[derive(Debug, PartialEq, Eq)]
struct Gone {
    id: String,
    /// Whether another one was there all the time since then.
    is_covered: bool,
}

fn gone(servers: &[ServerSeen], own: &str, silence: Duration) -> Vec<Gone> {
    let is_gone = |it: &ServerSeen| it.stopped.is_some() || it.seen >= silence;
    let covers = |it: &ServerSeen, since: Duration| !is_gone(it) && it.started >= since;
    let gone = servers.iter().filter(|it| is_gone(it)).map(|it| {
        let last = it.stopped.unwrap_or(it.seen);
        let is_covered = servers.iter().any(|other| covers(other, last));
        Gone {
            id: it.id.clone(),
            is_covered,
        }
    });
    let mut gone: Vec<_> = gone.collect();
    // It is here; what is told of it is that it was not.
    gone.retain(|it| own != it.id || !it.is_covered);
    gone
}

/// Integrations whose deliveries were refused though they may be genuine.
#[derive(Default)]
pub(crate) struct Refused(Mutex<Missed>);

#[derive(Default)]
struct Missed {
    ids: HashSet<IntegrationId>,
    /// True if there were more than are remembered.
    is_full: bool,
}

impl Refused {
    /// Remembers one.
    pub(crate) fn note(&self, id: &IntegrationId) {
        let mut missed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.ids.len() < REMEMBERED {
            missed.ids.insert(id.clone());
        } else if !missed.ids.contains(id) {
            missed.is_full = true;
        }
    }

    /// Those that are remembered, and forgets them; `None` if it may be any.
    fn take(&self) -> Option<HashSet<IntegrationId>> {
        let mut missed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Missed { ids, is_full } = std::mem::take(&mut *missed);
        (!is_full).then_some(ids)
    }

    fn put_back(&self, ids: Option<HashSet<IntegrationId>>) {
        let Some(ids) = ids else {
            let mut missed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            missed.is_full = true;
            return;
        };
        for id in &ids {
            self.note(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_mins(2);

    /// Such as `a 600 10`: began and was last heard of so many seconds ago, and maybe stopped then.
    fn server(text: &str) -> ServerSeen {
        let mut words = text.split(' ');
        let id = words.next().unwrap().to_owned();
        let mut seconds = words.map(|word| Duration::from_secs(word.parse().unwrap()));
        ServerSeen {
            id,
            started: seconds.next().unwrap(),
            seen: seconds.next().unwrap(),
            stopped: seconds.next(),
        }
    }

    #[test]
    fn who_is_gone_and_who_was_there_instead() {
        #[track_caller]
        fn check(servers: &[&str], own: &str, want: &[(&str, bool)]) {
            let servers: Vec<_> = servers.iter().map(|text| server(text)).collect();
            let gone = gone(&servers, own, SILENCE);
            let told: Vec<_> = gone
                .iter()
                .map(|it| (it.id.as_str(), it.is_covered))
                .collect();
            assert_eq!(told, want, "{servers:?}");
        }
        check(&[], "", &[]);
        check(&["a 600 10"], "a", &[]);
        check(&["a 600 10", "b 700 119"], "a", &[]);
        // Killed while another one was there.
        check(&["a 600 10", "b 700 300"], "a", &[("b", true)]);
        // Killed, and the other one began later: at once or after hours.
        check(&["a 290 10", "b 700 300"], "a", &[("b", false)]);
        check(&["a 1 1", "b 90000 80000"], "a", &[("b", false)]);
        // Stopped: that is known without waiting.
        check(&["a 20 1", "b 600 40 15"], "a", &[("b", true)]);
        check(&["a 10 1", "b 600 40 15"], "a", &[("b", false)]);
        check(&["b 600 40 15"], "", &[("b", false)]);
        // Another dead one is no witness.
        check(
            &["a 10 1", "b 900 300", "c 900 200"],
            "a",
            &[("b", false), ("c", false)],
        );
        // Not gone, but not there: the database was away, or the machine stood still.
        check(&["a 600 130"], "a", &[("a", false)]);
        check(&["a 600 130", "b 600 10"], "a", &[]);
    }

    #[test]
    fn what_was_refused_is_remembered_once() {
        let refused = Refused::default();
        assert_eq!(refused.take(), Some(HashSet::new()));
        let id = |number: usize| IntegrationId::parse(format!("i{number}")).unwrap();
        refused.note(&id(1));
        refused.note(&id(1));
        assert_eq!(refused.take(), Some([id(1)].into()));
        assert_eq!(refused.take(), Some(HashSet::new()));
        refused.put_back(Some([id(2)].into()));
        assert_eq!(refused.take(), Some([id(2)].into()));
        for number in 0..=REMEMBERED {
            refused.note(&id(number));
        }
        assert_eq!(refused.take(), None);
        refused.put_back(None);
        assert_eq!(refused.take(), None);
        assert_eq!(refused.take(), Some(HashSet::new()));
    }
}
