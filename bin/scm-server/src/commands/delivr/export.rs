//! `export delivr`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use scm_service::{FieldError, GoHome, HomeReport, Services, WentHome};
use scm_store::{ConnectOptions, delivr::OldTable};

use super::{
    pass_phrase,
    report::{Line, Report, Result},
    url_of,
};
use crate::{
    cli::ExportDelivr,
    commands::{confirm::confirm, transfer::Progress},
    config::Config,
    database::{self, Opened},
    fault,
};

/// Exit status 3 if rows could not be written; the others are there.
pub(super) async fn run(config: &Config, command: &ExportDelivr) -> anyhow::Result<ExitCode> {
    let pass_phrase = pass_phrase(command.pass_phrase_file.as_deref())?;
    if pass_phrase.is_none() && !command.dry_run {
        if !command.plain {
            bail!("give the old server's pass phrase (--pass-phrase-file), or say --plain");
        }
        let what = "every token and secret will stand in clear in the old server's table";
        confirm(command.yes, what)?;
    }
    database::must_exist(config)?;
    let Opened { db, keys } = database::open(config, false).await?;
    let target = match url_of(command.to.as_deref(), command.to_file.as_deref())? {
        Some(url) => scm_store::connect(url.trim(), &ConnectOptions::default())
            .await
            .context("the old server's database cannot be opened")?,
        None => db.clone(),
    };
    let table = OldTable::open(&target, &command.table).await;
    let table = table.with_context(|| format!("the table {}", command.table))?;
    let services = Services::builder(db, keys.cipher()).hosts(config.provider_hosts()?);
    let services = services.build()?;
    let mut report = Report::new(command.json, command.dry_run, Progress::none());
    let how = GoHome {
        pass_phrase,
        dry_run: command.dry_run,
    };
    let mut watch = |row: &HomeReport| {
        told(&mut report, row);
        fault::reached("delivr:home");
    };
    let gone = services.go_home(&table, &how, &mut watch).await;
    gone.context("stopped; what was written stays, run it again to go on")?;
    Ok(report.end())
}

fn told(report: &mut Report, row: &HomeReport) {
    let (result, fault) = match row.went {
        WentHome::Added => (Result::Added, None),
        WentHome::Updated => (Result::Updated, None),
        WentHome::Nothing => (Result::Nothing, None),
        WentHome::Left(why) => (Result::Left, Some(FieldError::new("row", why))),
    };
    report.row(&Line {
        id: row.id.as_str(),
        tenant: Some(&row.tenant),
        result,
        faults: fault.as_slice(),
        left: &row.left,
    });
}
