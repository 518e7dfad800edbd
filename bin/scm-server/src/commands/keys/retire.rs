//! `keys retire`: takes a key out that nothing needs.

use std::process::ExitCode;

use anyhow::Context as _;
use scm_store::{KeyId, RetireStep, can_retire, retire};

use crate::{commands::confirm::confirm, config::Config, fault};

#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(super) async fn run(
    config: &Config,
    key: &KeyId,
    yes: bool,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let source = config.key_source()?;
    let mut file = source.edit()?;
    let db = super::open(config).await?;
    let stays = || format!("the key {key} stays in {}", source.label());
    can_retire(&db, &file, key).await.with_context(stays)?;
    if dry_run {
        println!("would take the key {key} out of {}", source.label());
        return Ok(ExitCode::SUCCESS);
    }
    confirm(
        yes,
        &format!(
            "this takes the key {key} out of {}, for good: copies of the database that need it open \
             only with a copy of the file",
            source.label()
        ),
    )?;
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
        .with_context(stays)?;
    println!(
        "the key {key} is gone from {} and from the database; copies of the file still hold it",
        source.label()
    );
    Ok(ExitCode::SUCCESS)
}
