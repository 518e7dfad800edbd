//! A server that is measured: a process of its own, that ends with its handle.

use std::{
    fs::{File, OpenOptions},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::bail;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use crate::{cli::World, machine, target::Target};

/// The longest that a start may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server.
pub(crate) struct Subject {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// From its start to its first good answer.
    pub(crate) started_in: Duration,
    /// Resident memory in MiB before anybody asked for anything.
    pub(crate) idle: f64,
    log: File,
    _process: Running,
}

/// A process that ends with its handle.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Subject {
    /// The release server, with API keys, request log and metrics.
    pub(crate) async fn server(world: &World, target: &Target) -> anyhow::Result<Self> {
        let binary = binary(world)?;
        let address = free_address()?;
        let settings = target.settings(world, &address.to_string())?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(settings);
        // The first start seals a canary and the like; it is the second one that is measured.
        drop(Self::start(&mut command, target, address).await?);
        Self::start(&mut command, target, address).await
    }

    /// The bare program.
    pub(crate) async fn bare(target: &Target) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", "--database-url", &target.db.url]);
        command.args(["--listen", &address.to_string()]);
        Self::start(&mut command, target, address).await
    }

    async fn start(
        command: &mut Command,
        target: &Target,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let path = target.directory.path().join("log");
        let log = OpenOptions::new().create(true).append(true).open(&path)?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        let begun = Instant::now();
        let mut process = Running(command.spawn()?);
        let pid = process.0.id();
        while !answers(address).await {
            if process.0.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                bail!("a server did not start: {}", last_lines(&path));
            }
            sleep(Duration::from_millis(1)).await;
        }
        let started_in = begun.elapsed();
        sleep(Duration::from_secs(2)).await;
        Ok(Self {
            address,
            pid,
            started_in,
            idle: machine::memory_of(pid, "VmRSS")?,
            log,
            _process: process,
        })
    }

    /// Forgets what was logged: a run makes gigabytes of it.
    pub(crate) fn empty_log(&self) -> anyhow::Result<()> {
        Ok(self.log.set_len(0)?)
    }
}

fn binary(world: &World) -> anyhow::Result<PathBuf> {
    let path = match &world.server {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("scm-server"),
    };
    if path.is_file() {
        Ok(path)
    } else {
        bail!(
            "{} is not there; build it with: cargo build --release -p scm-server",
            path.display()
        )
    }
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

async fn answers(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    ask.await
        .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn last_lines(path: &Path) -> String {
    let log = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = log.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
