//! The keys of a running server: looked at every few seconds, and at once on SIGHUP.
//!
//! Keys that cannot be taken change nothing: the server goes on with those that it has, and says
//! once what is wrong. What it says names keys and never holds one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use scm_store::{Cipher, KeyChangeError, KeyChanges, KeyState};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::MissedTickBehavior,
};

use crate::{config::KeySource, database::ids};

/// Keys that were refused are not tried again before this time, unless they change: it can take a
/// look at every stored value to refuse them.
const REFUSED_FOR: Duration = Duration::from_mins(1);

/// SIGHUP: look at the keys now.
pub(super) fn hangup() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Looks after the keys of a running server.
pub(super) struct KeyWatch {
    source: KeySource,
    changes: KeyChanges,
    cipher: Arc<Cipher>,
    every: Duration,
    /// What was refused last, and when.
    refused: Option<(Refusable, Instant)>,
    said: Said,
}

/// Enough of a ring to know it again.
type Refusable = zeroize::Zeroizing<String>;

/// What was logged last.
#[derive(PartialEq, Eq)]
enum Said {
    State(KeyState, String),
    Problem(String),
}

impl KeyWatch {
    pub(super) fn new(source: KeySource, changes: KeyChanges, every: Duration) -> Self {
        let cipher = changes.cipher();
        let keys = ids(&cipher.ring());
        Self {
            source,
            changes,
            cipher,
            every,
            refused: None,
            said: Said::State(KeyState::Current, keys),
        }
    }

    /// Never ends.
    pub(super) async fn run(mut self, mut hangup: Signal) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                Some(()) = hangup.recv() => true,
            };
            let said = self.look(asked).await;
            if asked || said != self.said {
                said.log();
            }
            self.said = said;
        }
    }

    async fn look(&mut self, asked: bool) -> Said {
        match self.take(asked).await {
            Ok(state) => Said::State(state, ids(&self.cipher.ring())),
            Err(problem) => {
                // The keys that are held may have been retired by somebody all the same.
                match self.changes.look().await {
                    Ok(state @ KeyState::Retired { .. }) => {
                        Said::State(state, ids(&self.cipher.ring()))
                    }
                    _ => Said::Problem(problem),
                }
            }
        }
    }

    async fn take(&mut self, asked: bool) -> Result<KeyState, String> {
        let source = self.source.clone();
        // A file on a network that hangs must not keep the signals waiting.
        let ring = tokio::task::spawn_blocking(move || source.read())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("{error:#}"))?;
        let text = ring.to_file_text();
        if let (Some((refused, at)), Said::Problem(problem)) = (&self.refused, &self.said)
            && !asked
            && *refused == text
            && at.elapsed() < REFUSED_FOR
        {
            return Err(problem.clone());
        }
        self.refused = None;
        let result = self.changes.take(ring).await;
        if let Err(KeyChangeError::StillNeeded { .. }) = &result {
            self.refused = Some((text, Instant::now()));
        }
        result.map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }
}

impl Said {
    fn log(&self) {
        match self {
            Self::State(KeyState::Current, keys) => {
                tracing::info!(
                    keys,
                    "the keys in use; new values are sealed with the first"
                );
            }
            Self::State(KeyState::Settling { next, sealing }, _) => tracing::info!(
                next = next.as_str(),
                sealing = sealing.as_str(),
                "a new current key: it is read with, and sealed with as soon as every server can \
                 read with it"
            ),
            Self::State(KeyState::Retired { key, sealing }, _) => tracing::error!(
                key = key.as_str(),
                sealing = sealing.as_ref().map(scm_store::KeyId::as_str),
                "the current key of this server was retired elsewhere and is not sealed with any \
                 more; give this server the key file that the others have"
            ),
            Self::Problem(problem) => tracing::error!(
                problem,
                "the keys cannot be taken; going on with those that are held"
            ),
        }
    }
}
