//! `healthcheck`: asks the running server's `/readyz`, for containers without a shell.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::config::Config;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Exit status 0 if the server says that it is ready.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let address = reachable(config.listen);
    let status = ask(address).with_context(|| format!("no answer from {address}"))?;
    println!("{status}");
    Ok(if status == "200" {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where a server that listens on `address` can be asked from the same machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

/// The status of `/readyz`.
fn ask(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    let Some(status) = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
    else {
        bail!("that is no HTTP server");
    };
    Ok(status.to_owned())
}
