//! Repository URLs.
use crate::{HostKind, ScmType, WebHost, WebHosts};
/// stub
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepoUrlError {
    /// stub
    #[error("must not be empty")]
    Empty,
}
/// stub
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoUrl {
    host: WebHost,
    segments: Vec<String>,
    url: String,
}
impl RepoUrl {
    /// stub
    pub fn parse(_raw: &str, _hosts: &WebHosts) -> Result<Self, RepoUrlError> {
        Err(RepoUrlError::Empty)
    }
    /// stub
    #[must_use]
    pub fn host(&self) -> &WebHost {
        &self.host
    }
    /// stub
    #[must_use]
    pub fn kind(&self) -> HostKind {
        self.host.kind()
    }
    /// stub
    #[must_use]
    pub fn scm_type(&self) -> ScmType {
        self.kind().scm_type()
    }
    /// Normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }
    /// What makes it unique: the normal form, lower-cased.
    #[must_use]
    pub fn key(&self) -> String {
        self.url.to_lowercase()
    }
    /// Decoded path segments below the host: owner part(s), then the name. At least two.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
    /// All segments but the last, joined with `/`.
    #[must_use]
    pub fn owner(&self) -> String {
        self.segments[..self.segments.len() - 1].join("/")
    }
    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segments.last().map_or("", String::as_str)
    }
    /// `owner/name`.
    #[must_use]
    pub fn path(&self) -> String {
        self.segments.join("/")
    }
}
