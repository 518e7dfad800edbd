//! The repository behind a host: bare, in a temporary directory, written and read by `git` alone.
//!
//! - Author, committer and dates are the same in each run: the first commit is of
//!   2026-01-01T00:00:00Z and each further one a minute younger than the one before. A tag has the
//!   date of the newest commit.
//! - Writes take a lock, so that a test and the host may write at the same time.
//! - Names are passed to git as they are, never through a shell.
//! - Whatever git refuses to a test is a panic with what git said.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::git;

/// 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600;

/// Who commits and tags where nobody is named.
pub(super) const NAME: &str = "Dev Eloper";
pub(super) const EMAIL: &str = "dev@example.com";

/// A bare repository that goes away with its handle.
#[derive(Debug)]
pub struct GitRepo {
    directory: TempDir,
    /// The date of the next commit, and the lock of every write.
    clock: Mutex<i64>,
}

impl GitRepo {
    /// An empty repository whose HEAD is `main`.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its repository"
    )]
    pub(super) fn init() -> Self {
        let repo = Self {
            directory: TempDir::new().expect("a temporary directory"),
            clock: Mutex::new(EPOCH),
        };
        let plain = ["init", "-q", "--bare", "--initial-branch=main", "."];
        let [init, rest @ ..] = plain;
        let mut tables = vec![init, "--ref-format=reftable"];
        tables.extend(rest);
        // One file for many refs: thousands are made at once, and no file system has a say in their
        // names. A git older than 2.45 makes a file for each.
        if repo.git(&tables).is_err() {
            repo.must(&plain, b"");
        }
        repo
    }

    /// Commits to a branch, which begins with this commit if it is new. Gives the commit's SHA.
    pub fn commit(&self, branch: &str, message: &str) -> String {
        self.commit_by(branch, message, &format!("{NAME} <{EMAIL}>"))
    }

    /// The same by an author, `Name <mail>` or a name alone.
    pub fn commit_by(&self, branch: &str, message: &str, author: &str) -> String {
        let messages = [message.to_owned()];
        self.extend(branch, messages, author, None).remove(0)
    }

    /// Commits to a branch once for each message, fast. Gives the SHAs, oldest first.
    pub fn commits(&self, branch: &str, messages: impl IntoIterator<Item = String>) -> Vec<String> {
        self.extend(branch, messages, &format!("{NAME} <{EMAIL}>"), None)
    }

    /// Merges another revision into a branch, always with a commit of its own. Gives its SHA.
    pub fn merge(&self, branch: &str, other: &str, message: &str) -> String {
        let other = self.needed(&format!("{other}^{{commit}}"));
        let author = format!("{NAME} <{EMAIL}>");
        self.extend(branch, [message.to_owned()], &author, Some(&other))
            .remove(0)
    }

    fn extend(
        &self,
        branch: &str,
        messages: impl IntoIterator<Item = String>,
        author: &str,
        merged: Option<&str>,
    ) -> Vec<String> {
        let mut clock = self.lock();
        let tip = format!("refs/heads/{branch}");
        let author = person(author);
        let mut parent = self.rev_parse(&format!("{tip}^0"));
        let mut input = Vec::new();
        for (at, message) in messages.into_iter().enumerate() {
            let mark = at + 1;
            let seconds = *clock;
            *clock += 60;
            let mut head = format!(
                "commit {tip}\nmark :{mark}\nauthor {author} {seconds} +0000\n\
                 committer {NAME} <{EMAIL}> {seconds} +0000\ndata {}\n",
                message.len()
            );
            head.extend([message.as_str(), "\n"]);
            if let Some(parent) = parent.replace(format!(":{mark}")) {
                head.extend(["from ", parent.as_str(), "\n"]);
            }
            if let Some(merged) = merged {
                head.extend(["merge ", merged, "\n"]);
            }
            head.extend(["\nget-mark :", &mark.to_string(), "\n"]);
            input.extend(head.into_bytes());
        }
        let shas = self.must(&["fast-import", "--quiet"], &input);
        shas.lines().map(str::to_owned).collect()
    }

    /// A new branch at a revision.
    pub fn branch(&self, name: &str, at: &str) {
        self.branches([name.to_owned()], at);
    }

    /// Many new branches at a revision.
    pub fn branches(&self, names: impl IntoIterator<Item = String>, at: &str) {
        let sha = self.needed(&format!("{at}^{{commit}}"));
        self.create("refs/heads/", names, &sha);
    }

    /// A new lightweight tag.
    pub fn tag(&self, name: &str, at: &str) {
        self.tags([name.to_owned()], at);
    }

    /// Many new lightweight tags at a revision.
    pub fn tags(&self, names: impl IntoIterator<Item = String>, at: &str) {
        let sha = self.needed(at);
        self.create("refs/tags/", names, &sha);
    }

    /// A new annotated tag. Gives the SHA of the tag object.
    pub fn annotated_tag(&self, name: &str, at: &str, message: &str) -> String {
        let sha = self.needed(at);
        let object = must_have(self.tag_object(name, &sha, message, None));
        self.create("refs/tags/", [name.to_owned()], &object);
        object
    }

    /// A new tag of a tag of a tag: `depth` tag objects, of which the last is at a revision.
    pub fn nested_tag(&self, name: &str, at: &str, depth: usize) {
        let mut sha = self.needed(at);
        for level in 1..=depth {
            let message = format!("Level {level}\n");
            sha = must_have(self.tag_object(name, &sha, &message, None));
        }
        self.create("refs/tags/", [name.to_owned()], &sha);
    }

    /// Deletes a ref such as `refs/heads/main`.
    pub fn delete_ref(&self, full_ref: &str) {
        let _lock = self.lock();
        self.must(&["update-ref", "-d", full_ref], b"");
    }

    /// Points a branch at a revision, whether it was there before or not.
    pub fn set_branch(&self, name: &str, at: &str) {
        let sha = self.needed(&format!("{at}^{{commit}}"));
        let _lock = self.lock();
        self.must(&["update-ref", &format!("refs/heads/{name}"), &sha], b"");
    }

    /// The object that a revision names.
    #[must_use]
    pub fn rev_parse(&self, rev: &str) -> Option<String> {
        let found = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", rev]);
        Some(found.ok()?.trim().to_owned())
    }

    /// The commit that a revision comes to in the end.
    #[must_use]
    pub fn peel(&self, rev: &str) -> Option<String> {
        self.rev_parse(&format!("{rev}^{{commit}}"))
    }

    /// `commit`, `tag`, `tree` or `blob`.
    #[must_use]
    pub fn object_type(&self, rev: &str) -> Option<String> {
        let sha = self.rev_parse(rev)?;
        let found = self.git(&["cat-file", "-t", &sha]);
        Some(found.ok()?.trim().to_owned())
    }

    /// The message of an annotated tag, byte for byte; none if the tag is lightweight or missing.
    #[must_use]
    pub fn tag_message(&self, tag: &str) -> Option<String> {
        let found = self.git(&["cat-file", "tag", &format!("refs/tags/{tag}")]);
        let (_, message) = found.ok()?.split_once("\n\n").map(own)?;
        Some(message)
    }

    /// The commits of a range such as `main..feature`, newest first.
    #[must_use]
    pub fn log(&self, range: &str) -> Vec<String> {
        let found = self.must(&["rev-list", "--end-of-options", range], b"");
        found.lines().map(str::to_owned).collect()
    }

    /// Whether one revision is another or comes before it.
    #[must_use]
    pub fn is_ancestor(&self, a: &str, b: &str) -> bool {
        let (a, b) = (self.needed(a), self.needed(b));
        self.git(&["merge-base", "--is-ancestor", &a, &b]).is_ok()
    }

    /// The branches, sorted by name.
    #[must_use]
    pub fn branch_names(&self) -> Vec<String> {
        self.names("refs/heads/")
    }

    /// The tags, sorted by name.
    #[must_use]
    pub fn tag_names(&self) -> Vec<String> {
        self.names("refs/tags/")
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let refs = self.refs(prefix);
        refs.into_iter().map(|found| found.name).collect()
    }

    fn create(&self, prefix: &str, names: impl IntoIterator<Item = String>, sha: &str) {
        let mut input = String::new();
        let mut count = 0;
        for name in names {
            input.extend(["create ", prefix, &name, "\0", sha, "\0"]);
            count += 1;
        }
        let _lock = self.lock();
        self.must(&["update-ref", "-z", "--stdin"], input.as_bytes());
        // Thousands of small files would make every listing slow.
        if count > 500 {
            self.must(&["pack-refs", "--all"], b"");
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, i64> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The date of the newest commit.
    pub(super) fn now(&self) -> i64 {
        *self.lock() - 60
    }

    pub(super) fn git(&self, arguments: &[&str]) -> Result<String, String> {
        self.git_with(arguments, b"")
    }

    pub(super) fn git_with(&self, arguments: &[&str], input: &[u8]) -> Result<String, String> {
        let output = git::run(self.directory.path(), arguments, input)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// The same as bytes, nothing if git refuses.
    pub(super) fn git_bytes(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        git::run(self.directory.path(), arguments, input).unwrap_or_default()
    }

    pub(super) fn must(&self, arguments: &[&str], input: &[u8]) -> String {
        must_have(self.git_with(arguments, input))
    }

    fn needed(&self, rev: &str) -> String {
        let found = self.rev_parse(rev);
        must_have(found.ok_or_else(|| format!("there is no revision {rev}")))
    }
}

#[expect(clippy::panic, reason = "a test cannot go on after this")]
fn must_have<T>(result: Result<T, String>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn own((head, tail): (&str, &str)) -> (String, String) {
    (head.to_owned(), tail.to_owned())
}

fn person(given: &str) -> String {
    if given.contains('<') {
        return given.to_owned();
    }
    let mailbox = given.to_lowercase().replace(' ', ".");
    format!("{given} <{mailbox}@example.com>")
}
