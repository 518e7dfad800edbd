//! Tokens that end: which ones soon, how many, and of whose end was warned.
//!
//! - This goes over all tenants, as upkeep does: the server asks, no caller. No secret is read.
//! - Only an end that is stored is known; a token without one is none of these.

use std::time::Duration;

use scm_types::{IntegrationId, ScmType, TenantId, Timestamp, VerificationStatus};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Order,
    QueryFilter, QueryOrder, QueryResult, QuerySelect, Select,
    sea_query::{CaseStatement, Expr, ExprTrait},
};

use super::{
    ScmIntegrationController, quiet_update,
    scope::{same, time},
};
use crate::{
    DriverError, StoreError,
    convert::Row,
    entity::tenant_scm_integration::{Column, Entity, TABLE},
};

/// An active integration whose token ends, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The integration.
    pub id: IntegrationId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Which product its repository lives on.
    pub scm_type: ScmType,
    /// The repository.
    pub repository_url: String,
    /// What the last definite check said.
    pub verification_status: VerificationStatus,
    /// When the token ends.
    pub ends: Timestamp,
    /// When it was issued, if that is known.
    pub issued: Option<Timestamp>,
    /// Which credential it is.
    pub credential_version: i64,
    /// True if there is a refresh token.
    pub has_refresh_token: bool,
    /// True if the token is to be rotated.
    pub auto_rotate: bool,
    /// The last warning, as [`ScmIntegrationController::note_warning`] was given it.
    pub warning: Option<String>,
}

impl Ending {
    /// Where the row stands in the order of ends.
    #[must_use]
    pub fn place(&self) -> EndingPlace {
        EndingPlace {
            ends: self.ends,
            id: self.id.clone(),
        }
    }
}

/// A place in the order of ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingPlace {
    /// When the token ends.
    pub ends: Timestamp,
    /// The integration, where several end at the same time.
    pub id: IntegrationId,
}

/// Which ends are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingRequest {
    /// Those at this time or later; `None` takes those that have passed.
    pub from: Option<Timestamp>,
    /// Those before this time.
    pub before: Timestamp,
    /// Only rows with a refresh token or with `autoRotate`.
    pub renewable: bool,
    /// Those behind this place.
    pub after: Option<EndingPlace>,
    /// So many rows at the most.
    pub limit: u64,
}

/// One page of tokens that end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndingPage {
    /// The rows, the first to end first.
    pub items: Vec<Ending>,
    /// Where the next page begins, if this one was full.
    pub next: Option<EndingPlace>,
}

/// How many tokens end soon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndingCount {
    /// Tokens with a refresh token or with `autoRotate`.
    pub renewable: u64,
    /// All others.
    pub other: u64,
}

impl ScmIntegrationController {
    /// Active rows whose token ends within a time, by their end, read from its index. A row that
    /// makes no sense is left out and named in the log; [`EndingPage::next`] goes on behind it.
    ///
    /// Fails with [`StoreError::Corrupt`] if not one of a full page's rows can be read.
    pub async fn ending_before(&self, request: &EndingRequest) -> Result<EndingPage, StoreError> {
        let found = self.all(ending(self.backend(), request)).await?;
        let full = u64::try_from(found.len()).is_ok_and(|rows| rows >= request.limit);
        let mut page = EndingPage::default();
        let mut unreadable = None;
        for row in &found {
            match read(row) {
                Ok(row) => page.items.push(row),
                Err(StoreError::Corrupt { table, column, id }) => {
                    tracing::error!(table, column, id, "a row makes no sense and is left out");
                    unreadable = Some(StoreError::Corrupt { table, column, id });
                }
                Err(error) => return Err(error),
            }
        }
        if full {
            page.next = page.items.last().map(Ending::place);
            if let (None, Some(error)) = (&page.next, unreadable) {
                return Err(error);
            }
        }
        Ok(page)
    }

    /// The row of this id, if its token ends and it is active.
    pub async fn ending(&self, id: &IntegrationId) -> Result<Option<Ending>, StoreError> {
        let select = select().filter(same(self.backend(), Column::Id, id.as_str()));
        let found = self.one(select).await?;
        found.map(|found| read(&found)).transpose()
    }

    /// Notes the warning that is about to be given of this row's end. Of any number of servers one
    /// is told `true`; false also if the token has another end now. Neither the row's version nor
    /// its `updatedAt` changes.
    pub async fn note_warning(&self, row: &Ending, warning: &str) -> Result<bool, StoreError> {
        let backend = self.backend();
        let as_read = match &row.warning {
            None => Column::ExpiryWarning.is_null(),
            Some(last) => Column::ExpiryWarning.eq(last.as_str()),
        };
        let mut update = quiet_update();
        update.value(Column::ExpiryWarning, warning).cond_where(
            same(backend, Column::Id, row.id.as_str())
                .add(Column::TokenExpiresAt.eq(time(backend, row.ends)))
                .add(Column::DeletedAt.is_null())
                .add(as_read),
        );
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }

    /// How many active rows have a token that ends from now on and within each of these many days,
    /// with one query.
    pub async fn count_ending<const N: usize>(
        &self,
        days: [u64; N],
    ) -> Result<[EndingCount; N], StoreError> {
        let (backend, now) = (self.backend(), self.now());
        let within = |days: u64| {
            let end = now.plus(Duration::from_hours(days.saturating_mul(24)));
            Condition::all().add(Column::TokenExpiresAt.lte(time(backend, end)))
        };
        let longest = days.into_iter().max().unwrap_or_default();
        let mut select = Entity::find().select_only().filter(
            active()
                .add(Column::TokenExpiresAt.gt(time(backend, now)))
                .add(within(longest)),
        );
        for (number, days) in days.into_iter().enumerate() {
            for (name, kind) in [(RENEWABLE, renewable()), (OTHER, renewable().not())] {
                let one = CaseStatement::new().case(within(days).add(kind), Expr::value(1_i32));
                let count = Expr::expr(one).count();
                select = select.expr_as(count, format!("{name}{number}"));
            }
        }
        let mut counts = [EndingCount::default(); N];
        if let Some(found) = self.one(select).await? {
            for (number, count) in counts.iter_mut().enumerate() {
                count.renewable = counted(&found, RENEWABLE, number)?;
                count.other = counted(&found, OTHER, number)?;
            }
        }
        Ok(counts)
    }
}

const HAS_REFRESH_TOKEN: &str = "hasRefreshToken";
const RENEWABLE: &str = "renewable";
const OTHER: &str = "other";

/// What [`read`] reads.
fn select() -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::TenantId,
            Column::ScmType,
            Column::RepositoryUrl,
            Column::VerificationStatus,
            Column::TokenExpiresAt,
            Column::TokenIssuedAt,
            Column::CredentialVersion,
            Column::AutoRotate,
            Column::ExpiryWarning,
        ])
        .expr_as(Column::RefreshToken.is_not_null(), HAS_REFRESH_TOKEN)
        .filter(active())
        .filter(Column::TokenExpiresAt.is_not_null())
}

/// The statement behind a page.
pub(super) fn ending(backend: DbBackend, request: &EndingRequest) -> Select<Entity> {
    let from = request.from.map(|from| time(backend, from));
    select()
        .filter(
            Condition::all()
                .add(Column::TokenExpiresAt.lt(time(backend, request.before)))
                .add_option(from.map(|from| Column::TokenExpiresAt.gte(from)))
                .add_option(request.after.as_ref().map(|after| behind(backend, after)))
                .add_option(request.renewable.then(renewable)),
        )
        .order_by(Column::TokenExpiresAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(request.limit)
}

fn active() -> Condition {
    Condition::all()
        .add(Column::IsActive.eq(true))
        .add(Column::DeletedAt.is_null())
}

fn renewable() -> Condition {
    Condition::any()
        .add(Column::RefreshToken.is_not_null())
        .add(Column::AutoRotate.eq(true))
}

/// Rows behind a place. The first comparison alone finds where in the index they begin; the pair
/// is not looked up in it by every optimiser.
fn behind(backend: DbBackend, place: &EndingPlace) -> Condition {
    let at = time(backend, place.ends);
    Condition::all()
        .add(Column::TokenExpiresAt.gte(at.clone()))
        .add(
            Condition::any()
                .add(Column::TokenExpiresAt.gt(at))
                .add(Column::Id.gt(place.id.as_str())),
        )
}

fn read(found: &QueryResult) -> Result<Ending, StoreError> {
    let row = Row::new(found)?;
    let text = |column| Ok::<_, StoreError>(row.text(column)?.unwrap_or_default());
    let corrupt = |column: Column| StoreError::Corrupt {
        table: TABLE,
        column: column.as_str(),
        id: row.id().to_string(),
    };
    Ok(Ending {
        id: row.id().clone(),
        tenant_id: row.tenant()?,
        scm_type: text(Column::ScmType)?
            .parse()
            .map_err(|_| corrupt(Column::ScmType))?,
        repository_url: text(Column::RepositoryUrl)?,
        verification_status: text(Column::VerificationStatus)?
            .parse()
            .map_err(|_| corrupt(Column::VerificationStatus))?,
        ends: row
            .time(Column::TokenExpiresAt)?
            .ok_or_else(|| corrupt(Column::TokenExpiresAt))?,
        issued: row.time(Column::TokenIssuedAt)?,
        credential_version: row.get(Column::CredentialVersion)?,
        has_refresh_token: found
            .try_get("", HAS_REFRESH_TOKEN)
            .map_err(|_| corrupt(Column::RefreshToken))?,
        auto_rotate: row.get(Column::AutoRotate)?,
        warning: row.text(Column::ExpiryWarning)?,
    })
}

fn counted(found: &QueryResult, name: &str, number: usize) -> Result<u64, StoreError> {
    let column = format!("{name}{number}");
    let count: i64 = found
        .try_get("", &column)
        .map_err(|_| StoreError::Database {
            source: DriverError::new("a count is not a number"),
        })?;
    Ok(u64::try_from(count).unwrap_or_default())
}
