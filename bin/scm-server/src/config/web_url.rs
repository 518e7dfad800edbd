//! Addresses of the web: what is sent there goes to the path that is given, as nobody in particular.

use url::Url;

use super::ConfigError;

/// The address that a setting gives.
pub(super) fn web_url(setting: &str, given: &str) -> Result<Url, ConfigError> {
    let told = |problem: &str| ConfigError::one(format!("{setting}: {problem}"));
    let url = Url::parse(given).map_err(|error| told(&format!("is no URL: {error}")))?;
    if !["https", "http"].contains(&url.scheme()) {
        Err(told("must start with https:// or http://"))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(told("must not hold a user or a password"))
    } else if url.query().is_some() || url.fragment().is_some() {
        Err(told("must end with its path"))
    } else {
        Ok(url)
    }
}
