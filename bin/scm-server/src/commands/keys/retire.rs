//! `keys retire`: takes a key out that nothing needs.

use std::process::ExitCode;

use anyhow::Context as _;
use scm_store::{KeyId, RetireStep, retire};

use crate::{config::Config, fault};

#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn run(config: &Config, key: &KeyId) -> anyhow::Result<ExitCode> {
    let source = config.key_source()?;
    let mut file = source.edit()?;
    let db = super::open(config).await?;
    let wait = config.keys_out_of_use();
    let mut watch = |step| match step {
        RetireStep::CanaryGone => {
            tracing::info!(
                seconds = wait.as_secs(),
                "waiting until nobody seals with the key any more"
            );
            fault::reached("retire:canary-gone");
        }
        RetireStep::Settled => fault::reached("retire:settled"),
    };
    retire(&db, &mut file, key, wait, &mut watch)
        .await
        .with_context(|| format!("the key {key} stays in {}", source.label()))?;
    println!(
        "the key {key} is gone from {} and from the database; copies of the file still hold it",
        source.label()
    );
    Ok(ExitCode::SUCCESS)
}
