//! `healthcheck`: asks the running server's `/readyz`, for containers without a shell.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{config::Config, tls::TlsFiles};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Exit status 0 if the server says that it is ready.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let status = status(config)?;
    println!("{status}");
    Ok(if status == "200" {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The status of the `/readyz` of the server that listens as the settings say.
pub(crate) fn status(config: &Config) -> anyhow::Result<String> {
    let address = reachable(config.listen);
    let certificates = config.tls.files()?;
    let shown = certificates.as_ref().map(TlsFiles::chain).transpose()?;
    let status = match shown {
        Some(shown) => ask_by_tls(address, shown),
        None => connect(address).and_then(ask),
    };
    status.with_context(|| format!("no answer from {address}"))
}

/// The same of a listener that never speaks TLS.
pub(crate) fn status_in_clear(address: SocketAddr) -> anyhow::Result<String> {
    connect(reachable(address)).and_then(ask)
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

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// The same by TLS, with the server whose certificate this is, whatever name and dates it holds.
fn ask_by_tls(address: SocketAddr, shown: Vec<CertificateDer<'static>>) -> anyhow::Result<String> {
    let provider = Arc::new(ring::default_provider());
    let own = Arc::new(OwnCertificate {
        shown,
        provider: Arc::clone(&provider),
    });
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(own)
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let connection = ClientConnection::new(Arc::new(client), name)?;
    ask(StreamOwned::new(connection, connect(address)?))
}

/// Believes the certificate of the settings and no other.
#[derive(Debug)]
struct OwnCertificate {
    shown: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.shown.first() == Some(end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The status of `/readyz`.
fn ask(mut stream: impl Read + Write) -> anyhow::Result<String> {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // The status is in the first bytes; how the connection ends is of no account.
    let ended = stream.take(4096).read_to_end(&mut answer);
    if answer.is_empty() {
        ended?;
    }
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
