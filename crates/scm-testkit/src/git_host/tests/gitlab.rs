//! GitLab.

use serde_json::{Value, json};

use super::client::{ODD, all, diverged, get, pages, post, segment};
use crate::git_host::{Dialect, GitHost};

const P: &str = "/projects/4";

#[tokio::test]
async fn listings_end_where_git_ends() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let repo = host.repo();
    repo.branches((0..19).map(|it| format!("b/{it:03}")), "main");
    repo.tags((0..20).map(|it| format!("v{it}")), "main");
    let branches = format!("{P}/repository/branches");
    let keyset = format!("{branches}?pagination=keyset&per_page=10");
    assert_eq!(pages(&host, &keyset, "/name").await, repo.branch_names());
    // Two full pages, and an empty third one.
    assert_eq!(host.calls(), 3);
    let offset = pages(&host, &format!("{branches}?per_page=10"), "/name").await;
    assert_eq!(offset, repo.branch_names());
    // The first page promises a second.
    let whole = get(&host, &format!("{branches}?per_page=100"))
        .await
        .expect(200);
    assert_eq!(whole.header("x-next-page"), Some("2"));
    let bad = format!("{keyset}&page_token=nope");
    get(&host, &bad).await.expect(422);
    let found = get(&host, &format!("{branches}?search=B/01&per_page=2")).await;
    assert_eq!(all(&found.json, "/name").len(), 9);
    let tags = format!("{P}/repository/tags?order_by=version&sort=desc&per_page=7");
    let tags = pages(&host, &tags, "/name").await;
    assert_eq!(
        (tags.len(), tags[0].as_str(), tags[1].as_str()),
        (20, "v19", "v18")
    );
    repo.commits("main", (0..24).map(|it| format!("Commit {it}")));
    let commits = format!("{P}/repository/commits?ref_name=main&per_page=10");
    assert_eq!(pages(&host, &commits, "/id").await, repo.log("main"));
}

#[tokio::test]
async fn branches_and_tags_of_any_name() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let repo = host.repo();
    let head = repo.rev_parse("main").unwrap();
    let (branches, tags) = (
        format!("{P}/repository/branches"),
        format!("{P}/repository/tags"),
    );
    for name in ODD {
        let made = post(&host, &branches, json!({"branch": name, "ref": head})).await;
        let made = made.expect(201).json;
        assert_eq!(
            repo.peel(&format!("refs/heads/{name}")).as_ref(),
            Some(&head)
        );
        let read = get(&host, &format!("{branches}/{}", segment(name))).await;
        assert_eq!(read.expect(200).json, made);
        let body = json!({"tag_name": name, "ref": head, "message": "Notes ü\n\n* one\n"});
        let made = post(&host, &tags, body.clone()).await.expect(201).json;
        assert_eq!(made["commit"]["id"], head);
        assert_eq!(made["message"], "Notes ü\n\n* one");
        assert_eq!(repo.tag_message(name).unwrap(), "Notes ü\n\n* one");
        let object = repo.rev_parse(&format!("refs/tags/{name}")).unwrap();
        assert_eq!(made["target"], object);
        let read = get(&host, &format!("{tags}/{}", segment(name))).await;
        assert_eq!(read.expect(200).json, made);
        let again = post(&host, &tags, body).await.expect(400);
        assert_eq!(again.json["message"], format!("Tag {name} already exists"));
    }
    for (name, from, text) in [
        ("a#b", &*head, "Branch already exists"),
        ("a..b", &*head, "Branch name is invalid"),
        (
            "new",
            "nope",
            "Failed to create branch 'new': invalid reference name 'nope'",
        ),
        (
            "main/x",
            &*head,
            "Failed to create branch 'main/x': Branch name conflicts with existing branch \
             hierarchy.",
        ),
    ] {
        let refused = post(&host, &branches, json!({"branch": name, "ref": from})).await;
        assert_eq!(refused.expect(400).json["message"], text);
    }
    let light = json!({"tag_name": "light", "ref": "main", "message": ""});
    let light = post(&host, &tags, light).await.expect(201).json;
    assert_eq!(
        (&light["target"], &light["message"]),
        (&json!(head), &Value::Null)
    );
    get(&host, &format!("{branches}/x/y")).await.expect(404);
    get(&host, &format!("{tags}/nope")).await.expect(404);
}

#[tokio::test]
async fn comparisons_equal_git() {
    let host = diverged(Dialect::Gitlab).await;
    let repo = host.repo();
    let wanted = repo.log("main..topic");
    let range = format!("{P}/repository/commits?ref_name=main..topic&per_page=2");
    assert_eq!(pages(&host, &range, "/id").await, wanted);
    let compare = format!("{P}/repository/compare");
    let whole = get(&host, &format!("{compare}?from=main&to=topic"))
        .await
        .expect(200);
    let mut oldest_first = all(&whole.json["commits"], "/id");
    oldest_first.reverse();
    assert_eq!(oldest_first, wanted);
    let same = get(&host, &format!("{compare}?from=main&to=main"))
        .await
        .expect(200);
    assert_eq!(same.json["compare_same_ref"], true);
    get(&host, &format!("{compare}?from=main&to=nope"))
        .await
        .expect(404);
    get(
        &host,
        &format!("{P}/repository/commits?ref_name=nope..main"),
    )
    .await
    .expect(404);
    let base = format!("{P}/repository/merge_base?refs%5B%5D=main&refs%5B%5D=topic");
    let base = get(&host, &base).await.expect(200).json;
    assert_eq!(base["id"], *repo.log("main").last().unwrap());
    let one = get(&host, &format!("{P}/repository/commits/{}", wanted[1]))
        .await
        .expect(200);
    assert_eq!(one.json["author_name"], "Zoë Ünal");
    get(&host, &format!("{P}/repository/commits/{}", "1".repeat(40)))
        .await
        .expect(404);
}

#[tokio::test]
async fn releases_make_their_tag() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let path = format!("{P}/releases");
    let body = json!({"tag_name": "v1/rc#1", "name": "One", "description": "Notes"});
    post(&host, &path, body.clone()).await.expect(422);
    let mut with_ref = body;
    with_ref["ref"] = json!("main");
    with_ref["tag_message"] = json!("Tagged");
    let made = post(&host, &path, with_ref.clone()).await.expect(201).json;
    assert_eq!(host.repo().tag_message("v1/rc#1").unwrap(), "Tagged");
    post(&host, &path, with_ref).await.expect(409);
    let read = get(&host, &format!("{path}/{}", segment("v1/rc#1")))
        .await
        .expect(200);
    assert_eq!(read.json, made);
    assert_eq!(get(&host, &path).await.json, json!([made]));
    host.protect("refs/tags/p");
    let protected = json!({"tag_name": "p", "ref": "main"});
    post(&host, &path, protected.clone()).await.expect(403);
    post(&host, &format!("{P}/repository/tags"), protected)
        .await
        .expect(400);
}

#[tokio::test]
async fn a_renamed_project_is_found_by_its_number() {
    let host = GitHost::start(Dialect::Gitlab).await;
    host.rename("other/app");
    let old = "/projects/group%2Fsub%2Fdeep%2Fapp";
    let answer = get(&host, &format!("{old}/repository/branches?per_page=5"))
        .await
        .expect(301);
    let next = answer.header("location").unwrap().to_owned();
    assert!(
        next.ends_with("/projects/4/repository/branches?per_page=5"),
        "{next}"
    );
    assert_eq!(all(&get(&host, &next).await.json, "/name"), ["main"]);
    let found = get(&host, "/projects/other%2Fapp").await.expect(200);
    assert_eq!(found.json["path_with_namespace"], "other/app");
    get(&host, "/projects/other/app").await.expect(404);
}

#[tokio::test]
async fn a_first_branch_comes_with_a_readme() {
    let host = GitHost::empty(Dialect::Gitlab).await;
    let described = get(&host, P).await.expect(200).json;
    assert_eq!(
        (&described["default_branch"], &described["empty_repo"]),
        (&Value::Null, &json!(true))
    );
    let body = json!({"branch": "x", "ref": "main"});
    post(&host, &format!("{P}/repository/branches"), body)
        .await
        .expect(201);
    assert_eq!(host.repo().branch_names(), ["main", "x"]);
}
