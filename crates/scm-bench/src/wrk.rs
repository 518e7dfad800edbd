//! Requests by `wrk`, which is not ours and costs little.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::{
    cli::{Operation, World},
    fill::{integration, tenant},
    report::Load,
    subject::{Running, Subject},
    target::{key, keyed},
};

/// At most so many different requests.
const REQUESTS: usize = 20_000;

/// Where the API is mounted, in both servers.
pub(crate) const PREFIX: &str = "/api/v1/integrations/scm";

/// Writes the requests of an operation; gives the file.
pub(crate) fn requests(
    directory: &Path,
    world: &World,
    operation: Operation,
) -> anyhow::Result<PathBuf> {
    let mut lines = Vec::new();
    for number in keyed(world.tenants) {
        let (tenant, key) = (tenant(number), key(number));
        match operation {
            Operation::Get | Operation::Patch => {
                for row in 0..world.rows {
                    let id = integration(number, row);
                    let (method, body) = match operation {
                        Operation::Get => ("GET", ""),
                        _ => ("PATCH", r#"{"displayName":"Name @@@@@@@@@@"}"#),
                    };
                    lines.push(format!("{method}\t{PREFIX}/{id}\t{key}\t{body}"));
                }
            }
            Operation::List => {
                lines.push(format!("GET\t{PREFIX}?tenantId={tenant}\t{key}\t"));
            }
            Operation::Filtered => lines.push(format!(
                "GET\t{PREFIX}?tenantId={tenant}&verificationStatus=INVALID\t{key}\t"
            )),
            Operation::Create => lines.push(format!(
                "POST\t{PREFIX}\t{key}\t{{\"tenantId\":\"{tenant}\",\"scmType\":\"GITHUB\",\
                 \"repositoryUrl\":\"https://github.com/made/r-@@@@@@@@@@\",\
                 \"accessToken\":\"ghp_0123456789abcdefghijklmnopqrstuvwxyz\"}}"
            )),
            Operation::Deliveries => bail!("deliveries are not wrk's"),
        }
    }
    shuffle(&mut lines);
    lines.truncate(REQUESTS);
    let path = directory.join(operation.to_string());
    let mut text = String::new();
    for line in &lines {
        writeln!(text, "{line}")?;
    }
    fs::write(&path, text)?;
    Ok(path)
}

/// The same order in every run, and none that a cache could like.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = state % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

/// Fails, with what to do, if there is no `wrk`.
pub(crate) fn is_there() -> anyhow::Result<()> {
    let mut command = Command::new("wrk");
    let asked = command
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match asked.status() {
        Ok(_) => Ok(()),
        Err(_) => bail!("wrk is not installed: apt-get install wrk"),
    }
}

/// Drives a server for so long. `first` is the number before the first that is put into a body.
pub(crate) async fn drive(
    subject: &Subject,
    world: &World,
    requests: &Path,
    seconds: u32,
    first: u64,
) -> anyhow::Result<Load> {
    let script = requests.with_file_name("wrk.lua");
    fs::write(&script, include_str!("wrk.lua"))?;
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1", "--timeout", "10s"])
        .args(["--connections", &world.connections.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://{}/", subject.address))
        .arg("--")
        .arg(requests)
        .arg(first.to_string());
    // Not in the way of the signals that end the rig; and wrk goes with it.
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running(command.spawn()?);
    let output = running.0.stdout.take().context("its output is piped")?;
    let text = tokio::task::spawn_blocking(move || std::io::read_to_string(output)).await??;
    drop(running);
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let result = result.with_context(|| format!("wrk gave no result: {text}"))?;
    let numbers: Vec<u64> = result
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, duration, p50, p99, refused, broken] = numbers[..] else {
        bail!("wrk's result makes no sense: {result}");
    };
    Ok(Load {
        requests,
        took: Duration::from_micros(duration),
        p50: Duration::from_micros(p50),
        p99: Duration::from_micros(p99),
        errors: refused + broken,
        example: format!("{refused} answers were no 2xx, {broken} never came"),
    })
}
