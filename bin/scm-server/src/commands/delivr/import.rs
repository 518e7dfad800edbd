//! `import delivr`.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, bail};
use scm_service::{CameOver, ComeOver, FieldError, OldRowReport, Services};
use scm_store::{
    Cipher, DatabaseConnection, FoundInClear, KeyId, KeyRing, SealInClear,
    delivr::{OldTable, OldTableError, PassPhrase},
};
use scm_types::ServerTask;

use super::{
    other, pass_phrase,
    report::{Line, Report, Result},
};
use crate::{
    cli::ImportDelivr,
    commands::transfer::Progress,
    config::Config,
    database::{self, Opened},
    fault,
};

/// Exit status 3 if rows could not be read; the others are here.
pub(super) async fn run(config: &Config, command: &ImportDelivr) -> anyhow::Result<ExitCode> {
    let pass_phrase = pass_phrase(command.pass_phrase_file.as_deref())?;
    let other = other(&command.from).await?;
    let (db, services) = services(config, command.dry_run).await?;
    let is_ours = other.is_none();
    let source = other.as_ref().unwrap_or(&db);
    match OldTable::open(source, &command.table).await {
        Ok(table) => bring_over(&services, &table, command, pass_phrase).await,
        Err(OldTableError::Ours) if is_ours => in_place(&services, command, pass_phrase).await,
        Err(OldTableError::Ours) => bail!(
            "{} there is this service's own: take it with export and import",
            command.table
        ),
        Err(error) => Err(error).with_context(|| format!("the table {}", command.table)),
    }
}

/// The database of the settings, and the services on it. To look, no key is made and none is needed.
async fn services(
    config: &Config,
    dry_run: bool,
) -> anyhow::Result<(DatabaseConnection, Services)> {
    let (db, cipher) = if dry_run {
        let db = database::connect_existing(config).await?;
        database::is_current(&db).await?;
        let nobodys = KeyRing::generate(KeyId::random())?;
        (db, Arc::new(Cipher::new(nobodys)))
    } else {
        let Opened { db, keys } = database::open(config, false).await?;
        (db, keys.cipher())
    };
    let services = Services::builder(db.clone(), cipher).hosts(config.provider_hosts()?);
    Ok((db, services.build()?))
}

async fn bring_over(
    services: &Services,
    table: &OldTable,
    command: &ImportDelivr,
    pass_phrase: Option<PassPhrase>,
) -> anyhow::Result<ExitCode> {
    let progress = Progress::of("importing", table.count().await?);
    let mut report = Report::new(command.json, command.dry_run, progress);
    let how = ComeOver {
        pass_phrase,
        dry_run: command.dry_run,
    };
    let stopped = "stopped; what was taken over stays, run it again to go on";
    let mut last: Option<String> = None;
    loop {
        let rows = table.behind(last.as_deref()).await.context(stopped)?;
        let Some(bottom) = rows.last() else {
            return Ok(report.end());
        };
        last = Some(bottom.id.clone());
        for row in rows {
            let done = services.come_over(row, table.shape(), &how).await;
            told(&mut report, &done.context(stopped)?);
            fault::reached("delivr:row");
        }
    }
}

fn told(report: &mut Report, row: &OldRowReport) {
    let (result, faults) = match &row.came {
        CameOver::TakenOver => (Result::TakenOver, &[][..]),
        CameOver::There => (Result::There, &[][..]),
        CameOver::Unreadable(faults) => (Result::Unreadable, faults.as_slice()),
    };
    report.row(&Line {
        id: &row.id,
        tenant: row.tenant.as_deref(),
        result,
        faults,
        left: if result == Result::TakenOver {
            &row.left
        } else {
            &[]
        },
    });
}

/// The table is this service's own already: what the old server has written there is sealed.
async fn in_place(
    services: &Services,
    command: &ImportDelivr,
    pass_phrase: Option<PassPhrase>,
) -> anyhow::Result<ExitCode> {
    let mut report = Report::new(command.json, command.dry_run, Progress::none());
    let how = SealInClear {
        pass_phrase,
        dry_run: command.dry_run,
    };
    let mut watch = |row: &FoundInClear| {
        let faults = row.faults.iter();
        let faults: Vec<_> = faults
            .map(|(column, why)| FieldError::new(*column, why))
            .collect();
        report.row(&Line {
            id: &row.id,
            tenant: Some(&row.tenant),
            result: if faults.is_empty() {
                Result::Sealed
            } else {
                Result::Unreadable
            },
            faults: &faults,
            left: &[],
        });
        fault::reached("delivr:row");
    };
    let sealing = services.seal_in_clear(ServerTask::Command, &how, &mut watch);
    sealing
        .await
        .context("stopped; what was sealed stays, run it again to go on")?;
    if !command.dry_run {
        services.adopt_rows().await?;
    }
    Ok(report.end())
}
