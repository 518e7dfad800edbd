//! Writing a row back into the old server's table.
//!
//! Named columns are written, and those alone that the table has: what else stands in a row there
//! (`senderLogin`, `providerConfig`) stays. One statement a row.

use scm_types::Timestamp;
use sea_orm::{
    ConnectionTrait, DbBackend, Value,
    sea_query::{Alias, Condition, Expr, ExprTrait, Query},
};

use super::{OldTable, OldTableError};
use crate::{StoreError, value::bound};

/// What a column is to hold.
pub enum OldCell {
    /// Text, words of an enumeration too.
    Text(Option<String>),
    /// True or false.
    Flag(bool),
    /// A point in time.
    Time(Option<Timestamp>),
}

/// What became of a row there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Added,
    /// It was there and is now as it is here.
    Updated,
    /// It was not there, and there was no need to add it.
    Absent,
    /// A row of another id has its tenant, or its repository.
    Taken,
    /// The table does not take it: too long, no such tenant, a column that wants a value.
    Refused,
}

impl OldTable {
    /// True if the table has such a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }

    /// Writes a row of this id and tenant; columns that the table lacks are left out. With `add` false a
    /// row that is not there stays away.
    ///
    /// Fails if the database is away.
    pub async fn put(
        &self,
        id: &str,
        tenant: &str,
        cells: Vec<(&'static str, OldCell)>,
        add: bool,
    ) -> Result<Put, OldTableError> {
        let there = self.tenant_of(id).await?;
        let cells = cells.into_iter().filter(|(column, _)| self.has(column));
        let cells: Vec<_> = cells
            .map(|(column, cell)| (column, self.bound(cell)))
            .collect();
        let written = match there {
            Some(other) if other != tenant => return Ok(Put::Taken),
            Some(_) => {
                let mut update = Query::update();
                update.table(Alias::new(&self.name));
                for (column, value) in cells {
                    update.value(Alias::new(column), value);
                }
                update.cond_where(of_id(id));
                let done = self.db.run(|pool| pool.execute(&update)).await;
                done.map(|_| Put::Updated)
            }
            None if !add => return Ok(Put::Absent),
            None => {
                let own = [("id", id.into()), ("tenantId", tenant.into())];
                let (columns, values): (Vec<_>, Vec<Value>) = own.into_iter().chain(cells).unzip();
                let mut insert = Query::insert();
                insert
                    .into_table(Alias::new(&self.name))
                    .columns(columns.into_iter().map(Alias::new))
                    .values_panic(values.into_iter().map(Expr::value));
                let done = self.db.run(|pool| pool.execute(&insert)).await;
                done.map(|_| Put::Added)
            }
        };
        match written {
            Ok(put) => Ok(put),
            Err(StoreError::Conflict) => Ok(Put::Taken),
            Err(error) if error.is_unavailable() => Err(error.into()),
            Err(_) => Ok(Put::Refused),
        }
    }

    /// What [`Self::put`] would come to, as far as it can be seen without writing.
    pub async fn would_put(&self, id: &str, tenant: &str, add: bool) -> Result<Put, OldTableError> {
        Ok(match self.tenant_of(id).await? {
            Some(other) if other != tenant => Put::Taken,
            Some(_) => Put::Updated,
            None if add => Put::Added,
            None => Put::Absent,
        })
    }

    /// Whose the row of this id is; `None` if there is no such row.
    async fn tenant_of(&self, id: &str) -> Result<Option<String>, StoreError> {
        let mut select = Query::select();
        let tenant = match self.backend() {
            DbBackend::MySql => Expr::cust("CAST(`tenantId` AS CHAR CHARACTER SET utf8mb4)"),
            _ => Expr::col(Alias::new("tenantId")),
        };
        select
            .expr_as(tenant, Alias::new("tenant"))
            .from(Alias::new(&self.name))
            .cond_where(of_id(id));
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        Ok(found.map(|row| row.try_get("", "tenant").unwrap_or_default()))
    }

    fn bound(&self, cell: OldCell) -> Value {
        match cell {
            OldCell::Text(text) => text.into(),
            OldCell::Flag(flag) => flag.into(),
            // NULL has its column's type, too: PostgreSQL wants to know it.
            OldCell::Time(at) => bound(self.backend(), at.map(Timestamp::to_utc).into()),
        }
    }
}

/// The row of this id.
fn of_id(id: &str) -> Condition {
    Condition::all().add(Expr::col(Alias::new("id")).eq(id))
}
