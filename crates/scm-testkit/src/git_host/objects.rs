//! What is read from git: commits and tags as they are kept, refs with what they come to.

use chrono::{DateTime, SecondsFormat};

/// A ref and the object it points at.
#[derive(Debug, Clone)]
pub(super) struct Ref {
    /// The name below `refs/heads/` or `refs/tags/`.
    pub(super) name: String,
    pub(super) sha: String,
}

/// An author, a committer or a tagger.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
    /// Seconds since 1970.
    pub(super) seconds: i64,
}

/// A commit.
#[derive(Debug, Clone, Default)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) tree: String,
    pub(super) parents: Vec<String>,
    pub(super) author: Person,
    pub(super) committer: Person,
    pub(super) message: String,
}

/// A tag object.
#[derive(Debug, Clone, Default)]
pub(super) struct Tag {
    pub(super) sha: String,
    pub(super) name: String,
    /// What it points at, which may be a tag again.
    pub(super) object: String,
    pub(super) kind: String,
    pub(super) tagger: Person,
    pub(super) message: String,
}

/// A tag as the products list it.
#[derive(Debug, Clone)]
pub(super) struct TagRef {
    pub(super) name: String,
    pub(super) sha: String,
    /// The outermost tag object, if the tag is annotated.
    pub(super) object: Option<Tag>,
    pub(super) commit: Commit,
}

/// What `cat-file` gave for a line.
pub(super) enum Object {
    Commit(Commit),
    Tag(Tag),
    Other,
}

impl Person {
    /// `2026-01-01T00:00:00Z`.
    pub(super) fn date(&self) -> String {
        date(self.seconds)
    }
}

impl Commit {
    /// The first line of the message.
    pub(super) fn title(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// A moment as `2026-01-01T00:00:00Z`.
pub(super) fn date(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Whether a text is a whole SHA-1.
pub(super) fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An object as `cat-file` writes it.
pub(super) fn parse(kind: &str, sha: &str, content: &str) -> Object {
    let (head, message) = content.split_once("\n\n").unwrap_or((content, ""));
    let (sha, message) = (sha.to_owned(), message.to_owned());
    let lines = head.lines().filter_map(|line| line.split_once(' '));
    match kind {
        "commit" => {
            let mut commit = Commit {
                sha,
                message,
                ..Commit::default()
            };
            for (key, value) in lines {
                match key {
                    "tree" => value.clone_into(&mut commit.tree),
                    "parent" => commit.parents.push(value.to_owned()),
                    "author" => commit.author = person(value),
                    "committer" => commit.committer = person(value),
                    _ => {}
                }
            }
            Object::Commit(commit)
        }
        "tag" => {
            let mut tag = Tag {
                sha,
                message,
                ..Tag::default()
            };
            for (key, value) in lines {
                match key {
                    "object" => value.clone_into(&mut tag.object),
                    "type" => value.clone_into(&mut tag.kind),
                    "tag" => value.clone_into(&mut tag.name),
                    "tagger" => tag.tagger = person(value),
                    _ => {}
                }
            }
            Object::Tag(tag)
        }
        _ => Object::Other,
    }
}

/// `Name <mail> 1767225600 +0000`.
fn person(line: &str) -> Person {
    let (name, rest) = line.split_once(" <").unwrap_or((line, ""));
    let (email, when) = rest.split_once('>').unwrap_or((rest, ""));
    let seconds = when.split_whitespace().next();
    Person {
        name: name.to_owned(),
        email: email.to_owned(),
        seconds: seconds.and_then(|it| it.parse().ok()).unwrap_or_default(),
    }
}
