//! The tables of a current schema with their columns, for whoever copies rows: read from the schema file
//! that a test compares with what the steps make, so that a new table cannot be forgotten.

/// The schema after all steps on PostgreSQL, whose types say the most.
const SCHEMA: &str = include_str!("../schema/postgres.txt");

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, words of an enumeration too.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A point in time.
    Time,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
}

/// Every table of a current schema but the list of the steps, by name.
#[must_use]
pub fn tables() -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for (table, column) in SCHEMA.lines().filter_map(column) {
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push(column),
            _ => tables.push(Table {
                name: table,
                columns: vec![column],
            }),
        }
    }
    tables
}

/// A line such as `scm_jobs.attempts integer not null default 0`.
fn column(line: &'static str) -> Option<(&'static str, Column)> {
    let (place, kind) = line.split_once(' ')?;
    let (table, name) = place.split_once('.')?;
    let kind = kind_of(kind)?;
    Some((table, Column { name, kind }))
}

fn kind_of(kind: &str) -> Option<ColumnKind> {
    let is = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
    if is(&["character varying", "text "]) {
        Some(ColumnKind::Text)
    } else if is(&["bigint ", "integer ", "smallint "]) {
        Some(ColumnKind::Number)
    } else if is(&["boolean "]) {
        Some(ColumnKind::Flag)
    } else if is(&["timestamp with time zone"]) {
        Some(ColumnKind::Time)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns of the schema stand before its first empty line.
    #[test]
    fn every_column_is_understood() {
        let (columns, _) = SCHEMA.split_once("\n\n").unwrap();
        for line in columns.lines() {
            assert!(column(line).is_some(), "{line}");
        }
        let found: usize = tables().iter().map(|table| table.columns.len()).sum();
        assert_eq!(found, columns.lines().count());
    }

    #[test]
    fn they_are_those_that_a_server_looks_for() {
        let names: Vec<_> = tables().iter().map(|table| table.name).collect();
        let wanted: Vec<_> = crate::status::wanted_tables().collect();
        assert_eq!(names, wanted);
        let jobs = tables().into_iter().find(|table| table.name == "scm_jobs");
        let kinds: Vec<_> = jobs.unwrap().columns.into_iter().take(6).collect();
        let of = |name, kind| Column { name, kind };
        assert_eq!(
            kinds[4..],
            [
                of("priority", ColumnKind::Number),
                of("dueAt", ColumnKind::Time)
            ]
        );
    }
}
