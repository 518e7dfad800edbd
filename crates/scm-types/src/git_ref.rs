//! Names of branches and tags.
use serde::{Deserialize, Deserializer, Serialize};
/// stub
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRefName {
    /// stub
    #[error("must not be empty")]
    Empty,
}
/// stub
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct BranchName(String);
impl BranchName {
    /// stub
    pub fn parse(raw: &str) -> Result<Self, InvalidRefName> {
        Ok(Self(raw.to_owned()))
    }
    /// stub
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl<'de> Deserialize<'de> for BranchName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
