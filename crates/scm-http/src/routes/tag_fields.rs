//! Members that the bodies of tags, notes and releases have in common.

use scm_service::{PreviousTag, TagTarget};
use scm_types::{BranchName, CommitSha, InvalidTagParts, TagName, tag_name_for};

use crate::body::Fields;

/// The longest message of a tag, in bytes.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;

/// The members that name a tag: its name, or the targets and the version that make one.
pub(super) struct TagFields {
    name: &'static str,
    targets: &'static str,
    version: &'static str,
}

impl TagFields {
    /// A tag to be made.
    pub(super) const NEW_TAG: Self = Self {
        name: "name",
        targets: "targets",
        version: "version",
    };
    /// The tag of a release.
    pub(super) const OF_RELEASE: Self = Self {
        name: "tag",
        ..Self::NEW_TAG
    };
    /// The tag that changes are counted from.
    pub(super) const PREVIOUS: Self = Self {
        name: "previousTag",
        targets: "parentTargets",
        version: "baseVersion",
    };

    /// The members that were sent.
    pub(super) fn sent(&self, body: &Fields) -> Vec<&'static str> {
        let mut all = vec![self.name, self.targets, self.version];
        all.retain(|field| body.has(field));
        all
    }

    /// The tag; `None` if it is absent or wrong.
    pub(super) fn read(&self, body: &mut Fields) -> Option<TagName> {
        let named = body.has(self.name);
        let (by_targets, by_version) = (body.has(self.targets), body.has(self.version));
        let name = body.text(self.name, |raw| TagName::parse(&raw));
        let targets = body.texts(self.targets);
        let version = body.text(self.version, Ok::<_, String>);
        match (named, by_targets, by_version) {
            (_, false, false) => name,
            (true, _, _) => {
                let others = format!("{} and {}", self.targets, self.version);
                body.refuse(self.name, format!("cannot stand beside {others}"));
                None
            }
            (false, true, false) => {
                body.refuse(self.version, format!("is required with {}", self.targets));
                None
            }
            (false, false, true) => {
                body.refuse(self.targets, format!("is required with {}", self.version));
                None
            }
            (false, true, true) => {
                let made = tag_name_for(&targets?, &version?);
                made.map_err(|error| {
                    let field = match error {
                        InvalidTagParts::Targets | InvalidTagParts::Target => self.targets,
                        InvalidTagParts::Version => self.version,
                    };
                    body.refuse(field, error);
                })
                .ok()
            }
        }
    }

    /// The same for a tag that has to be named.
    pub(super) fn required(&self, body: &mut Fields) -> Option<TagName> {
        if self.sent(body).is_empty() {
            let others = format!("{} and {}", self.targets, self.version);
            body.refuse(self.name, format!("is required, or {others}"));
        }
        self.read(body)
    }
}

/// The tag that changes of the `current` one are counted from.
pub(super) fn previous(body: &mut Fields, current: Option<&TagName>) -> PreviousTag {
    let fields = TagFields::PREVIOUS;
    let by_parts = body.has(fields.version);
    let given = fields.read(body);
    if given.is_some() && given.as_ref() == current {
        let field = if by_parts {
            fields.version
        } else {
            fields.name
        };
        body.refuse(field, "must be another tag");
    }
    given.map_or(PreviousTag::Newest, PreviousTag::Given)
}

/// Where a tag is to be made: at a branch, or at the commit that `expectedSha` names alone.
pub(super) fn target(body: &mut Fields) -> Option<TagTarget> {
    let at_branch = body.has("branch");
    let name = body.text("branch", |raw| BranchName::parse(&raw));
    let expected_sha = body.text("expectedSha", |raw| CommitSha::parse(&raw));
    if at_branch {
        name.map(|name| TagTarget::Branch { name, expected_sha })
    } else {
        expected_sha.map(TagTarget::Commit)
    }
}

/// A text of several lines, of so many bytes at the most.
pub(super) fn prose(raw: String, max: usize) -> Result<String, String> {
    if raw.trim().is_empty() {
        Err("must not be blank".to_owned())
    } else if raw.len() > max {
        Err(format!("must be at most {max} bytes long"))
    } else if raw.chars().any(|c| c.is_control() && !"\n\r\t".contains(c)) {
        Err("must not contain control characters but line breaks and tabs".to_owned())
    } else {
        Ok(raw)
    }
}
