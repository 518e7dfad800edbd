//! Release work where GitHub has its own ways, against a real repository.

use std::{sync::Arc, time::Duration};

use scm_providers::{
    Known, ListRequest, Outage, Provider, ProviderError, Registry, TransportSettings,
};
use scm_testkit::{
    code_host::{Reply, Standard},
    git_host::{Dialect, GitHost},
};
use scm_types::{
    AccessToken, BranchName, CommitSha, FixedClock, NewRelease, NewTag, RefSpec, RepoUrl,
    RepositoryInfo, TagName,
};
use serde_json::json;

use crate::support::{NOW, at, provider_host, registry, settings};

struct Work {
    host: GitHost,
    registry: Registry,
    clock: Arc<FixedClock>,
}

impl Work {
    async fn start() -> Self {
        Self::on(GitHost::start(Dialect::Github).await)
    }

    fn on(host: GitHost) -> Self {
        let clock = Arc::new(FixedClock::at(at(NOW)));
        let host_config = provider_host(Standard::Github, &host.base_url());
        let settings = TransportSettings {
            max_body: 4 * 1024 * 1024,
            operation_budget: Duration::from_mins(1),
            ..settings()
        };
        let registry = registry(host_config, settings, &clock).unwrap();
        Self {
            host,
            registry,
            clock,
        }
    }

    /// A handle, and the repository as it is now.
    async fn open(&self) -> (Box<dyn Provider>, RepositoryInfo) {
        let provider = self.handle();
        let info = provider.info().await.unwrap();
        (provider, info)
    }

    fn handle(&self) -> Box<dyn Provider> {
        let url = RepoUrl::parse(&self.host.repository_url(), self.registry.web_hosts()).unwrap();
        let token = AccessToken::parse(Dialect::Github.token()).unwrap();
        self.registry.open(&url, &token, Known::default()).unwrap()
    }

    fn sha(&self, rev: &str) -> CommitSha {
        CommitSha::parse(&self.host.repo().peel(rev).unwrap()).unwrap()
    }

    fn new_tag(&self, name: &str) -> NewTag {
        NewTag {
            name: tag(name),
            commit: self.sha("main"),
            message: "Line one\n\nLine two".to_owned(),
        }
    }

    fn log(&self, range: &str, most: usize) -> Vec<String> {
        let mut log = self.host.repo().log(range);
        log.truncate(most);
        log
    }

    fn asked(&self, method: &str, part: &str) -> usize {
        let asked = self.host.requests();
        let asked = asked
            .iter()
            .filter(|it| it.method == method && it.path.contains(part));
        asked.count()
    }
}

fn branch(name: &str) -> BranchName {
    BranchName::parse(name).unwrap()
}

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn release(name: &str) -> NewRelease {
    NewRelease {
        tag: tag(name),
        name: format!("Release {name}"),
        notes: "# Notes\n\n- one\n\t- two".to_owned(),
        prerelease: false,
    }
}

#[tokio::test]
async fn pages_that_github_numbers_are_fetched_together() {
    let work = Work::start().await;
    let names = (0..2_349).map(|n| format!("topic/{n:04}"));
    work.host.repo().branches(names, "main");
    work.host.set_latency(Duration::from_millis(30));
    let (provider, info) = work.open().await;
    let started = std::time::Instant::now();
    let mut names = Vec::new();
    let mut request = ListRequest::default();
    loop {
        let part = provider.branches(&info, &request).await.unwrap();
        names.extend(part.items.into_iter().map(|branch| branch.name));
        let Some(next) = part.next else { break };
        request.after = Some(next);
    }
    names.sort();
    assert_eq!(names, work.host.repo().branch_names());
    assert_eq!(work.asked("GET", "/branches"), 24, "each page once");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_renamed_branch_is_not_taken_for_the_other() {
    let work = Work::start().await;
    work.host.repo().branch("new", "main");
    let there = format!("{}/repositories/1296269/branches/new", work.host.api_url());
    let moved = Reply::redirect(301, &there);
    work.host.always("GET", "/branches/old", moved);
    let (provider, info) = work.open().await;
    let error = provider.branch(&info, &branch("old")).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::RefNotFound { .. }),
        "{error:?}"
    );
    assert!(provider.branch(&info, &branch("new")).await.is_ok());
    // So the old name is free.
    let head = work.sha("main");
    let error = provider.ensure_branch(&info, &branch("old"), &head).await;
    assert!(!error.unwrap().existing);
}

#[tokio::test]
async fn a_branch_below_another_ones_protection_is_a_branch() {
    let work = Work::start().await;
    let (provider, info) = work.open().await;
    let (name, head) = (branch("a/protection"), work.sha("main"));
    provider.ensure_branch(&info, &name, &head).await.unwrap();
    assert_eq!(
        provider.branch(&info, &name).await.unwrap().commit_sha,
        head
    );
    assert!(work.asked("GET", "/branches/a%2Fprotection") > 0);
}

#[tokio::test]
async fn tags_of_tags_are_gone_through() {
    let work = Work::start().await;
    work.host.repo().nested_tag("deep", "main", 5);
    work.host.repo().nested_tag("deeper", "main", 6);
    work.host.repo().nested_tag("three", "main", 3);
    work.host.repo().tag("light", "main");
    work.host.repo().tag("tree", "main^{tree}");
    work.host
        .repo()
        .annotated_tag("files", "main^{tree}", "Files");
    work.host.repo().commit("main", "Second");
    let (provider, info) = work.open().await;
    let commit = work.sha("main~1");
    for (name, message) in [
        ("three", Some("Level 3\n")),
        ("deep", Some("Level 5\n")),
        ("light", None),
    ] {
        let found = provider.tag(&info, &tag(name)).await.unwrap();
        assert_eq!(found.commit_sha, commit, "{name}");
        assert_eq!(found.annotated, Some(message.is_some()), "{name}");
        let lines = |text: &str| text.trim_end().to_owned();
        assert_eq!(found.message.as_deref().map(lines), message.map(lines));
    }
    for name in ["tree", "files"] {
        let error = provider.tag(&info, &tag(name)).await.unwrap_err();
        assert_eq!(error.code(), "ref_not_found", "{name}");
    }
    let error = provider.tag(&info, &tag("deeper")).await.unwrap_err();
    assert_eq!(error.code(), "unavailable");
}

#[tokio::test]
async fn an_object_without_its_ref_is_no_tag() {
    for (reply, lost) in [
        (Reply::json(502, &json!({"message": "Server Error"})), false),
        (Reply::close(), false),
        (Reply::close(), true),
    ] {
        let work = Work::start().await;
        let (provider, info) = work.open().await;
        let new = work.new_tag("release/v1.0.0");
        if lost {
            work.host.lose("POST", "/git/refs", reply);
        } else {
            work.host.instead("POST", "/git/refs", reply);
        }
        let first = provider.ensure_tag(&info, &new).await;
        assert_eq!(work.host.writes().len(), 2, "each once");
        assert_eq!(first.is_ok(), lost, "{first:?}");
        let made = work.host.repo().tag_message("release/v1.0.0");
        assert_eq!(made.is_some(), lost);

        let (provider, info) = work.open().await;
        let again = provider.ensure_tag(&info, &new).await.unwrap();
        assert_eq!(again.existing, lost);
        assert_eq!(work.host.writes().len(), if lost { 2 } else { 4 });
        assert_eq!(
            work.host.repo().peel("release/v1.0.0").unwrap(),
            new.commit.as_str()
        );
        let message = work.host.repo().tag_message("release/v1.0.0").unwrap();
        assert_eq!(message.trim_end(), new.message);
        assert_eq!(again.value.message.unwrap().trim_end(), new.message);
        assert_eq!(again.value.annotated, Some(true));
    }
}

#[tokio::test]
async fn a_lost_tag_object_makes_no_ref() {
    let work = Work::start().await;
    let (provider, info) = work.open().await;
    let new = work.new_tag("v1");
    work.host.lose("POST", "/git/tags", Reply::close());
    let error = provider.ensure_tag(&info, &new).await.unwrap_err();
    assert_eq!(error.code(), "unavailable");
    assert_eq!(work.host.writes().len(), 1);
    assert!(work.host.repo().tag_names().is_empty());
    assert!(!provider.ensure_tag(&info, &new).await.unwrap().existing);
}

#[tokio::test]
async fn another_ref_than_asked_for_is_no_success() {
    let work = Work::start().await;
    let (provider, info) = work.open().await;
    let head = work.sha("main");
    let object = json!({"type": "commit", "sha": "a".repeat(40)});
    let other = json!({"ref": "refs/heads/x", "object": object});
    work.host
        .always("POST", "/git/refs", Reply::json(201, &other));
    let error = provider.ensure_branch(&info, &branch("x"), &head).await;
    assert_eq!(error.unwrap_err().code(), "unavailable");
    let other = json!({"sha": "b".repeat(40), "object": object});
    work.host
        .always("POST", "/git/tags", Reply::json(201, &other));
    let error = provider.ensure_tag(&info, &work.new_tag("v1")).await;
    assert_eq!(error.unwrap_err().code(), "unavailable");
    assert_eq!(
        work.asked("POST", "/git/refs"),
        1,
        "no ref to a foreign object"
    );
}

#[tokio::test]
async fn of_a_long_comparison_only_the_newest_pages_are_read() {
    let work = Work::start().await;
    let base = work.sha("main");
    let messages = (0..2_550).map(|n| format!("Commit {n} (#{n})"));
    work.host.repo().commits("main", messages);
    let head = work.sha("main");
    let (provider, info) = work.open().await;
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    assert_eq!(
        (found.count, found.exact, found.truncated),
        (2_550, true, true)
    );
    let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
    assert_eq!(shas, work.log("main", 1_000));
    assert_eq!(found.commits[0].subject, "Commit 2549 (#2549)");
    assert_eq!(
        found.commits[0].pull_request.as_ref().unwrap().number,
        2_549
    );
    // The first, and those with numbers 16 to 26.
    assert_eq!(work.asked("GET", "/compare/"), 12);

    for (rev, want) in [("main~1550", 1_000), ("main~2450", 100), ("main~2449", 101)] {
        work.host.forget_requests();
        let head = work.sha(rev);
        let found = provider.compare(&info, Some(&base), &head).await.unwrap();
        assert_eq!(
            (found.count, found.exact, found.truncated),
            (want, true, false)
        );
        let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
        assert_eq!(shas, work.log(&format!("{base}..{rev}"), 1_000));
        let pages = usize::try_from(want.div_ceil(100)).unwrap();
        assert_eq!(work.asked("GET", "/compare/"), pages);
    }
    let back = provider.compare(&info, Some(&head), &base).await.unwrap();
    assert_eq!(back, scm_types::Comparison::empty());
}

#[tokio::test]
async fn a_history_without_a_base_is_read_as_far_as_it_is_listed() {
    let work = Work::start().await;
    let messages = (0..1_200).map(|n| format!("Commit {n}"));
    work.host.repo().commits("main", messages);
    let (provider, info) = work.open().await;
    for (rev, count, is_whole, calls) in [
        ("main", 1_000, false, 10),
        ("main~200", 1_000, false, 10),
        ("main~201", 1_000, true, 10),
        ("main~1101", 100, true, 1),
        ("main~1200", 1, true, 1),
    ] {
        work.host.forget_requests();
        let found = provider.compare(&info, None, &work.sha(rev)).await.unwrap();
        let got = (found.count, found.exact, found.truncated);
        assert_eq!(got, (count, is_whole, !is_whole), "{rev}");
        let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
        assert_eq!(shas, work.log(rev, 1_000), "{rev}");
        assert_eq!(work.asked("GET", "/commits"), calls, "{rev}");
    }
}

#[tokio::test]
async fn histories_with_nothing_in_common_are_whole() {
    let work = Work::start().await;
    let base = work.sha("main");
    work.host.repo().commit("island", "One");
    work.host.repo().commit("island", "Two");
    let head = work.sha("island");
    let (provider, info) = work.open().await;
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
    assert_eq!(shas, work.log("main..island", 9));
    assert_eq!((found.count, found.exact), (2, true));
    // No tag of the other history comes before one of this.
    work.host.repo().tag("v1", "main");
    work.host.repo().tag("v2", "island");
    let before = provider.previous_tag(&info, &tag("v2"), &head).await;
    assert_eq!(before.unwrap(), None);
    // A 404 for another reason is not mistaken for that.
    work.host
        .always("GET", "/compare/", Reply::fixture("github/repo_404"));
    assert!(provider.compare(&info, Some(&base), &head).await.is_err());
}

#[tokio::test]
async fn what_a_commit_descends_from_is_asked_without_its_files() {
    let work = Work::start().await;
    work.host.repo().tag("v1.0.0", "main");
    work.host.repo().commit("main", "Second");
    work.host.repo().tag("v2.0.0", "main");
    work.host.repo().branch("side", "main~1");
    work.host.repo().commit("side", "Fix");
    work.host.repo().tag("v1.0.1", "side");
    let (provider, info) = work.open().await;
    let head = work.sha("v2.0.0");
    let before = provider.previous_tag(&info, &tag("v2.0.0"), &head).await;
    assert_eq!(before.unwrap().unwrap().name, "v1.0.0");
    let asked = format!("/compare/{head}...{}", work.sha("v1.0.0"));
    assert_eq!(work.asked("GET", &asked), 1, "the ancestor is the head");
}

#[tokio::test]
async fn commits_are_found_by_their_whole_id() {
    let work = Work::start().await;
    let object = work.host.repo().annotated_tag("v1", "main", "One");
    let (provider, info) = work.open().await;
    let head = work.sha("main");
    let spec = RefSpec::Commit(head.clone());
    assert_eq!(provider.resolve(&info, &spec).await.unwrap().commit, head);
    for other in [object.as_str(), &"0".repeat(40), &"0".repeat(64)] {
        let spec = RefSpec::Commit(CommitSha::parse(other).unwrap());
        let error = provider.resolve(&info, &spec).await.unwrap_err();
        assert_eq!(error.code(), "ref_not_found", "{other}");
    }
}

#[tokio::test]
async fn nothing_is_made_in_an_empty_repository() {
    let work = Work::on(GitHost::empty(Dialect::Github).await);
    let (provider, info) = work.open().await;
    let any = CommitSha::parse(&"a".repeat(40)).unwrap();
    let error = provider.ensure_branch(&info, &branch("x"), &any).await;
    assert!(
        matches!(error, Err(ProviderError::EmptyRepository)),
        "{error:?}"
    );
    let new = NewTag {
        name: tag("v1"),
        commit: any,
        message: "One".to_owned(),
    };
    let error = provider.ensure_tag(&info, &new).await;
    assert!(
        matches!(error, Err(ProviderError::EmptyRepository)),
        "{error:?}"
    );
    // Any other conflict says nothing about the repository.
    let work = Work::start().await;
    let (provider, info) = work.open().await;
    let busy = Reply::json(409, &json!({"message": "Conflict"}));
    work.host.always("POST", "/git/refs", busy);
    let head = work.sha("main");
    let error = provider.ensure_branch(&info, &branch("x"), &head).await;
    let outage = |error: ProviderError| match error {
        ProviderError::Unavailable { outage, .. } => Some(outage),
        _ => None,
    };
    assert_eq!(error.err().and_then(outage), Some(Outage::Status(409)));
}

#[tokio::test]
async fn a_refused_release_names_what_is_missing() {
    let refusal = |status, message: &str| Reply::json(status, &json!({"message": message}));
    for (reply, want) in [
        (refusal(404, "Not Found"), "workflows"),
        (
            refusal(404, "Not Found").header(
                "x-accepted-github-permissions",
                "contents=write; contents=write,workflows=write",
            ),
            "contents=write; contents=write,workflows=write",
        ),
        (
            refusal(
                403,
                "refusing to allow an OAuth App to create or update workflow `.github/workflows/x`",
            ),
            "the scope workflow",
        ),
    ] {
        let work = Work::start().await;
        work.host.repo().tag("v1", "main");
        let (provider, info) = work.open().await;
        work.host.instead("POST", "/releases", reply);
        let error = provider
            .ensure_release(&info, &release("v1"))
            .await
            .unwrap_err();
        match &error {
            ProviderError::InsufficientScope { missing, .. } => {
                assert!(missing.as_deref().unwrap().contains(want), "{missing:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(work.host.writes().len(), 1);
    }
}

#[tokio::test]
async fn a_release_keeps_its_lines() {
    let work = Work::start().await;
    work.host.repo().annotated_tag("a/v1", "main", "One");
    let (provider, info) = work.open().await;
    let new = release("a/v1");
    let made = provider.ensure_release(&info, &new).await.unwrap();
    assert_eq!(
        (made.existing, made.value.notes),
        (false, new.notes.clone())
    );
    assert!(provider.ensure_release(&info, &new).await.unwrap().existing);
    let body: serde_json::Value = serde_json::from_slice(&work.host.writes()[0].body).unwrap();
    assert_eq!(body["make_latest"], "legacy");
    assert_eq!(body["target_commitish"], serde_json::Value::Null);
    let mut other = new;
    other.notes = "Other".to_owned();
    let error = provider.ensure_release(&info, &other).await.unwrap_err();
    assert_eq!(error.code(), "release_conflict");
}

#[tokio::test]
async fn a_sequence_that_the_limit_cannot_finish_is_not_begun() {
    // Asking for the repository and the tag takes two, making the tag and looking at it four.
    for (calls, is_made) in [(6, true), (5, false), (3, false)] {
        let work = Work::start().await;
        work.host.set_rate_limit(calls);
        let (provider, info) = work.open().await;
        let made = provider.ensure_tag(&info, &work.new_tag("v1")).await;
        assert_eq!(made.is_ok(), is_made, "{calls}: {made:?}");
        assert_eq!(work.host.repo().tag_names().len(), usize::from(is_made));
        assert_eq!(work.host.writes().len(), if is_made { 2 } else { 0 });
        if let Err(error) = made {
            assert_eq!(error.code(), "rate_limited");
            assert_eq!(error.retry_after().unwrap().as_secs(), 8_401);
        }
    }
}

#[tokio::test]
async fn a_refused_write_closes_the_budget_of_the_credential() {
    let work = Work::start().await;
    let (provider, info) = work.open().await;
    let refusal = Reply::fixture("github/repo_403_secondary_rate_limit");
    work.host.instead("POST", "/git/refs", refusal);
    let (name, head) = (branch("x"), work.sha("main"));
    let error = provider
        .ensure_branch(&info, &name, &head)
        .await
        .unwrap_err();
    let wait = error.retry_after().unwrap();
    assert_eq!((error.code(), wait.as_secs()), ("rate_limited", 60));
    let calls = work.host.calls();
    let error = work.handle().info().await.unwrap_err();
    assert_eq!((error.code(), work.host.calls()), ("rate_limited", calls));
    work.clock.advance(wait);
    let (provider, info) = work.open().await;
    assert!(provider.ensure_branch(&info, &name, &head).await.is_ok());
}

#[tokio::test]
async fn a_write_to_a_moved_repository_is_made_at_its_new_place() {
    let work = Work::start().await;
    let (provider, info) = work.open().await;
    work.host.rename("octo/renamed");
    let (name, head) = (branch("x"), work.sha("main"));
    let made = provider.ensure_branch(&info, &name, &head).await.unwrap();
    assert!(!made.existing);
    let writes = work.host.writes();
    let paths: Vec<_> = writes.iter().map(|write| &*write.path).collect();
    let want = ["octo/app", "octo/renamed"].map(|path| format!("/api/v3/repos/{path}/git/refs"));
    assert_eq!(paths, want);
}
