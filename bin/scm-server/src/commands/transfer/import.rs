//! `import`.

use std::path::Path;

use anyhow::{Context as _, bail};
use scm_store::{
    Cell, DatabaseConnection, ExportItem, ExportReader, KeyRing, Row, RowReader, RowWriter,
    TableDigest, TableShape, TransferError, batches,
};

use super::{CANARIES, export::is_served, progress::Progress, revision, rows, shapes};
use crate::{cli::Import, config::Config, database, fault};

/// So much of the file's digest names it in the mark of its import.
const ID: usize = 32;

/// A file that was read to its end and is whole.
struct Checked {
    /// The digest of all of it.
    digest: String,
    /// What each table has.
    tables: Vec<TableDigest>,
    /// The rows of the canaries' table: names of keys and what they open.
    canaries: Vec<Row>,
}

impl Checked {
    fn rows(&self) -> u64 {
        self.tables.iter().map(TableDigest::rows).sum()
    }

    fn id(&self) -> &str {
        self.digest.get(..ID).unwrap_or(&self.digest)
    }
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn run(config: &Config, command: &Import) -> anyhow::Result<()> {
    let from = command.from.as_deref().context("no file is named")?;
    let (shapes, name) = (shapes(), from.display());
    // Not made here: new ones could open nothing.
    let ring = config.key_source()?.read()?;
    let checked = check(from, &shapes).with_context(|| format!("{name} was not imported"))?;
    fits(&ring, &checked.canaries).with_context(|| format!("{name} was not imported"))?;
    let rows_of_it = rows(checked.rows());
    println!("{name} is whole, has {rows_of_it}, and the keys open it");

    database::must_exist(config).context("make the database first: scm-server migrate up")?;
    if let Some(file) = config.database_file()? {
        scm_store::refuse_in_use(&file)
            .await
            .context("stop the server first")?;
    }
    let db = database::connect(config).await?;
    let there = state(config, &db, &shapes, &checked).await?;
    let begun = there.iter().map(TableDigest::rows).sum();
    if command.dry_run {
        println!("would import {}", rows(checked.rows() - begun));
        return Ok(());
    }
    if begun > 0 {
        println!("{} are there already: going on behind them", rows(begun));
    }
    write(&db, from, &shapes, &there, &checked).await?;
    fault::reached("import:rows-done");
    let found = digests(config, &shapes).await?;
    for ((shape, found), wanted) in shapes.iter().zip(&found).zip(&checked.tables) {
        if found != wanted {
            bail!(
                "the table {} is not as it was exported: it has {} with the digest {}, and {} with the \
                 digest {} were exported; empty the database and begin anew",
                shape.name,
                rows(found.rows()),
                found.hex(),
                rows(wanted.rows()),
                wanted.hex()
            );
        }
    }
    fault::reached("import:verified");
    scm_migrations::end_import(&db, checked.id()).await?;
    db.close().await.ok();
    println!(
        "imported {rows_of_it}; all {} tables have the counts and digests that they were exported with",
        shapes.len()
    );
    Ok(())
}

/// Reads a file to its end.
fn check(file: &Path, shapes: &[TableShape]) -> anyhow::Result<Checked> {
    let mut reader = ExportReader::open(file, shapes.to_vec())?;
    let (theirs, ours) = (&reader.header().revision, revision());
    if *theirs != ours {
        bail!(
            "its schema is at {theirs} and this program's at {ours}: import it with the program that \
             made it ({}), and upgrade then",
            reader.header().program
        );
    }
    let (mut tables, mut canaries) = (Vec::new(), Vec::new());
    let mut table = "";
    loop {
        match reader.item()? {
            ExportItem::Table(index) => table = &shapes[index].name,
            ExportItem::Row(row, _) if table == CANARIES => canaries.push(row),
            ExportItem::Row(..) => {}
            ExportItem::EndTable(digest) => tables.push(digest),
            ExportItem::End(digest) => {
                return Ok(Checked {
                    digest,
                    tables,
                    canaries,
                });
            }
        }
    }
}

/// Whether the keys are those that the rows were sealed with.
fn fits(ring: &KeyRing, canaries: &[Row]) -> anyhow::Result<()> {
    // The first two columns of the table: the name of the key, and what it has sealed.
    let sealed = canaries.iter().filter_map(|row| match row.0.as_slice() {
        [Cell::Text(key), Cell::Text(sealed), ..] => Some((key.as_str(), sealed.as_str())),
        _ => None,
    });
    let sealed: Vec<_> = sealed.collect();
    if sealed.is_empty() {
        bail!("no server has ever opened its database: there is nothing to import");
    }
    scm_store::open_canaries(sealed, ring)
        .context("the keys of the settings are not the ones that it was sealed with")
}

/// What the target has already of this file.
async fn state(
    config: &Config,
    db: &DatabaseConnection,
    shapes: &[TableShape],
    checked: &Checked,
) -> anyhow::Result<Vec<TableDigest>> {
    let status = scm_migrations::status(db).await?;
    match status.unfinished_import() {
        Some(id) if id == checked.id() => return digests(config, shapes).await,
        Some(_) => bail!(
            "the import of another file into this database was begun and is not finished; run that \
             again, or empty the database"
        ),
        None => database::is_current(db).await?,
    }
    let mut reader = RowReader::open(&config.database_url()?).await?;
    for shape in shapes {
        let found = reader.count(shape).await?;
        if found > 0 {
            let served = if is_served(db).await? {
                ", and a server uses it"
            } else {
                ""
            };
            bail!(
                "the database is not empty: {} has {}{served}; import into one that no server has worked \
                 with (scm-server migrate up makes its tables)",
                shape.name,
                rows(found)
            );
        }
    }
    reader.close().await;
    Ok(vec![TableDigest::default(); shapes.len()])
}

/// What each table of the target has.
async fn digests(config: &Config, shapes: &[TableShape]) -> anyhow::Result<Vec<TableDigest>> {
    let mut reader = RowReader::open(&config.database_url()?).await?;
    let mut total = 0;
    for shape in shapes {
        total += reader.count(shape).await?;
    }
    let progress = Progress::of("checking", total);
    let mut digests = Vec::new();
    for shape in shapes {
        let mut digest = TableDigest::default();
        let mut take = |row: Row| {
            digest.add(&row.line());
            progress.one();
            Ok(())
        };
        reader.each(shape, &mut take).await?;
        digests.push(digest);
    }
    reader.close().await;
    Ok(digests)
}

/// Writes what is not there yet.
async fn write(
    db: &DatabaseConnection,
    file: &Path,
    shapes: &[TableShape],
    there: &[TableDigest],
    checked: &Checked,
) -> anyhow::Result<()> {
    let status = scm_migrations::status(db).await?;
    if status.unfinished_import().is_none() {
        scm_migrations::begin_import(db, checked.id()).await?;
        fault::reached("import:marked");
    }
    let mut reader = ExportReader::open(file, shapes.to_vec())?;
    let progress = Progress::of("importing", checked.rows());
    let writer = RowWriter::new(db.clone());
    let mut index = 0;
    let mut seen = TableDigest::default();
    let mut batch = Vec::new();
    let mut bytes = 0;
    loop {
        match reader.item()? {
            ExportItem::Table(next) => (index, seen) = (next, TableDigest::default()),
            ExportItem::Row(row, line) => {
                progress.one();
                let shape = &shapes[index];
                let is_there = seen.rows() < there[index].rows();
                seen.add(&line);
                if is_there {
                    same(shape, &seen, &there[index])?;
                    continue;
                }
                if batches(shape, batch.len(), bytes, line.len()) {
                    insert(&writer, shape, std::mem::take(&mut batch)).await?;
                    bytes = 0;
                }
                bytes += line.len();
                batch.push(row);
            }
            ExportItem::EndTable(digest) => {
                insert(&writer, &shapes[index], std::mem::take(&mut batch)).await?;
                bytes = 0;
                if digest.rows() < there[index].rows() {
                    bail!("{}", foreign(&shapes[index]));
                }
            }
            ExportItem::End(digest) if digest == checked.digest => return Ok(()),
            ExportItem::End(_) => bail!("{} was changed meanwhile", file.display()),
        }
    }
}

/// Rows that are there must be the first ones of the file.
fn same(shape: &TableShape, seen: &TableDigest, there: &TableDigest) -> anyhow::Result<()> {
    if seen.rows() == there.rows() && seen != there {
        bail!("{}", foreign(shape));
    }
    Ok(())
}

fn foreign(shape: &TableShape) -> String {
    format!(
        "the table {} has rows that are not of this file; empty the database and begin anew",
        shape.name
    )
}

async fn insert(
    writer: &RowWriter,
    shape: &TableShape,
    rows: Vec<Row>,
) -> Result<(), TransferError> {
    if rows.is_empty() {
        return Ok(());
    }
    writer.insert(shape, rows).await?;
    fault::reached("import:batch");
    Ok(())
}
