//! Coming over from delivr's old server, and the way home: its cipher, and its table as text.
//!
//! - The old server keeps a secret as it is, or sealed by a pass phrase. Either is read here, and
//!   goes on as a secret of ours; nothing else in this crate knows either form.
//! - A value that looks sealed and does not open is never taken for a secret in clear.
//! - Rows come as text, column by column, and are judged by whoever takes them over: what a column
//!   holds is in no error, only the column's name.
//! - No row is read that is not asked for, and none is held longer than its page: the memory that it
//!   takes does not grow with the table.

mod cipher;
mod table;
mod write;

pub use cipher::{InvalidPassPhrase, OldValueError, PassPhrase, open, seal};
pub use table::{NotText, OldRow, OldTable, OldTableError, Shape};
pub use write::{OldCell, Put};
