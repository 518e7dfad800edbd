//! What the dialects read and write: refs, commits and tags, many at a time.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat};

use super::repo::{EMAIL, GitRepo, NAME};

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

/// What `cat-file` gave for a line.
enum Object {
    Commit(Commit),
    Tag(Tag),
    Other,
}

/// The order of a listing.
pub(super) const BY_NAME: &str = "refname";

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

impl GitRepo {
    /// The refs below `refs/heads/` or `refs/tags/`, sorted by name.
    pub(super) fn refs(&self, prefix: &str) -> Vec<Ref> {
        self.sorted_refs(prefix, BY_NAME)
    }

    /// The same by a key of `git for-each-ref`.
    pub(super) fn sorted_refs(&self, prefix: &str, key: &str) -> Vec<Ref> {
        let sort = format!("--sort={key}");
        let format = "--format=%(objectname) %(refname)";
        let found = self.must(&["for-each-ref", &sort, format, prefix], b"");
        found
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(sha, name)| {
                Some(Ref {
                    name: name.strip_prefix(prefix)?.to_owned(),
                    sha: sha.to_owned(),
                })
            })
            .collect()
    }

    /// Whether there is no ref at all.
    pub(super) fn is_empty(&self) -> bool {
        let found = self.git(&["for-each-ref", "--count=1"]);
        found.is_ok_and(|refs| refs.is_empty())
    }

    /// The object of a full ref.
    pub(super) fn ref_sha(&self, full_ref: &str) -> Option<String> {
        let found = self.git(&["show-ref", "--verify", "--hash", "--", full_ref]);
        Some(found.ok()?.trim().to_owned())
    }

    /// The commit that a whole SHA, a branch, a tag, `heads/…` or `refs/…` comes to. What git takes
    /// beyond that, such as `main~1`, is nothing to a product.
    pub(super) fn resolve(&self, name: &str) -> Option<Commit> {
        let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        if name.is_empty() || name.contains(odd) || name.contains("..") || name.contains("@{") {
            return None;
        }
        let mut candidates = Vec::new();
        if is_sha(name) {
            candidates.push(name.to_owned());
        }
        candidates.extend(["refs/heads/", "refs/tags/", "refs/"].map(|it| format!("{it}{name}")));
        if name.starts_with("refs/") {
            candidates.push(name.to_owned());
        }
        if name == "HEAD" || (name.len() >= 7 && name.bytes().all(|it| it.is_ascii_hexdigit())) {
            candidates.push(name.to_owned());
        }
        let peeled = candidates.iter().map(|it| format!("{it}^{{commit}}"));
        let objects = self.objects(&peeled.collect::<Vec<_>>());
        objects.into_iter().find_map(|object| match object {
            Some(Object::Commit(commit)) => Some(commit),
            _ => None,
        })
    }

    /// Commits by their SHAs; one that is none is left out.
    pub(super) fn read_commits(&self, shas: &[String]) -> Vec<Commit> {
        let objects = self.objects(shas);
        let commits = objects.into_iter().filter_map(|object| match object {
            Some(Object::Commit(commit)) => Some(commit),
            _ => None,
        });
        commits.collect()
    }

    /// A tag object by its SHA.
    pub(super) fn read_tag(&self, sha: &str) -> Option<Tag> {
        match self.objects(&[sha.to_owned()]).pop()?? {
            Object::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// The commits of refs, by the object that the ref points at. Only branches always have one.
    pub(super) fn ref_commits(&self, refs: &[Ref]) -> HashMap<String, Commit> {
        let mut shas: Vec<_> = refs.iter().map(|it| it.sha.clone()).collect();
        shas.sort();
        shas.dedup();
        let peeled: Vec<_> = shas.iter().map(|it| format!("{it}^{{commit}}")).collect();
        let objects = self.objects(&peeled);
        let pairs = shas.into_iter().zip(objects);
        pairs
            .filter_map(|(sha, object)| match object {
                Some(Object::Commit(commit)) => Some((sha, commit)),
                _ => None,
            })
            .collect()
    }

    /// Refs with their commits; what comes to no commit is left out.
    pub(super) fn with_commits(&self, refs: &[Ref]) -> Vec<(Ref, Commit)> {
        let commits = self.ref_commits(refs);
        let pairs = refs
            .iter()
            .filter_map(|it| Some((it.clone(), commits.get(&it.sha)?.clone())));
        pairs.collect()
    }

    /// Tags with their tag objects and commits; a tag of anything but a commit is left out.
    pub(super) fn read_tags(&self, refs: &[Ref]) -> Vec<TagRef> {
        let commits = self.ref_commits(refs);
        let shas: Vec<_> = refs.iter().map(|it| it.sha.clone()).collect();
        let objects = self.objects(&shas);
        let tags = refs.iter().zip(objects).filter_map(|(found, object)| {
            Some(TagRef {
                name: found.name.clone(),
                sha: found.sha.clone(),
                object: match object {
                    Some(Object::Tag(tag)) => Some(tag),
                    _ => None,
                },
                commit: commits.get(&found.sha)?.clone(),
            })
        });
        tags.collect()
    }

    /// One tag by its name.
    pub(super) fn find_tag(&self, name: &str) -> Option<TagRef> {
        let sha = self.ref_sha(&format!("refs/tags/{name}"))?;
        let name = name.to_owned();
        self.read_tags(&[Ref { name, sha }]).pop()
    }

    /// One branch by its name.
    pub(super) fn find_branch(&self, name: &str) -> Option<(Ref, Commit)> {
        let sha = self.ref_sha(&format!("refs/heads/{name}"))?;
        let name = name.to_owned();
        self.with_commits(&[Ref { name, sha }]).pop()
    }

    /// What `git rev-list` gives for revisions that are there: newest first.
    pub(super) fn rev_list(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["rev-list"];
        all.extend(arguments);
        let found = self.must(&all, b"");
        found.lines().map(str::to_owned).collect()
    }

    /// How many commits are in one of two commits alone: in the first, in the second.
    pub(super) fn ahead_behind(&self, base: &str, head: &str) -> (usize, usize) {
        let range = format!("{base}...{head}");
        let found = self.must(&["rev-list", "--left-right", "--count", &range], b"");
        let mut counts = found.split_whitespace().map_while(|it| it.parse().ok());
        (counts.next().unwrap_or(0), counts.next().unwrap_or(0))
    }

    /// The best common ancestor.
    pub(super) fn merge_base(&self, shas: &[&str]) -> Option<Commit> {
        let mut arguments = vec!["merge-base"];
        arguments.extend(shas);
        self.resolve(self.git(&arguments).ok()?.lines().next()?)
    }

    /// Writes a tag object; no ref. The tagger is given as `Name <mail> seconds +0000`.
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

    /// Reads objects, one for each line; none where there is no such object.
    fn objects(&self, names: &[String]) -> Vec<Option<Object>> {
        if names.is_empty() {
            return Vec::new();
        }
        let input = names.join("\n") + "\n";
        let output = self.git_bytes(&["cat-file", "--batch"], input.as_bytes());
        let mut rest = output.as_slice();
        let mut objects = Vec::new();
        for _ in names {
            let end = rest.iter().position(|&byte| byte == b'\n');
            let (head, tail) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            rest = tail;
            let head = String::from_utf8_lossy(head);
            let mut parts = head.trim_end().rsplit(' ');
            let (size, kind, sha) = (parts.next(), parts.next(), parts.next());
            let size: Option<usize> = size.and_then(|size| size.parse().ok());
            let (Some(size), Some(kind), Some(sha)) = (size, kind, sha) else {
                objects.push(None);
                continue;
            };
            let content = String::from_utf8_lossy(&rest[..size.min(rest.len())]).into_owned();
            rest = rest.get(size + 1..).unwrap_or_default();
            objects.push(Some(parse(kind, sha, &content)));
        }
        objects
    }
}

fn parse(kind: &str, sha: &str, content: &str) -> Object {
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
