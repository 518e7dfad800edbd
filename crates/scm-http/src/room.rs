//! Memory for bodies that are being read, so that many large ones at once cannot take all there is.
//!
//! - A body takes as much as has arrived of it, not as much as it announces.
//! - What a slow client has sent so far is small: the first [`FREE`] bytes of a body take nothing, so
//!   that any number of connections that send next to nothing leave the room to others. They are bounded
//!   by the number of connections.

use std::sync::Arc;

use actix_web::{HttpRequest, web::Data};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which room is given out, in bytes.
const UNIT: usize = 64 * 1024;

/// Room for bodies of 128 MiB together.
const UNITS: usize = 2_048;

/// As much of each body takes no room.
const FREE: usize = 4 * 1024;

/// Room that bodies share, on all threads.
pub(crate) struct Room(Arc<Semaphore>);

/// There is no room for more at the moment.
pub(crate) struct Full;

/// What bodies of each kind have room in: those of the one take none from the other.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) requests: Room,
    pub(crate) deliveries: Room,
}

impl Rooms {
    /// That of the API which a request is for.
    pub(crate) fn of(request: &HttpRequest) -> Data<Self> {
        // Every route has it: `configure` puts it there.
        request
            .app_data::<Data<Self>>()
            .cloned()
            .unwrap_or_default()
    }
}

/// The room that one body takes, until this is dropped.
#[derive(Default)]
pub(crate) struct Taken(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNITS)))
    }
}

impl Room {
    /// Has a body take as much as so many bytes need.
    pub(crate) fn hold(&self, taken: &mut Taken, bytes: usize) -> Result<(), Full> {
        let units = if bytes <= FREE {
            0
        } else {
            bytes.div_ceil(UNIT)
        };
        let held = taken
            .0
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(units.saturating_sub(held)).unwrap_or(u32::MAX);
        if more == 0 {
            return Ok(());
        }
        let more = Arc::clone(&self.0).try_acquire_many_owned(more);
        let more = more.map_err(|_| Full)?;
        match &mut taken.0 {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_what_has_arrived_and_gives_it_back() {
        let room = Room::default();
        let mut large = Taken::default();
        for (bytes, left) in [
            (0, UNITS),
            (FREE, UNITS),
            (FREE + 1, UNITS - 1),
            (UNIT, UNITS - 1),
            (UNIT + 1, UNITS - 2),
        ] {
            assert!(room.hold(&mut large, bytes).is_ok());
            assert_eq!(room.0.available_permits(), left, "{bytes}");
        }
        let mut other = Taken::default();
        assert!(room.hold(&mut other, UNITS * UNIT).is_err());
        assert!(room.hold(&mut other, FREE).is_ok(), "little is free");
        drop(large);
        assert!(room.hold(&mut other, UNITS * UNIT).is_ok());
    }
}
