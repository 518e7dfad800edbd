//! `audit verify`: whether the chains of the audit log are whole.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::bail;
use scm_store::{AuditHead, AuditStep, AuditVerified, AuditVerifyOptions, verify_audit};
use scm_types::AuditChain;
use serde_json::{Value, json};

use crate::{
    cli::{Audit, KnownHead, VerifyAudit},
    config::Config,
    database, telemetry,
};

/// Of so many faults of a chain `--json` tells the place; all are counted.
const FAULTS_SHOWN: usize = 100;

/// Looks at the audit log.
pub(crate) fn run(config: &Config, command: &Audit) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match command {
        Audit::Verify(wanted) => runtime.block_on(verify(config, wanted)),
    }
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
async fn verify(config: &Config, wanted: &VerifyAudit) -> anyhow::Result<ExitCode> {
    let chain = wanted
        .tenant
        .as_deref()
        .map(str::parse::<AuditChain>)
        .transpose()?;
    let known = wanted.expect_head.iter();
    let known = known.map(|KnownHead { chain, head }| (chain.clone(), head.clone()));
    let options = AuditVerifyOptions {
        chain,
        known: known.collect(),
    };
    let db = database::connect_existing(config).await?;
    database::is_current(&db).await?;
    let mut chains = Chains::default();
    let mut watch = |step: AuditStep<'_>| {
        if wanted.json {
            chains.take(step);
        } else {
            say(step);
        }
    };
    let done = verify_audit(&db, &options, &mut watch).await?;
    if let (Some(tenant), 0) = (&options.chain, done.rows) {
        bail!("there is no audit log of the tenant {tenant}");
    }
    if wanted.json {
        println!("{:#}", chains.as_value(&done));
    } else {
        let AuditVerified {
            chains,
            rows,
            broken,
        } = done;
        println!(
            "{} with {} {} looked at; {broken} {} broken",
            counted(chains, "chain"),
            counted(rows, "row"),
            if chains == 1 { "was" } else { "were" },
            if broken == 1 { "is" } else { "are" },
        );
    }
    Ok(if done.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `1 chain`, `2 chains`.
fn counted(many: u64, what: &str) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{many} {what}{plural}")
}

#[expect(clippy::print_stdout, reason = "this is the command's output")]
fn say(step: AuditStep<'_>) {
    if let AuditStep::Fault {
        tenant,
        sequence,
        fault,
    } = step
    {
        // Whoever changed a row may have put anything into the tenant's column.
        println!(
            "broken: tenant {}, row {sequence}: {fault}",
            tenant.escape_debug()
        );
    }
}

/// What is told to machines: each chain with its end, which can be kept and given to
/// `--expect-head` later.
#[derive(Default)]
struct Chains {
    done: Vec<Value>,
    faults: Vec<Value>,
    counts: BTreeMap<&'static str, u64>,
}

impl Chains {
    fn take(&mut self, step: AuditStep<'_>) {
        match step {
            AuditStep::Fault {
                sequence, fault, ..
            } => {
                *self.counts.entry(fault.as_str()).or_default() += 1;
                if self.faults.len() < FAULTS_SHOWN {
                    let fault = json!({
                        "sequence": sequence,
                        "fault": fault.as_str(),
                        "text": fault.to_string(),
                    });
                    self.faults.push(fault);
                }
            }
            AuditStep::Chain {
                tenant,
                rows,
                faults,
                end: AuditHead { sequence, hash },
            } => self.done.push(json!({
                "tenant": tenant,
                "rows": rows,
                "head": {"sequence": sequence, "hash": hash},
                "broken": faults > 0,
                "faultCount": faults,
                "faults": std::mem::take(&mut self.faults),
            })),
        }
    }

    fn as_value(&self, done: &AuditVerified) -> Value {
        json!({
            "chains": self.done,
            "chainCount": done.chains,
            "rowCount": done.rows,
            "brokenCount": done.broken,
            "faultCounts": self.counts,
        })
    }
}
