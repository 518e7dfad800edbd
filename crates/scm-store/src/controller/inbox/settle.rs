//! What becomes of a delivery. Each of these does nothing, and says so, if somebody else has taken
//! it over.

use std::time::Duration;

use scm_types::{DeliveryState, IntegrationId, ScmEvent};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DbBackend, DbErr,
    sea_query::{Query, UpdateStatement},
};

use super::{Claimed, InboxController, claim::nobody, pending};
use crate::{
    RefMoves, StoreError,
    begin::begin_to_write,
    controller::{
        clock_sql::{in_future, now},
        events::NewEvents,
        refs::moved,
    },
    entity::scm_webhook_delivery::{Column, Entity},
};

/// The column's length.
const CODE: usize = 64;

/// The first pause; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// How a delivery ended. A code is a short, stable word.
#[derive(Debug)]
pub enum Settlement<'a> {
    /// It was processed.
    Done {
        /// What the tenant is told.
        events: &'a [ScmEvent],
        /// What was not as it should be, though it was processed.
        note: Option<&'static str>,
    },
    /// There is nothing in it for anybody.
    Ignored {
        /// Why.
        code: &'static str,
    },
    /// It could not be processed now. It is tried again later, and the integration's other
    /// deliveries wait; after [`InboxController::ATTEMPTS`] it is dead.
    Failed {
        /// Why.
        code: &'static str,
    },
    /// It cannot be processed, however often it is tried.
    Dead {
        /// Why.
        code: &'static str,
    },
}

/// What became of a settlement that moves what is known of refs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is written.
    Yes,
    /// Nothing is: the delivery is not the caller's any more.
    NotMine,
    /// Nothing is: something else is known of the refs by now, and is to be looked at first.
    Outdated,
}

impl InboxController {
    /// Ends the processing of a delivery, and tells its events: both or neither. False, and nothing
    /// done, if the delivery is not the caller's any more.
    pub async fn settle(&self, claimed: Claimed, how: &Settlement<'_>) -> Result<bool, StoreError> {
        let settled = self.settle_moving(&claimed, how, None).await?;
        Ok(settled == Settled::Yes)
    }

    /// The same, and with it moves what is known of the refs that the delivery is about: all of it
    /// or nothing. The delivery stays the caller's if the state of the refs was
    /// [outdated](Settled::Outdated).
    pub async fn settle_moving(
        &self,
        claimed: &Claimed,
        how: &Settlement<'_>,
        moves: Option<&RefMoves>,
    ) -> Result<Settled, StoreError> {
        let (state, code) = match how {
            Settlement::Done { note, .. } => (DeliveryState::Done, *note),
            Settlement::Ignored { code } => (DeliveryState::Ignored, Some(*code)),
            Settlement::Failed { code } if claimed.attempts < Self::ATTEMPTS => {
                (DeliveryState::Pending, Some(*code))
            }
            Settlement::Failed { code } | Settlement::Dead { code } => {
                (DeliveryState::Dead, Some(*code))
            }
        };
        let update = settlement(self.backend(), claimed, state, code);
        let events = match how {
            Settlement::Done { events, .. } if !events.is_empty() => {
                Some(NewEvents::seal(&self.cipher, claimed, events)?)
            }
            _ => None,
        };
        if events.is_none() && moves.is_none() {
            let written = self.db.as_writer(|pool| pool.execute(&update)).await;
            let written = written.map_err(StoreError::from_driver)?;
            return Ok(settled(written.rows_affected() > 0));
        }
        let whole = Whole {
            update: &update,
            events: events.as_ref(),
            moves: moves.map(|moves| (&claimed.integration_id, moves)),
        };
        let settled = self.db.as_writer(|pool| whole.write(pool)).await;
        settled.map_err(StoreError::from_driver)
    }
}

fn settled(written: bool) -> Settled {
    if written {
        Settled::Yes
    } else {
        Settled::NotMine
    }
}

/// A delivery, its events and what it moves, for one transaction.
struct Whole<'a> {
    update: &'a UpdateStatement,
    events: Option<&'a NewEvents>,
    moves: Option<(&'a IntegrationId, &'a RefMoves)>,
}

impl Whole<'_> {
    async fn write(&self, pool: &DatabaseConnection) -> Result<Settled, DbErr> {
        let transaction = begin_to_write(pool).await?;
        if transaction.execute(self.update).await?.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(Settled::NotMine);
        }
        if let Some((id, moves)) = self.moves
            && !moved(&transaction, id, moves).await?
        {
            transaction.rollback().await?;
            return Ok(Settled::Outdated);
        }
        if let Some(events) = self.events {
            events.append(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(Settled::Yes)
    }
}

fn settlement(
    backend: DbBackend,
    claimed: &Claimed,
    state: DeliveryState,
    code: Option<&str>,
) -> UpdateStatement {
    let code: Option<String> = code.map(|code| code.chars().take(CODE).collect());
    let next = match state {
        DeliveryState::Pending => in_future(backend, pause(claimed.attempts)),
        DeliveryState::Done | DeliveryState::Ignored | DeliveryState::Dead => now(backend),
    };
    Query::update()
        .table(Entity)
        .value(Column::State, state.as_str())
        .value(Column::Owner, nobody())
        .value(Column::LastError, code)
        .value(Column::NextAttemptAt, next)
        .value(Column::ProcessedAt, now(backend))
        .cond_where(held(claimed))
        .to_owned()
}

/// The delivery, as long as it is the owner's: also a late one's that nobody has taken over.
fn held(claimed: &Claimed) -> Condition {
    pending()
        .add(Column::Id.eq(claimed.id.as_str()))
        .add(Column::Owner.eq(claimed.owner.as_str()))
}

/// How long the next attempt is put off.
fn pause(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_six_hours() {
        let seconds = |attempts| pause(attempts).as_secs();
        assert_eq!([1, 2, 3, 11].map(seconds), [10, 20, 40, 10_240]);
        assert_eq!([13, 17, 18, u32::MAX].map(seconds), [21_600; 4]);
    }
}
