//! What the dialects read: refs, commits and tags, many at a time.

use std::collections::HashMap;

use super::{
    objects::{Commit, Object, Ref, Tag, TagRef, is_sha, parse},
    repo::GitRepo,
};

/// The order of a listing.
pub(super) const BY_NAME: &str = "refname";

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
