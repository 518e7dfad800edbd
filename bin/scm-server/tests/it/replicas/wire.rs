//! A client that keeps its connection, as those of a platform do, and tells what it was answered to the
//! header.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// Longer than anything in front of the server waits.
const PATIENCE: Duration = Duration::from_secs(90);

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) body: Value,
}

/// Talks to a port of this machine.
pub(super) struct Wire {
    port: u16,
    open: Option<BufReader<TcpStream>>,
}

impl Wire {
    pub(super) fn to(port: u16) -> Self {
        Self { port, open: None }
    }

    /// The answer; an error if there was none, or not all of it.
    pub(super) fn send(
        &mut self,
        method: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => BufReader::new(self.dial()?),
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        let header = header.map(|(name, value)| format!("{name}: {value}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            header.unwrap_or_default(),
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let (answer, is_last) = read(&mut stream)?;
        if !is_last {
            self.open = Some(stream);
        }
        Ok(answer)
    }

    fn dial(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// An answer, and whether the connection ends with it.
fn read(stream: &mut BufReader<TcpStream>) -> io::Result<(Answer, bool)> {
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let status = first.split(' ').nth(1).and_then(|it| it.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let (mut length, mut retry_after, mut is_last) = (None, None, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = value.parse().ok(),
            ("retry-after", value) => retry_after = value.parse().ok(),
            ("connection", value) => is_last = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if let Some(length) = length {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    } else {
        is_last = true;
        stream.read_to_end(&mut body)?;
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok((
        Answer {
            status,
            retry_after,
            body,
        },
        is_last,
    ))
}
