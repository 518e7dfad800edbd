//! Running `git`: no user configuration, no shell, everything by arguments and standard input.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// Runs git in a directory; the error is what git said.
pub(super) fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("git");
    command
        .env_clear()
        // Where git and its helpers are found; nothing else of the caller's environment counts.
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", directory)
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .current_dir(directory)
        // A test's repository does not have to survive a power cut.
        .args(["-c", "core.fsync=none", "-c", "gc.auto=0"])
        .args([
            "-c",
            "core.quotePath=false",
            "-c",
            "core.precomposeUnicode=false",
        ])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("git cannot be started: {error}"))?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // Beside the reading, or two full pipes would wait for each other.
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A git that has read enough closes its end.
                let _ = stdin.write_all(input);
            }
        });
        child.wait_with_output()
    })
    .map_err(|error| format!("git was lost: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("git {}: {said}", arguments.join(" ")))
    }
}
