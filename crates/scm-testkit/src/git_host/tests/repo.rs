//! The repository by itself.

use crate::git_host::{Dialect, GitHost};

#[tokio::test]
async fn commits_are_the_same_in_each_run() {
    let [one, other] = [
        GitHost::start(Dialect::Github).await,
        GitHost::start(Dialect::DataCenter).await,
    ];
    let (one, other) = (one.repo(), other.repo());
    assert_eq!(one.rev_parse("main"), other.rev_parse("main"));
    let show = |format: &str| {
        let shown = one.git(&["log", "-1", &format!("--format={format}"), "main"]);
        shown.unwrap().trim().to_owned()
    };
    let first = show("%at %ct %an <%ae> %s");
    let wanted = "1767225600 1767225600 Dev Eloper <dev@example.com> Initial commit";
    assert_eq!(first, wanted);
    one.commit_by("main", "Second", "Zoë Ünal");
    assert_eq!(
        show("%an <%ae> %at"),
        "Zoë Ünal <zoë.ünal@example.com> 1767225660"
    );
}

#[tokio::test]
async fn branches_tags_and_merges() {
    let host = GitHost::start(Dialect::Github).await;
    let repo = host.repo();
    let root = repo.rev_parse("main").unwrap();
    repo.branch("a#b", "main");
    let side = repo.commit("a#b", "Side");
    let main = repo.commit("main", "Main");
    let merged = repo.merge("main", "a#b", "Merge");
    assert_eq!(repo.log("main"), [&*merged, &main, &side, &root]);
    assert_eq!(repo.rev_parse("main^2"), Some(side.clone()));
    assert!(repo.is_ancestor("a#b", "main") && !repo.is_ancestor("main", "a#b"));
    repo.set_branch("a#b", "main");
    assert_eq!(repo.rev_parse("refs/heads/a#b"), Some(merged));
    repo.tag("light", "main");
    let object = repo.annotated_tag("v1", &side, "Notes\n\n# no comment\n");
    repo.nested_tag("deep", "main", 2);
    assert_eq!(repo.rev_parse("v1"), Some(object));
    assert_eq!(repo.peel("v1"), Some(side));
    assert_eq!(repo.object_type("light").unwrap(), "commit");
    assert_eq!(repo.object_type("v1").unwrap(), "tag");
    assert_eq!(repo.tag_message("v1").unwrap(), "Notes\n\n# no comment\n");
    assert_eq!(repo.tag_message("light"), None);
    assert_eq!(repo.tag_names(), ["deep", "light", "v1"]);
    repo.delete_ref("refs/tags/light");
    assert_eq!(repo.rev_parse("refs/tags/light"), None);
    assert_eq!(repo.commit("orphan", "Elsewhere"), repo.log("orphan")[0]);
    assert_eq!(repo.log("orphan").len(), 1);
}

#[tokio::test]
#[should_panic(expected = "already exists")]
async fn what_git_refuses_is_a_panic() {
    let host = GitHost::start(Dialect::Github).await;
    host.repo().branch("main", "main");
}
