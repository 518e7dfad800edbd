//! Writing rows into tables that nobody else uses.

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend,
    sea_query::{Alias, Query, SimpleExpr, Value},
};

use super::{Cell, CellKind, Row, TableShape, TransferError};
use crate::driver::classify;

/// No statement has more rows than this,
const ROWS: usize = 500;
/// more values (SQLite takes 32,766),
const VALUES: usize = 20_000;
/// or more text, in bytes, unless one row has it.
const BYTES: usize = 1 << 20;

/// Writes rows. What is written by one call is there as a whole or not at all.
pub struct RowWriter(DatabaseConnection);

impl RowWriter {
    /// Writes by a pool.
    #[must_use]
    pub fn new(db: DatabaseConnection) -> Self {
        Self(db)
    }

    /// Adds rows to a table, which must be as many as [`batches`] lets through.
    pub async fn insert(&self, table: &TableShape, rows: Vec<Row>) -> Result<(), TransferError> {
        if rows.is_empty() {
            return Ok(());
        }
        let backend = self.0.get_database_backend();
        let mut insert = Query::insert();
        insert
            .into_table(Alias::new(&table.name))
            .columns(table.columns.iter().map(|(name, _)| Alias::new(name)));
        for row in rows {
            let cells = row.0.into_iter().zip(&table.columns);
            insert.values_panic(cells.map(|(cell, (_, kind))| value(backend, cell, *kind)));
        }
        self.0
            .execute(&insert)
            .await
            .map_err(|error| TransferError::table(&table.name, classify(&error)))?;
        Ok(())
    }
}

/// True if a further row would make a statement too large that has so many rows with so much text.
#[must_use]
pub fn batches(table: &TableShape, rows: usize, bytes: usize, further: usize) -> bool {
    rows > 0
        && (rows >= ROWS || (rows + 1) * table.columns.len() > VALUES || bytes + further > BYTES)
}

/// NULL has its column's type, too: PostgreSQL wants to know it. MySQL would take a time with a zone for
/// a TIMESTAMP, which knows no years but 1970 to 2038.
fn value(backend: DbBackend, cell: Cell, kind: CellKind) -> SimpleExpr {
    let value = match cell {
        Cell::Text(text) => Value::from(text),
        Cell::Number(number) => Value::from(number),
        Cell::Flag(flag) => Value::from(flag),
        Cell::Time(time) if backend == DbBackend::MySql => Value::from(time.to_utc().naive_utc()),
        Cell::Time(time) => Value::from(time.to_utc()),
        Cell::Null => match kind {
            CellKind::Text => Value::String(None),
            CellKind::Number => Value::BigInt(None),
            CellKind::Flag => Value::Bool(None),
            CellKind::Time => Value::ChronoDateTimeUtc(None),
        },
    };
    SimpleExpr::from(value)
}
