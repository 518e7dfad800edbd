//! Addresses of a repository's pages. What an API returned is better, where there is something.

use super::{RepoUrl, encode};
use crate::{BranchName, CommitSha, HostKind, Revision, TagName};

impl RepoUrl {
    /// The files of a branch.
    #[must_use]
    pub fn branch_url(&self, branch: &BranchName) -> String {
        let name = encode::path(branch.as_str());
        match self.kind() {
            HostKind::Github => format!("{self}/tree/{name}"),
            HostKind::Gitlab => format!("{self}/-/tree/{name}"),
            HostKind::Bitbucket => format!("{self}/branch/{name}"),
            HostKind::BitbucketDataCenter => self.browse(branch.into()),
        }
    }

    /// A tag.
    #[must_use]
    pub fn tag_url(&self, tag: &TagName) -> String {
        let name = encode::path(tag.as_str());
        match self.kind() {
            HostKind::Github => format!("{self}/releases/tag/{name}"),
            HostKind::Gitlab => format!("{self}/-/tags/{name}"),
            HostKind::Bitbucket => format!("{self}/commits/tag/{name}"),
            HostKind::BitbucketDataCenter => self.browse(tag.into()),
        }
    }

    /// The release of a tag; the tag where the host has no releases.
    #[must_use]
    pub fn release_url(&self, tag: &TagName) -> String {
        match self.kind() {
            // One path segment there: a slash in the tag is encoded.
            HostKind::Gitlab => format!("{self}/-/releases/{}", encode::segment(tag.as_str())),
            _ => self.tag_url(tag),
        }
    }

    /// A commit.
    #[must_use]
    pub fn commit_url(&self, sha: &CommitSha) -> String {
        match self.kind() {
            HostKind::Github => format!("{self}/commit/{sha}"),
            HostKind::Gitlab => format!("{self}/-/commit/{sha}"),
            HostKind::Bitbucket | HostKind::BitbucketDataCenter => format!("{self}/commits/{sha}"),
        }
    }

    /// A pull request, or a merge request as GitLab calls it.
    #[must_use]
    pub fn pull_request_url(&self, number: u64) -> String {
        match self.kind() {
            HostKind::Github => format!("{self}/pull/{number}"),
            HostKind::Gitlab => format!("{self}/-/merge_requests/{number}"),
            HostKind::Bitbucket | HostKind::BitbucketDataCenter => {
                format!("{self}/pull-requests/{number}")
            }
        }
    }

    /// What `head` has and `base` has not. Takes branches, tags and commits.
    #[must_use]
    pub fn compare_url<'a>(
        &self,
        base: impl Into<Revision<'a>>,
        head: impl Into<Revision<'a>>,
    ) -> String {
        let (base, head) = (base.into(), head.into());
        let name = |revision: Revision<'_>| encode::path(revision.as_str());
        let one_segment = |revision: Revision<'_>| encode::segment(revision.as_str());
        let full = |revision: Revision<'_>| encode::segment(&revision.full_name());
        match self.kind() {
            HostKind::Github => format!("{self}/compare/{}...{}", name(base), name(head)),
            HostKind::Gitlab => format!("{self}/-/compare/{}...{}", name(base), name(head)),
            // The other way round, with a carriage return between the two.
            HostKind::Bitbucket => {
                let (base, head) = (one_segment(base), one_segment(head));
                format!("{self}/branches/compare/{head}%0D{base}")
            }
            HostKind::BitbucketDataCenter => {
                let (base, head) = (full(base), full(head));
                format!("{self}/compare/commits?sourceBranch={head}&targetBranch={base}")
            }
        }
    }

    fn browse(&self, revision: Revision<'_>) -> String {
        format!(
            "{self}/browse?at={}",
            encode::segment(&revision.full_name())
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::repo_url::tests::repo;

    use super::*;

    const GITHUB: &str = "https://github.com/o/n";
    const GITLAB: &str = "https://gitlab.com/g/s/n";
    const BITBUCKET: &str = "https://bitbucket.org/w/n";
    const DATA_CENTER: &str = "https://bb.example.com/projects/KEY/repos/n";

    fn branch(name: &str) -> BranchName {
        BranchName::parse(name).unwrap()
    }

    fn tag(name: &str) -> TagName {
        TagName::parse(name).unwrap()
    }

    #[test]
    fn branches() {
        #[track_caller]
        fn check(url: &str, name: &str, want: &str) {
            assert_eq!(repo(url).branch_url(&branch(name)), format!("{url}{want}"));
        }
        check(GITHUB, "release/1.2", "/tree/release/1.2");
        check(GITHUB, "fix#1%+ü", "/tree/fix%231%25%2B%C3%BC");
        check(GITLAB, "release/1.2", "/-/tree/release/1.2");
        check(BITBUCKET, "release/1.2", "/branch/release/1.2");
        check(
            DATA_CENTER,
            "release/1&2",
            "/browse?at=refs%2Fheads%2Frelease%2F1%262",
        );
    }

    #[test]
    fn tags_and_releases() {
        #[track_caller]
        fn check(url: &str, name: &str, want_tag: &str, want_release: &str) {
            assert_eq!(repo(url).tag_url(&tag(name)), format!("{url}{want_tag}"));
            assert_eq!(
                repo(url).release_url(&tag(name)),
                format!("{url}{want_release}")
            );
        }
        let page = "/releases/tag/app/v1%2B2";
        check(GITHUB, "app/v1+2", page, page);
        check(
            GITLAB,
            "app/v1+2",
            "/-/tags/app/v1%2B2",
            "/-/releases/app%2Fv1%2B2",
        );
        let page = "/commits/tag/app/v1%2B2";
        check(BITBUCKET, "app/v1+2", page, page);
        let page = "/browse?at=refs%2Ftags%2Fapp%2Fv1%2B2";
        check(DATA_CENTER, "app/v1+2", page, page);
    }

    #[test]
    fn commits() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        for (url, page) in [
            (GITHUB, "commit"),
            (GITLAB, "-/commit"),
            (BITBUCKET, "commits"),
            (DATA_CENTER, "commits"),
        ] {
            assert_eq!(
                repo(url).commit_url(&CommitSha::parse(sha).unwrap()),
                format!("{url}/{page}/{sha}")
            );
        }
    }

    #[test]
    fn pull_requests() {
        for (url, page) in [
            (GITHUB, "pull"),
            (GITLAB, "-/merge_requests"),
            (BITBUCKET, "pull-requests"),
            (DATA_CENTER, "pull-requests"),
        ] {
            assert_eq!(repo(url).pull_request_url(12), format!("{url}/{page}/12"));
        }
    }

    #[test]
    fn comparisons() {
        #[track_caller]
        fn check(url: &str, want: &str) {
            let (base, head) = (tag("v1"), branch("release/2#"));
            assert_eq!(repo(url).compare_url(&base, &head), format!("{url}{want}"));
        }
        check(GITHUB, "/compare/v1...release/2%23");
        check(GITLAB, "/-/compare/v1...release/2%23");
        check(BITBUCKET, "/branches/compare/release%2F2%23%0Dv1");
        check(
            DATA_CENTER,
            "/compare/commits?sourceBranch=refs%2Fheads%2Frelease%2F2%23&targetBranch=refs%2Ftags%2Fv1",
        );
    }
}
