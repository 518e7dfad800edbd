//! What the dialects write: tag objects and refs.

use super::{
    objects::Person,
    repo::{EMAIL, GitRepo, NAME},
};

/// Why a ref was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    Exists,
    /// `a` beside `a/b`.
    Hierarchy,
    InvalidName,
    NoSuchObject,
    /// A branch must be at a commit, for instance.
    Other(String),
}

impl GitRepo {
    /// Writes a tag object and no ref. Without a tagger it is ours, with the newest commit's date.
    pub(super) fn tag_object(
        &self,
        name: &str,
        object: &str,
        message: &str,
        tagger: Option<&Person>,
    ) -> Result<String, String> {
        let kind = self.git(&["cat-file", "-t", object])?;
        let standard = Person {
            name: NAME.to_owned(),
            email: EMAIL.to_owned(),
            seconds: self.now(),
        };
        let Person {
            name: tagger,
            email,
            seconds,
        } = tagger.unwrap_or(&standard);
        let content = format!(
            "object {object}\ntype {}\ntag {name}\ntagger {tagger} <{email}> {seconds} +0000\n\n\
             {message}",
            kind.trim()
        );
        let sha = self.git_with(&["mktag"], content.as_bytes())?;
        Ok(sha.trim().to_owned())
    }

    /// Makes a ref, atomically: git alone decides whether there is one already.
    pub(super) fn create_ref(&self, full_ref: &str, sha: &str) -> Result<(), Refused> {
        let _lock = self.lock();
        let input = format!("create {full_ref}\0{sha}\0");
        let Err(said) = self.git_with(&["update-ref", "-z", "--stdin"], input.as_bytes()) else {
            return Ok(());
        };
        Err(if said.contains("already exists") {
            Refused::Exists
        } else if said.contains("cannot create") {
            Refused::Hierarchy
        } else if said.contains("invalid ref format") {
            Refused::InvalidName
        } else if said.contains("nonexistent object") || said.contains("invalid <new-oid>") {
            Refused::NoSuchObject
        } else {
            Refused::Other(said)
        })
    }

    /// Whether git takes a name as that of a ref.
    pub(super) fn is_ref_name(&self, full_ref: &str) -> bool {
        self.git(&["check-ref-format", full_ref]).is_ok()
    }
}
