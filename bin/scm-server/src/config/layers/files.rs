//! Which files hold secrets, by the settings that name them.

use std::{collections::BTreeMap, path::PathBuf};

use super::Layers;

/// Settings that name a file which anybody may read.
const PUBLIC: [&str; 5] = [
    "certificate_file",
    "ca_file",
    "nats_ca_file",
    // That of the issuer of tokens: it checks and cannot sign.
    "auth.jwt.key_file",
    // It is looked at together with what stands in it.
    "keys_file",
];

impl Layers {
    /// Every file that a setting names and that holds a secret, by that setting's key.
    pub(crate) fn secret_files(&self) -> BTreeMap<String, PathBuf> {
        let mut files = BTreeMap::new();
        for leaf in self.standing() {
            if let (Some(path), true) = (leaf.value.as_str(), names_a_secret(&leaf.path)) {
                files.insert(leaf.path.clone(), path.into());
            }
        }
        files
    }
}

fn names_a_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    last.ends_with("_file") && !PUBLIC.contains(&last) && !PUBLIC.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_secrets() {
        for (key, want) in [
            ("database.url_file", true),
            ("tls.private_key_file", true),
            ("hosts[0].oauth.client_secret_file", true),
            ("auth.jwt.secret_file", true),
            ("tls.certificate_file", false),
            ("hosts[0].ca_file", false),
            ("auth.jwt.key_file", false),
            ("database.url", false),
        ] {
            assert_eq!(names_a_secret(key), want, "{key}");
        }
    }
}
