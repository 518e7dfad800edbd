//! The way into the inbox: what arrives at the same moment is stored by one statement.
//!
//! - Who brings a delivery waits until it is in the database, or until it is told that it is not.
//! - So much waits and no more: who comes then is sent away at once, and has lost nothing but a moment.
//! - A delivery that cannot be stored takes none of those with it that came at the same time.
//! - Storing goes on when somebody stops waiting: what is in the queue is stored.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sea_orm::DbBackend;
use tokio::{
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

use super::{
    InboxController,
    insert::{Arrival, Stored},
};
use crate::{DriverError, StoreError, driver::Meaning};

/// The most deliveries that one statement stores.
const ROWS: usize = 64;

/// About how many bytes one statement stores; a larger delivery is stored alone.
const BYTES: usize = 1024 * 1024;

/// How long nothing must have come after something did, for the way in to be calm.
const LULL: Duration = Duration::from_millis(5);

/// How much may wait to be stored, what is being stored included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxLimits {
    /// Deliveries.
    pub deliveries: usize,
    /// Bytes of them, sealed. One delivery is taken in whatever its size.
    pub bytes: usize,
}

impl Default for InboxLimits {
    /// 512 deliveries of 64 MiB together.
    fn default() -> Self {
        Self {
            deliveries: 512,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// A delivery in the queue.
struct Waiting {
    arrival: Arrival,
    tell: oneshot::Sender<Result<Stored, StoreError>>,
    place: Place,
}

/// What a delivery takes of the limits, until it is dropped.
struct Place {
    entry: Arc<Entry>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.entry.queue();
        queue.deliveries -= 1;
        queue.bytes -= self.bytes;
        if queue.deliveries == 0 {
            self.entry.calm.notify_waiters();
        }
    }
}

/// What waits to be stored in this process.
pub(super) struct Entry {
    limits: InboxLimits,
    /// How many statements are under way at once: on SQLite there is one writer anyway.
    writers: usize,
    queue: Mutex<Queue>,
    /// Told when nothing is left to be stored.
    calm: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Those that wait and those that are being stored.
    deliveries: usize,
    bytes: usize,
    /// Writers that are at work. While something waits there is one.
    writers: usize,
}

impl Entry {
    pub(super) fn new(backend: DbBackend, limits: InboxLimits) -> Self {
        Self {
            limits,
            writers: if backend == DbBackend::Sqlite { 1 } else { 2 },
            queue: Mutex::default(),
            calm: Notify::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing under the lock can leave it half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, queue: &Queue, bytes: usize) -> bool {
        queue.deliveries < self.limits.deliveries
            && (queue.deliveries == 0 || queue.bytes.saturating_add(bytes) <= self.limits.bytes)
    }
}

/// A writer at work.
struct Writer {
    entry: Arc<Entry>,
    has_ended: bool,
}

impl Writer {
    /// The next deliveries to be stored together; none at the writer's end.
    fn next(&mut self) -> Vec<Waiting> {
        let mut queue = self.entry.queue();
        let (mut count, mut bytes) = (0_usize, 0);
        for waiting in queue.waiting.iter().take(ROWS) {
            bytes += waiting.place.bytes;
            if count > 0 && bytes > BYTES {
                break;
            }
            count += 1;
        }
        if count == 0 {
            // Under the same lock: whoever comes now starts another one.
            queue.writers -= 1;
            self.has_ended = true;
        }
        queue.waiting.drain(..rounded(count)).collect()
    }
}

/// One of twelve numbers up to 64, so that the database knows the few statements there are: the
/// powers of two, and those half-way between two of them.
fn rounded(count: usize) -> usize {
    let Some(doublings) = count.checked_ilog2() else {
        return 0;
    };
    let (below, between) = (1 << doublings, (3 << doublings) >> 1);
    if count >= between { between } else { below }
}

impl Drop for Writer {
    /// One that was cut off, with its runtime or by a panic, leaves nobody waiting for it.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let given_up = {
            let mut queue = self.entry.queue();
            queue.writers -= 1;
            if queue.writers == 0 {
                std::mem::take(&mut queue.waiting)
            } else {
                VecDeque::new()
            }
        };
        // Not under the lock, which each of them takes.
        drop(given_up);
    }
}

impl InboxController {
    /// True if a delivery that comes now would be sent away: see [`InboxLimits`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.entry.has_room(&self.entry.queue(), 0)
    }

    /// Returns when nothing waits to be stored in this process, or after `longest`. Where something
    /// did wait, more is likely to come: then nothing must have come for a moment.
    pub async fn calm(&self, longest: Duration) {
        let calm = async {
            loop {
                let calm = self.entry.calm.notified();
                tokio::pin!(calm);
                // Before the look, so that no end is missed in between.
                calm.as_mut().enable();
                if self.entry.queue().deliveries == 0 {
                    return;
                }
                calm.await;
                sleep(LULL).await;
            }
        };
        timeout(longest, calm).await.ok();
    }

    /// Queues a delivery and waits until it is stored.
    pub(super) async fn enter(&self, arrival: Arrival) -> Result<Stored, StoreError> {
        let (tell, told) = oneshot::channel();
        let starts = {
            let mut queue = self.entry.queue();
            let bytes = arrival.bytes();
            if !self.entry.has_room(&queue, bytes) {
                return Err(StoreError::InboxFull);
            }
            queue.deliveries += 1;
            queue.bytes += bytes;
            let entry = Arc::clone(&self.entry);
            queue.waiting.push_back(Waiting {
                arrival,
                tell,
                place: Place { entry, bytes },
            });
            let starts = queue.writers < self.entry.writers;
            queue.writers += usize::from(starts);
            starts
        };
        if starts {
            let writer = Writer {
                entry: Arc::clone(&self.entry),
                has_ended: false,
            };
            // A task of its own: who waits may go away, and the others must not wait for it.
            tokio::spawn(self.clone().store_what_waits(writer));
        }
        told.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                source: DriverError::new("storing was broken off"),
            })
        })
    }

    async fn store_what_waits(self, mut writer: Writer) {
        loop {
            let batch = writer.next();
            if batch.is_empty() {
                return;
            }
            self.store(batch).await;
        }
    }

    /// Stores deliveries by one statement; in halves, if that fails for one of them.
    async fn store(&self, batch: Vec<Waiting>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            if part.len() == 1 {
                for waiting in part {
                    let stored = self.keep_alone(&waiting.arrival).await;
                    waiting.end(stored);
                }
                continue;
            }
            match self
                .insert(part.iter().map(|waiting| &waiting.arrival))
                .await
            {
                Ok(()) => {
                    for mut waiting in part {
                        let id = std::mem::take(&mut waiting.arrival.id);
                        waiting.end(Ok(Stored::New(id)));
                    }
                }
                Err((Meaning::Away | Meaning::Contended, why)) => {
                    for waiting in part {
                        let source = why.clone();
                        waiting.end(Err(StoreError::Unavailable { source }));
                    }
                }
                // One of them came before, or does not fit. Which one, the halves tell.
                Err(_) => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
            }
        }
    }
}

impl Waiting {
    fn end(self, stored: Result<Stored, StoreError>) {
        // First, so that who is told finds the room that there is.
        drop(self.place);
        // Whoever brought it may be gone.
        self.tell.send(stored).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn statements_are_few_and_leave_little_behind() {
        let sizes: BTreeSet<_> = (1..=ROWS).map(rounded).collect();
        let want = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
        assert_eq!(sizes, BTreeSet::from(want));
        assert_eq!(rounded(0), 0);
        for count in 1..=ROWS {
            assert!(rounded(count) <= count && rounded(count) * 3 >= count * 2);
        }
    }
}
