//! Writing what is known, by who decided on the newest state.

use std::time::Duration;

use scm_types::{CommitSha, FullRef, IntegrationId, ScmEvent, TenantId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    sea_query::{Expr, ExprTrait, OnConflict, Query, UpdateStatement},
};

use super::{RefController, RefRecord, digest_of, removals};
use crate::{
    StoreError,
    begin::begin_to_write,
    controller::{
        clock_sql::{millis_away, now},
        events::NewEvents,
    },
    entity::{
        scm_known_ref::{Column, Entity},
        scm_redelivery, scm_ref_check,
    },
};

/// Rows of one statement.
const ROWS_AT_A_TIME: usize = 500;

/// How long a ref that is gone is remembered.
const GONE_FOR: Duration = Duration::from_hours(24);

/// How long it is remembered what a host was asked to send again: longer than any host keeps it.
const ASKED_FOR: Duration = Duration::from_hours(24 * 10);

/// How far the refs of an integration are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefTally {
    /// Stands for all that is known now.
    pub version: i64,
    /// Whether all refs were looked at once, so that a difference is something that happened.
    pub baseline: bool,
    /// There are more refs than are kept: nothing is known of them.
    pub too_many: bool,
    /// How long ago they were last looked at; `None` if they never were.
    pub checked: Option<Duration>,
}

/// What is known of a ref from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefWrite {
    /// Which one.
    pub name: FullRef,
    /// What is known.
    pub record: RefRecord,
}

/// How a delivery moves what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMoves {
    /// The [`RefTally::version`] by which it was decided.
    pub version: i64,
    /// What is known from now on.
    pub refs: Vec<RefWrite>,
}

/// What a comparison has found, to be told.
#[derive(Debug)]
pub struct FoundEvents<'a> {
    /// Whose integration it is.
    pub tenant: &'a TenantId,
    /// What happened; none is none.
    pub events: &'a [ScmEvent],
}

/// What looking at all refs has come to.
#[derive(Debug)]
pub enum Conclusion<'a> {
    /// They are known.
    Known {
        /// What is known from now on of those that differ.
        refs: &'a [RefWrite],
        /// What the tenant is told of it.
        found: FoundEvents<'a>,
    },
    /// There are more than are kept.
    TooMany,
    /// They were not looked at, and what happens meanwhile is not to be told.
    Unwatched,
}

impl RefController {
    /// Begins with an integration that has a webhook; nothing happens if that was done before.
    pub async fn begin(&self, id: &IntegrationId) -> Result<(), StoreError> {
        use scm_ref_check::{Column, Entity};
        let mut insert = Query::insert();
        insert
            .into_table(Entity)
            .columns([
                Column::IntegrationId,
                Column::Version,
                Column::Baseline,
                Column::TooMany,
            ])
            .values_panic([
                Expr::value(id.as_str()),
                Expr::value(0_i64),
                Expr::value(false),
                Expr::value(false),
            ])
            .on_conflict(
                OnConflict::column(Column::IntegrationId)
                    .do_nothing_on([Column::IntegrationId])
                    .to_owned(),
            );
        self.db.run(|pool| pool.execute(&insert)).await?;
        Ok(())
    }

    /// Forgets all that is known of an integration.
    pub async fn forget(&self, id: &IntegrationId) -> Result<(), StoreError> {
        for delete in removals(id) {
            self.db.run(|pool| pool.execute(&delete)).await?;
        }
        Ok(())
    }

    /// What differs when the refs are looked at the next time is not told.
    pub async fn forget_baseline(&self, id: &IntegrationId) -> Result<(), StoreError> {
        use scm_ref_check::Column;
        let mut update = counted(id);
        update.value(Column::Baseline, false);
        self.db.run(|pool| pool.execute(&update)).await?;
        Ok(())
    }

    /// Ends a look at all refs: what is known, and what is told of it, or nothing of both. False if
    /// what is known is not what `version` stands for any more.
    ///
    /// Fails with [`StoreError::Seal`] if an event cannot be sealed.
    pub async fn conclude(
        &self,
        id: &IntegrationId,
        version: i64,
        conclusion: &Conclusion<'_>,
    ) -> Result<bool, StoreError> {
        let events = match conclusion {
            Conclusion::Known { found, .. } if !found.events.is_empty() => {
                let sealed = NewEvents::seal_found(&self.cipher, found.tenant, id, found.events)?;
                Some(sealed)
            }
            _ => None,
        };
        let end = End {
            id,
            version,
            conclusion,
            events: events.as_ref(),
        };
        self.db.run(|pool| end.write(pool)).await
    }
}

/// The end of a look at all refs.
struct End<'a> {
    id: &'a IntegrationId,
    version: i64,
    conclusion: &'a Conclusion<'a>,
    events: Option<&'a NewEvents>,
}

impl End<'_> {
    async fn write(&self, pool: &DatabaseConnection) -> Result<bool, DbErr> {
        let transaction = begin_to_write(pool).await?;
        if !self.count(&transaction).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        self.tidy(&transaction).await?;
        if let Conclusion::Known { refs, .. } = self.conclusion {
            keep(&transaction, self.id, refs).await?;
        }
        if let Some(events) = self.events {
            events.append(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn count(&self, transaction: &DatabaseTransaction) -> Result<bool, DbErr> {
        use scm_ref_check::Column;
        let backend = transaction.get_database_backend();
        let mut update = counted(self.id);
        let (baseline, too_many) = match self.conclusion {
            Conclusion::Known { .. } => (true, false),
            Conclusion::TooMany => (false, true),
            Conclusion::Unwatched => (false, false),
        };
        update
            .value(Column::CheckedAt, now(backend))
            .value(Column::Baseline, baseline)
            .value(Column::TooMany, too_many)
            .and_where(Column::Version.eq(self.version));
        Ok(transaction.execute(&update).await?.rows_affected() > 0)
    }

    /// Removes what is not needed any more.
    async fn tidy(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        let backend = transaction.get_database_backend();
        let before = |age: Duration| {
            let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            millis_away(backend, -millis)
        };
        let mut refs = Query::delete();
        refs.from_table(Entity)
            .and_where(Column::IntegrationId.eq(self.id.as_str()));
        if !matches!(self.conclusion, Conclusion::TooMany) {
            refs.and_where(Column::Present.eq(false))
                .and_where(Expr::col(Column::UpdatedAt).lt(before(GONE_FOR)));
        }
        let mut asked = Query::delete();
        asked
            .from_table(scm_redelivery::Entity)
            .and_where(scm_redelivery::Column::IntegrationId.eq(self.id.as_str()))
            .and_where(Expr::col(scm_redelivery::Column::AskedAt).lt(before(ASKED_FOR)));
        transaction.execute(&refs).await?;
        transaction.execute(&asked).await?;
        Ok(())
    }
}

/// Moves what is known with a delivery, in the transaction that settles it. False, and the
/// transaction is to be rolled back, if it was decided by an older state.
pub(crate) async fn moved(
    transaction: &DatabaseTransaction,
    id: &IntegrationId,
    moves: &RefMoves,
) -> Result<bool, DbErr> {
    let mut update = counted(id);
    update.and_where(scm_ref_check::Column::Version.eq(moves.version));
    if transaction.execute(&update).await?.rows_affected() == 0 {
        return Ok(false);
    }
    keep(transaction, id, &moves.refs).await?;
    Ok(true)
}

/// The integration's row, one write further. Its lock keeps other writers out.
fn counted(id: &IntegrationId) -> UpdateStatement {
    use scm_ref_check::{Column, Entity};
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Version, Expr::col(Column::Version).add(1))
        .and_where(Column::IntegrationId.eq(id.as_str()));
    update
}

async fn keep(
    transaction: &DatabaseTransaction,
    id: &IntegrationId,
    refs: &[RefWrite],
) -> Result<(), DbErr> {
    let backend = transaction.get_database_backend();
    for refs in refs.chunks(ROWS_AT_A_TIME) {
        let mut upsert = Query::insert();
        upsert.into_table(Entity).columns([
            Column::IntegrationId,
            Column::Digest,
            Column::Name,
            Column::CommitSha,
            Column::OtherSha,
            Column::Present,
            Column::Source,
            Column::UpdatedAt,
        ]);
        for RefWrite { name, record } in refs {
            let name = name.to_string();
            let sha = |sha: &Option<CommitSha>| sha.as_ref().map(|it| it.as_str().to_owned());
            upsert.values_panic([
                Expr::value(id.as_str()),
                Expr::value(digest_of(&name)),
                Expr::value(name),
                Expr::value(sha(&record.commit)),
                Expr::value(sha(&record.other)),
                Expr::value(record.present),
                Expr::value(record.source.as_str()),
                now(backend),
            ]);
        }
        upsert.on_conflict(
            OnConflict::columns([Column::IntegrationId, Column::Digest])
                .update_columns([
                    Column::CommitSha,
                    Column::OtherSha,
                    Column::Present,
                    Column::Source,
                    Column::UpdatedAt,
                ])
                .to_owned(),
        );
        transaction.execute(&upsert).await?;
    }
    Ok(())
}
