//! Rows on their way from one database to another, whatever kinds the two are of.
//!
//! - A row is its cells in the order of its table's columns, written as one line of JSON. The line is
//!   the same whichever database it was read from: numbers and flags as such, times as milliseconds
//!   since the Unix epoch, text as it is.
//! - A table's digest is the sum of its rows' SHA-256: it does not depend on the order in which a
//!   database gives them. It finds what was lost, doubled or changed on the way; it is no signature.
//! - Secrets go as they are sealed. A value that should be sealed and is not goes nowhere.
//! - Rows are read and written as they come; the memory that it takes does not grow with the tables.

mod digest;
mod file;
mod read;
mod row;
mod write;

pub use digest::TableDigest;
pub use file::{ExportHeader, ExportItem, ExportReader, ExportWriter};
pub use read::RowReader;
pub use row::{Cell, CellKind, Row, TableShape};
pub use write::{RowWriter, batches};

use std::{io, path::PathBuf};

use crate::{DriverError, StoreError};

/// Why rows could not be taken from one place to another.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A file could not be read or written.
    #[error("{} cannot be used", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing is written over.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The file was made by something else.
    #[error("it is no export of this service")]
    Foreign,
    /// The file was made by a newer program.
    #[error("it has the format {found}, and this program reads {known}")]
    Format {
        /// The file's.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// The file ends before its end.
    #[error("it ends early, at line {line}")]
    Truncated {
        /// Where.
        line: u64,
    },
    /// The file is not as it was written.
    #[error("line {line} is damaged: {why}")]
    Damaged {
        /// Where.
        line: u64,
        /// What is wrong there, without what stands there.
        why: &'static str,
    },
    /// A value that should be sealed is not. It is not copied.
    #[error(
        "a row of {table} has a value in {column} that is not sealed: store it again through the \
         service, or erase it (scm-server doctor counts them)"
    )]
    InClear {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A row holds what this system would never have written.
    #[error("a row of {table} has a value in {column} that makes no sense")]
    Corrupt {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A database did not give or take the rows of a table.
    #[error("the rows of {table} stay where they are")]
    Table {
        /// The table.
        table: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransferError {
    fn table(table: &str, error: (crate::driver::Meaning, DriverError)) -> Self {
        Self::Table {
            table: table.to_owned(),
            source: StoreError::from_driver(error),
        }
    }
}
