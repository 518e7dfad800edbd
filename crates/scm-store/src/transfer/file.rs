//! The file of an export: lines of JSON.
//!
//! - The first line is the header; then each table with its rows, one a line, and its count and digest;
//!   the last line has those of everything before it.
//! - A file appears under its name when it is whole and on disk. It is for its owner alone.
//! - A reader believes nothing: whatever is not as it was written is an error with the line's number.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256};
use scm_types::Timestamp;
use serde_json::{Value, json};

use super::{Row, TableDigest, TableShape, TransferError};
use crate::snapshot::{SnapshotError, draft_of, new_file, publish, settle};

/// What the first line says that the file is.
const FORMAT: &str = "scm-server export";

/// The format that is written, and the newest that is read.
const VERSION: u64 = 1;

/// A first line that is longer is none of ours, in bytes.
const LONGEST_HEADER: u64 = 1 << 16;

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportHeader {
    /// The schema's newest step.
    pub revision: String,
    /// When it was begun.
    pub made_at: Timestamp,
    /// The program's version.
    pub program: String,
}

/// Writes a file.
pub struct ExportWriter {
    to: PathBuf,
    draft: PathBuf,
    out: BufWriter<File>,
    frame: Context,
    table: TableDigest,
    tables: u64,
    rows: u64,
}

impl ExportWriter {
    /// Begins a file. Fails with [`TransferError::Exists`] rather than write over one; what an
    /// interrupted run has left behind is replaced.
    pub fn create(to: &Path, header: &ExportHeader) -> Result<Self, TransferError> {
        if to.exists() {
            return Err(TransferError::Exists(to.to_owned()));
        }
        let draft = draft_of(to);
        let mut writer = Self {
            out: BufWriter::new(new_file(&draft).map_err(told)?),
            to: to.to_owned(),
            draft,
            frame: Context::new(&SHA256),
            table: TableDigest::default(),
            tables: 0,
            rows: 0,
        };
        writer.frame_line(&json!({
            "format": FORMAT,
            "version": VERSION,
            "revision": header.revision,
            "madeAt": header.made_at,
            "program": header.program,
        }))?;
        Ok(writer)
    }

    /// Begins a table.
    pub fn table(&mut self, table: &TableShape) -> Result<(), TransferError> {
        self.table = TableDigest::default();
        let columns: Vec<_> = table.columns.iter().map(|(name, _)| name).collect();
        self.frame_line(&json!({"table": table.name, "columns": columns}))
    }

    /// Writes a row of it. Fails with [`TransferError::InClear`] if a secret in it is not sealed.
    pub fn row(&mut self, table: &TableShape, row: &Row) -> Result<(), TransferError> {
        table.refuse_in_clear(row)?;
        let line = row.line();
        self.table.add(&line);
        self.line(&line)
    }

    /// Ends the table.
    pub fn end_table(&mut self) -> Result<(), TransferError> {
        self.tables += 1;
        self.rows += self.table.rows();
        let (rows, digest) = (self.table.rows(), self.table.hex());
        self.frame_line(&json!({"rows": rows, "digest": digest}))
    }

    /// Ends the file and gives it its name; gives the number of rows.
    pub fn finish(mut self) -> Result<u64, TransferError> {
        let digest = hex(self.frame.clone().finish().as_ref());
        let end = json!({"tables": self.tables, "rows": self.rows, "digest": digest});
        self.line(&end.to_string())?;
        let flushed = self.out.flush();
        flushed.map_err(|source| self.failed(source))?;
        settle(&self.draft).map_err(told)?;
        publish(&self.draft, &self.to).map_err(told)?;
        Ok(self.rows)
    }

    /// Takes back what was written: it is of no use to anybody.
    pub fn abandon(self) {
        // Whatever is wrong with the disk, there is an error to tell already.
        let _ = std::fs::remove_file(&self.draft);
    }

    /// A line that is no row: all of them have a digest of their own.
    fn frame_line(&mut self, value: &Value) -> Result<(), TransferError> {
        let line = value.to_string();
        self.frame.update(line.as_bytes());
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<(), TransferError> {
        let written = self.out.write_all(line.as_bytes());
        let written = written.and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> TransferError {
        TransferError::File {
            path: self.draft.clone(),
            source,
        }
    }
}

/// What comes next in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportItem {
    /// A table begins: its place among those that were asked for.
    Table(usize),
    /// A row of it, with its line.
    Row(Row, String),
    /// The table has ended, and was whole.
    EndTable(TableDigest),
    /// The file has ended, and was whole; its digest.
    End(String),
}

/// Reads a file.
pub struct ExportReader {
    path: PathBuf,
    input: BufReader<File>,
    number: u64,
    line: String,
    frame: Context,
    header: ExportHeader,
    shapes: Vec<TableShape>,
    current: Option<(usize, TableDigest)>,
    tables: usize,
    rows: u64,
}

impl ExportReader {
    /// Opens a file and reads its header. Its tables must be these, in this order.
    pub fn open(path: &Path, shapes: Vec<TableShape>) -> Result<Self, TransferError> {
        let file = File::open(path).map_err(|source| TransferError::File {
            path: path.to_owned(),
            source,
        })?;
        let mut input = BufReader::new(file);
        let mut line = Vec::new();
        let mut first = (&mut input).take(LONGEST_HEADER);
        let read = first.read_until(b'\n', &mut line);
        read.map_err(|source| TransferError::File {
            path: path.to_owned(),
            source,
        })?;
        let header: Value = serde_json::from_slice(&line).map_err(|_| TransferError::Foreign)?;
        if header["format"] != FORMAT {
            return Err(TransferError::Foreign);
        }
        match header["version"].as_u64() {
            Some(VERSION) => {}
            found => {
                return Err(TransferError::Format {
                    found: found.unwrap_or_default(),
                    known: VERSION,
                });
            }
        }
        let text = |member: &str| header[member].as_str().map(str::to_owned);
        let damaged = TransferError::Damaged {
            line: 1,
            why: "the header lacks something",
        };
        let made_at = text("madeAt").and_then(|at| Timestamp::parse(&at).ok());
        let (Some(revision), Some(made_at), Some(program)) =
            (text("revision"), made_at, text("program"))
        else {
            return Err(damaged);
        };
        let mut frame = Context::new(&SHA256);
        frame.update(line.strip_suffix(b"\n").unwrap_or(&line));
        Ok(Self {
            path: path.to_owned(),
            input,
            number: 1,
            line: String::new(),
            frame,
            header: ExportHeader {
                revision,
                made_at,
                program,
            },
            shapes,
            current: None,
            tables: 0,
            rows: 0,
        })
    }

    /// What the file says of itself.
    #[must_use]
    pub fn header(&self) -> &ExportHeader {
        &self.header
    }

    /// How many bytes were read of how many.
    pub fn position(&mut self) -> (u64, u64) {
        let at = std::io::Seek::stream_position(&mut self.input).unwrap_or_default();
        let size = self.input.get_ref().metadata();
        (at, size.map_or(at, |metadata| metadata.len()))
    }

    /// What comes next; not to be called behind [`ExportItem::End`].
    pub fn item(&mut self) -> Result<ExportItem, TransferError> {
        self.read_line()?;
        if self.current.is_some() && self.line.starts_with('[') {
            return self.row();
        }
        let Ok(Value::Object(frame)) = serde_json::from_str(&self.line) else {
            return Err(self.damaged("it is neither a row nor the begin or end of anything"));
        };
        let frame = Value::Object(frame);
        match self.current.take() {
            Some((_, digest)) => self.end_table(&frame, digest),
            None if frame.get("table").is_some() => self.begin_table(&frame),
            None => self.end(&frame),
        }
    }

    fn row(&mut self) -> Result<ExportItem, TransferError> {
        let damaged = |why| TransferError::Damaged {
            line: self.number,
            why,
        };
        let Some((index, digest)) = &mut self.current else {
            return Err(damaged("it is in no table"));
        };
        let shape = &self.shapes[*index];
        let row = shape.row(&self.line).map_err(damaged)?;
        shape.refuse_in_clear(&row)?;
        digest.add(&self.line);
        Ok(ExportItem::Row(row, std::mem::take(&mut self.line)))
    }

    fn begin_table(&mut self, frame: &Value) -> Result<ExportItem, TransferError> {
        let index = self.tables;
        let fits = self.shapes.get(index).is_some_and(|shape| {
            let columns: Vec<_> = shape.columns.iter().map(|(name, _)| name).collect();
            frame["table"] == *shape.name && frame["columns"] == json!(columns)
        });
        if !fits {
            return Err(self.damaged("it is not the table that comes next in this schema"));
        }
        self.frame.update(self.line.as_bytes());
        self.tables += 1;
        self.current = Some((index, TableDigest::default()));
        Ok(ExportItem::Table(index))
    }

    fn end_table(
        &mut self,
        frame: &Value,
        digest: TableDigest,
    ) -> Result<ExportItem, TransferError> {
        if frame["rows"] != digest.rows() || frame["digest"] != *digest.hex() {
            return Err(self.damaged("the rows of the table before it are not those it counted"));
        }
        self.frame.update(self.line.as_bytes());
        self.rows += digest.rows();
        Ok(ExportItem::EndTable(digest))
    }

    fn end(&mut self, frame: &Value) -> Result<ExportItem, TransferError> {
        let digest = hex(self.frame.clone().finish().as_ref());
        let counts = frame["tables"] == self.tables && frame["rows"] == self.rows;
        if self.tables != self.shapes.len() || !counts || frame["digest"] != *digest {
            return Err(self.damaged("the file is not the one that was ended here"));
        }
        match self.input.fill_buf() {
            Ok([]) => Ok(ExportItem::End(digest)),
            _ => Err(self.damaged("something stands behind the end")),
        }
    }

    fn read_line(&mut self) -> Result<(), TransferError> {
        self.number += 1;
        self.line.clear();
        match self.input.read_line(&mut self.line) {
            Ok(_) if self.line.ends_with('\n') => {
                self.line.pop();
                Ok(())
            }
            Ok(_) => Err(TransferError::Truncated { line: self.number }),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(self.damaged("it is no text"))
            }
            Err(source) => Err(TransferError::File {
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn damaged(&self, why: &'static str) -> TransferError {
        TransferError::Damaged {
            line: self.number,
            why,
        }
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn told(error: SnapshotError) -> TransferError {
    match error {
        SnapshotError::File { path, source } => TransferError::File { path, source },
        SnapshotError::Exists(path) => TransferError::Exists(path),
        other => TransferError::File {
            path: PathBuf::new(),
            source: std::io::Error::other(other),
        },
    }
}
