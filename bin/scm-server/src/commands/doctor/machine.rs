//! The machine: addresses to listen on, room on the disk, open files, files of secrets.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use super::report::Check;
use crate::{commands::healthcheck, config::Config};

/// Less room than this and SQLite soon cannot write, in bytes.
const ROOM_FAIL: u64 = 100 << 20;

/// Less room than this is worth a word, in bytes.
const ROOM_WARN: u64 = 1 << 30;

/// Files that the server has open besides connections: libraries, sockets, timers.
const OWN_FILES: u64 = 64;

/// Callers at a time that a server should be able to take.
const CALLERS: u64 = 1_024;

pub(super) fn look(config: &Config, files: &BTreeMap<String, PathBuf>) -> Vec<Check> {
    let mut checks = vec![listener("listen", config.listen, || {
        healthcheck::status(config)
    })];
    if let Some(address) = config.metrics.listen {
        checks.push(listener("metrics.listen", address, || {
            healthcheck::status_in_clear(address)
        }));
    }
    checks.extend(room(config));
    checks.extend(open_files(config));
    checks.extend(files.iter().map(|(key, path)| secret_file(key, path)));
    checks
}

/// Whether a server could listen there, or does.
fn listener(
    setting: &str,
    address: SocketAddr,
    ask: impl FnOnce() -> anyhow::Result<String>,
) -> Check {
    let name = "listener";
    let check = match TcpListener::bind(address) {
        Ok(_) => Check::ok(name, format!("{address} is free: no server runs here")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match ask().as_deref() {
            Ok("200") => Check::ok(name, format!("a server listens on {address} and is ready")),
            Ok("503") => Check::warn(
                name,
                format!("a server listens on {address} and is not ready"),
                format!("what it lacks is told by its /readyz: curl http://{address}/readyz"),
            ),
            _ => Check::fail(
                name,
                format!("something else listens on {address}"),
                format!("stop it, or set {setting} to another port"),
            ),
        },
        Err(error) => Check::fail(
            name,
            format!("{address} cannot be listened on: {error}"),
            format!(
                "set {setting} to an address of this machine; a port below 1024 needs \
                 CAP_NET_BIND_SERVICE"
            ),
        ),
    };
    check.about(setting)
}

/// The nearest directory that is there.
fn existing(path: &Path) -> &Path {
    let mut ancestors = path.ancestors();
    let there = ancestors.find(|path| path.is_dir());
    // A relative path ends in the directory that we are in.
    there.unwrap_or(Path::new("."))
}

/// Room for an embedded database and its journal, which lie side by side.
#[cfg(unix)]
fn room(config: &Config) -> Option<Check> {
    let name = "disk";
    let file = config.database_file().ok()??;
    let directory = existing(file.parent()?);
    let shown = directory.display();
    if rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_err() {
        return Some(Check::fail(
            name,
            format!("{shown} cannot be written to by this user"),
            "run it as the server's user, or give the directory to that user",
        ));
    }
    let stat = match rustix::fs::statvfs(directory) {
        Ok(stat) => stat,
        Err(error) => {
            let problem = format!("the room in {shown} cannot be told: {error}");
            return Some(Check::warn(name, problem, "look at the disk by hand"));
        }
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let used = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
    let said = format!("{} MiB are free in {shown}", free >> 20);
    let fix = "make room, or move data_dir to a larger disk";
    let check = if free < ROOM_FAIL {
        Check::fail(name, said, fix)
    } else if free < ROOM_WARN || free < used {
        Check::warn(
            name,
            format!("{said}, the database has {} MiB", used >> 20),
            fix,
        )
    } else {
        Check::ok(name, said)
    };
    Some(
        check
            .detail("freeBytes", free)
            .detail("databaseBytes", used),
    )
}

#[cfg(not(unix))]
fn room(_config: &Config) -> Option<Check> {
    None
}

/// Whether every connection can have its file.
#[cfg(unix)]
fn open_files(config: &Config) -> Option<Check> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    Some(file_limit(limit, config.database.max_connections.into()))
}

#[cfg(not(unix))]
fn open_files(_config: &Config) -> Option<Check> {
    None
}

/// An embedded database has up to three files for each connection; no more are counted for a server's.
fn file_limit(limit: u64, connections: u64) -> Check {
    let name = "open_files";
    let needed = OWN_FILES + connections.saturating_mul(3);
    let fix = "raise it: LimitNOFILE=65536 in the unit, ulimit -n 65536 in a shell";
    let said = format!("{limit} files may be open at a time here");
    let check = if limit < needed {
        let why = format!("{said}, and {needed} are needed for {connections} connections");
        Check::fail(name, why, fix)
    } else if limit < needed + CALLERS {
        let callers = limit - needed;
        let why = format!("{said}: no more than {callers} callers can be served at once");
        Check::warn(name, why, fix)
    } else {
        Check::ok(name, said)
    };
    check.detail("limit", limit).detail("needed", needed)
}

/// A file of secrets: there, readable, and not by everybody.
fn secret_file(key: &str, path: &Path) -> Check {
    let name = "secret_file";
    let shown = path.display();
    let check = match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Err(error) => Check::fail(
            name,
            format!("{shown} cannot be read: {error}"),
            format!("put the file there and give it to the server's user, or change {key}"),
        ),
        Ok(metadata) if is_open_to_others(&metadata) => Check::warn(
            name,
            format!("{shown} can be read or changed by others"),
            format!("chmod 600 {shown}"),
        ),
        Ok(_) => Check::ok(name, format!("{shown} can be read, and not by everybody")),
    };
    check.about(key)
}

/// The group may read it: that is how a secret mounted for an unprivileged process looks.
#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o027 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::{super::report::Status, *};

    #[test]
    fn files_are_enough_or_not() {
        for (limit, connections, want) in [
            (65_536, 10, Status::Ok),
            (1_024, 10, Status::Warn),
            (1_024, 320, Status::Warn),
            (1_024, 321, Status::Fail),
            (64, 1, Status::Fail),
        ] {
            let check = file_limit(limit, connections);
            assert_eq!(check.status, want, "{limit}, {connections}");
        }
    }
}
