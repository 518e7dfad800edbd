//! `export`.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use scm_store::{
    DatabaseConnection, ExportHeader, ExportWriter, RowReader, ServerController, TransferError,
};
use scm_types::{Clock as _, SystemClock};

use super::{progress::Progress, revision, rows, shapes};
use crate::{config::Config, database, fault};

/// A server that was heard of so recently is there.
const RECENT: Duration = Duration::from_mins(2);

#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn run(config: &Config, to: &Path) -> anyhow::Result<()> {
    database::must_exist(config)?;
    let db = database::connect_to_look(config).await?;
    database::is_current(&db).await?;
    if is_served(&db).await? {
        tracing::warn!(
            "a server uses this database: what it writes from now on is not in the file. Stop it first \
             if you want to go on with the copy"
        );
    }
    db.close().await.ok();
    let mut reader = RowReader::open(&config.database_url()?).await?;
    let header = ExportHeader {
        revision: revision(),
        made_at: SystemClock.now(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let name = to.display();
    let mut writer =
        ExportWriter::create(to, &header).with_context(|| format!("{name} was not written"))?;
    let copied = copy(&mut reader, &mut writer).await;
    reader.close().await;
    if let Err(error) = copied {
        writer.abandon();
        return Err(error).with_context(|| format!("{name} was not written"));
    }
    let written = writer.finish();
    let written = written.with_context(|| format!("{name} was not written"))?;
    println!("wrote {name} with {}", rows(written));
    println!("secrets in it are sealed; the keys are not in it: import wants the same key file");
    Ok(())
}

async fn copy(reader: &mut RowReader, writer: &mut ExportWriter) -> Result<(), TransferError> {
    let shapes = shapes();
    let mut total = 0;
    for shape in &shapes {
        total += reader.count(shape).await?;
    }
    let progress = Progress::of("exporting", total);
    for shape in &shapes {
        writer.table(shape)?;
        let mut take = |row| {
            writer.row(shape, &row)?;
            progress.one();
            Ok(())
        };
        reader.each(shape, &mut take).await?;
        writer.end_table()?;
        fault::reached("export:table");
    }
    Ok(())
}

/// True if a server uses the database.
pub(super) async fn is_served(db: &DatabaseConnection) -> anyhow::Result<bool> {
    let servers = ServerController::new(db.clone()).all().await?;
    let mut there = servers
        .iter()
        .filter(|server| server.stopped.is_none() && server.seen < RECENT);
    Ok(there.next().is_some())
}
