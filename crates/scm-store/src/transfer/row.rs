//! What a row is, apart from any database.

use scm_types::Timestamp;
use serde_json::Value;

use super::TransferError;
use crate::{
    cipher::sealed_with,
    entity::{scm_job, scm_key_canary, tenant_scm_integration},
    key_usage::{BY_ID, SECRETS},
};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Text, words of an enumeration too.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A point in time.
    Time,
}

/// A table, as far as copying it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Its name.
    pub name: String,
    /// Its columns, in the order in which a row has its cells.
    pub columns: Vec<(String, CellKind)>,
}

/// What stands in a column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// A point in time.
    Time(Timestamp),
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// The row as its line, the same for every database.
    #[must_use]
    pub fn line(&self) -> String {
        let cells = self.0.iter().map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Text(text) => text.as_str().into(),
            Cell::Number(number) => (*number).into(),
            Cell::Flag(flag) => (*flag).into(),
            Cell::Time(time) => time.as_millis().into(),
        });
        Value::Array(cells.collect()).to_string()
    }
}

impl TableShape {
    /// A row from its line. What is wrong with it is said without what stands in it.
    pub(super) fn row(&self, line: &str) -> Result<Row, &'static str> {
        let Ok(Value::Array(cells)) = serde_json::from_str(line) else {
            return Err("it is no row");
        };
        if cells.len() != self.columns.len() {
            return Err("it has another number of cells than its table has columns");
        }
        let cells = cells.into_iter().zip(&self.columns);
        let cells =
            cells.map(|(cell, (_, kind))| kind.cell(cell).ok_or("a cell is of another kind"));
        cells.collect::<Result<_, _>>().map(Row)
    }

    /// Fails if the row has a value in clear where only sealed ones belong.
    pub(super) fn refuse_in_clear(&self, row: &Row) -> Result<(), TransferError> {
        for (cell, (column, _)) in row.0.iter().zip(&self.columns) {
            if let Cell::Text(text) = cell
                && is_sealed(&self.name, column)
                && sealed_with(text).is_none()
            {
                return Err(TransferError::InClear {
                    table: self.name.clone(),
                    column: column.clone(),
                });
            }
        }
        Ok(())
    }
}

impl CellKind {
    fn cell(self, value: Value) -> Option<Cell> {
        Some(match (self, value) {
            (_, Value::Null) => Cell::Null,
            (Self::Text, Value::String(text)) => Cell::Text(text),
            (Self::Number, value) => Cell::Number(value.as_i64()?),
            (Self::Flag, Value::Bool(flag)) => Cell::Flag(flag),
            (Self::Time, value) => Cell::Time(Timestamp::from_millis(value.as_i64()?)?),
            _ => return None,
        })
    }
}

/// True for the columns that hold sealed values and no others.
fn is_sealed(table: &str, column: &str) -> bool {
    use sea_orm::IdenStatic as _;
    let of_integrations = || SECRETS.iter().any(|secret| secret.as_str() == column);
    let by_id = || {
        BY_ID
            .iter()
            .any(|sealed| (sealed.table, sealed.column) == (table, column))
    };
    (table == tenant_scm_integration::TABLE && of_integrations())
        || by_id()
        || (table, column) == (scm_job::TABLE, scm_job::Column::Payload.as_str())
        || (table, column)
            == (
                scm_key_canary::TABLE,
                scm_key_canary::Column::SealedValue.as_str(),
            )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> TableShape {
        let columns = [
            ("id", CellKind::Text),
            ("attempts", CellKind::Number),
            ("present", CellKind::Flag),
            ("at", CellKind::Time),
            ("payload", CellKind::Text),
        ];
        TableShape {
            name: "scm_jobs".to_owned(),
            columns: columns.map(|(name, kind)| (name.to_owned(), kind)).into(),
        }
    }

    #[test]
    fn a_line_and_its_row() {
        let row = Row(vec![
            Cell::Text("é\"\n日本🦀".to_owned()),
            Cell::Number(i64::MIN),
            Cell::Flag(true),
            Cell::Time(Timestamp::from_millis(1_801_386_000_123).unwrap()),
            Cell::Null,
        ]);
        let line = row.line();
        assert_eq!(
            line,
            r#"["é\"\n日本🦀",-9223372036854775808,true,1801386000123,null]"#
        );
        assert_eq!(shape().row(&line), Ok(row));
    }

    #[test]
    fn lines_that_are_no_rows() {
        for line in [
            "",
            "{}",
            "[",
            r#"["a",1,true,0]"#,
            r#"["a",1,true,0,null,null]"#,
            "[1,1,true,0,null]",
            r#"["a",1.5,true,0,null]"#,
            r#"["a",1,1,0,null]"#,
            r#"["a",1,true,"2027",null]"#,
            r#"["a",1,true,9999999999999999,null]"#,
        ] {
            assert!(shape().row(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_should_be_sealed_has_to_be() {
        let row = |payload: &str| {
            shape()
                .row(&format!(r#"["a",1,true,0,{payload}]"#))
                .unwrap()
        };
        assert!(shape().refuse_in_clear(&row("null")).is_ok());
        assert!(shape().refuse_in_clear(&row(r#""v1.k1.AAAA""#)).is_ok());
        let error = shape().refuse_in_clear(&row(r#""hunter2""#)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        for (table, column, want) in [
            ("tenant_scm_integrations", "accessToken", true),
            ("tenant_scm_integrations", "previousWebhookSecret", true),
            ("tenant_scm_integrations", "displayName", false),
            ("scm_api_keys", "secretHash", true),
            ("scm_events", "body", true),
            ("scm_idempotency_keys", "body", false),
            ("scm_key_canaries", "sealedValue", true),
        ] {
            assert_eq!(is_sealed(table, column), want, "{table}.{column}");
        }
    }
}
