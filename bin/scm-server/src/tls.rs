//! TLS of the server itself, for who has no proxy in front of it.
//!
//! - TLS 1.2 and 1.3, HTTP/1.1, no certificates of callers.
//! - A certificate is taken only with the key that belongs to it; files that cannot be taken change
//!   nothing in a running server.
//! - No error here holds anything of the private key's file.

use std::{fmt, path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// The two files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The server's certificate and those between it and an authority, in this order, as PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, as PEM.
    pub(crate) private_key: PathBuf,
}

impl TlsFiles {
    /// The certificate and its key as they stand in the files now.
    pub(crate) fn load(&self) -> anyhow::Result<CertifiedKey> {
        let chain = self.chain()?;
        let name = self.private_key.display();
        let text = std::fs::read(&self.private_key)
            .with_context(|| format!("tls.private_key_file: {name} cannot be read"))?;
        // What is wrong with it is not passed on: it could quote the file.
        let Ok(key) = PrivateKeyDer::from_pem_slice(&text) else {
            bail!("tls.private_key_file: {name} holds no private key as PEM");
        };
        let Ok(loaded) = CertifiedKey::from_der(chain, key, &ring::default_provider()) else {
            bail!(
                "tls.private_key_file: {name} holds a key that cannot sign, or that does not belong \
                 to the certificate"
            );
        };
        Ok(loaded)
    }

    /// The certificates alone.
    pub(crate) fn chain(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let name = self.certificate.display();
        let text = std::fs::read(&self.certificate)
            .with_context(|| format!("tls.certificate_file: {name} cannot be read"))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match chain {
            Ok(chain) if !chain.is_empty() => Ok(chain),
            _ => bail!("tls.certificate_file: {name} holds no certificate as PEM"),
        }
    }
}

/// The certificate that the server shows now.
pub(crate) struct Certificates {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files for the first time.
    pub(crate) fn load(files: TlsFiles) -> anyhow::Result<Arc<Self>> {
        let current = ArcSwap::from_pointee(files.load()?);
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again; true if there is another certificate now.
    pub(crate) fn look(&self) -> anyhow::Result<bool> {
        if self.files.chain()? == self.current.load().cert {
            return Ok(false);
        }
        self.current.store(Arc::new(self.files.load()?));
        Ok(true)
    }

    /// What a listener needs; it shows whatever is current when somebody connects.
    pub(crate) fn server_config(self: &Arc<Self>) -> anyhow::Result<ServerConfig> {
        let provider: Arc<CryptoProvider> = ring::default_provider().into();
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(self) as _;
        Ok(ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}
