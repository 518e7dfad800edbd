//! GitHub.

use serde_json::json;

use super::client::{ODD, all, diverged, get, pages, post, segment};
use crate::git_host::{Dialect, GitHost};

const R: &str = "/repos/octo/app";

#[tokio::test]
async fn listings_end_where_git_ends() {
    let host = GitHost::start(Dialect::Github).await;
    let repo = host.repo();
    repo.branches((0..25).map(|it| format!("b/{it:03}")), "main");
    repo.tags((0..25).map(|it| format!("v{it}")), "main");
    let names = pages(&host, &format!("{R}/branches?per_page=10"), "/name").await;
    assert_eq!(names, repo.branch_names());
    let mut names = pages(&host, &format!("{R}/tags?per_page=10"), "/name").await;
    names.sort();
    assert_eq!(names, repo.tag_names());
    repo.commits("main", (0..25).map(|it| format!("Commit {it}")));
    let shas = pages(&host, &format!("{R}/commits?sha=main&per_page=10"), "/sha").await;
    assert_eq!(shas, repo.log("main"));
    assert_eq!(shas.len(), 26);
    // Links go by the number of the repository.
    let by_id = host.requests().pop().unwrap().path;
    assert_eq!(by_id, "/api/v3/repositories/1296269/commits");
}

#[tokio::test]
async fn refs_of_any_name() {
    let host = GitHost::start(Dialect::Github).await;
    let repo = host.repo();
    let head = repo.rev_parse("main").unwrap();
    for name in ODD {
        let full_ref = format!("refs/heads/{name}");
        let body = json!({"ref": full_ref, "sha": head});
        let made = post(&host, &format!("{R}/git/refs"), body)
            .await
            .expect(201);
        assert_eq!(made.json["ref"], full_ref);
        assert_eq!(repo.peel(&full_ref).as_ref(), Some(&head));
        let one = get(&host, &format!("{R}/git/ref/heads/{}", segment(name))).await;
        assert_eq!(one.expect(200).json["object"]["sha"], head);
        let path: Vec<_> = name.split('/').map(segment).collect();
        let one = get(&host, &format!("{R}/branches/{}", path.join("/"))).await;
        assert_eq!(one.expect(200).json["name"], name);
    }
    let again = json!({"ref": "refs/heads/a#b", "sha": head});
    let again = post(&host, &format!("{R}/git/refs"), again)
        .await
        .expect(422);
    assert_eq!(again.json["message"], "Reference already exists");
    let beside = json!({"ref": "refs/heads/main/x", "sha": head});
    let beside = post(&host, &format!("{R}/git/refs"), beside)
        .await
        .expect(422);
    assert_eq!(beside.json["message"], "Reference update failed");
    let missing = json!({"ref": "refs/heads/new", "sha": "1".repeat(40)});
    let missing = post(&host, &format!("{R}/git/refs"), missing)
        .await
        .expect(422);
    assert_eq!(missing.json["message"], "Object does not exist");
    get(&host, &format!("{R}/git/ref/heads/a"))
        .await
        .expect(404);
    get(&host, &format!("{R}/branches/main~1"))
        .await
        .expect(404);
}

#[tokio::test]
async fn tags_and_what_they_come_to() {
    let host = GitHost::start(Dialect::Github).await;
    let repo = host.repo();
    let head = repo.rev_parse("main").unwrap();
    let tag = json!({
        "tag": "v1", "message": "Notes\n\n* äöü\n", "object": head, "type": "commit",
        "tagger": {"name": "T", "email": "t@example.com", "date": "2026-02-03T04:05:06Z"},
    });
    let first = post(&host, &format!("{R}/git/tags"), tag.clone())
        .await
        .expect(201);
    let again = post(&host, &format!("{R}/git/tags"), tag).await.expect(201);
    assert_eq!(first.json, again.json);
    assert!(repo.tag_names().is_empty());
    let sha = first.json["sha"].as_str().unwrap();
    assert_eq!(repo.object_type(sha).unwrap(), "tag");
    let made = json!({"ref": "refs/tags/v1", "sha": sha});
    let made = post(&host, &format!("{R}/git/refs"), made)
        .await
        .expect(201);
    assert_eq!(made.json["object"]["type"], "tag");
    assert_eq!(repo.tag_message("v1").unwrap(), "Notes\n\n* äöü\n");
    assert_eq!(repo.peel("refs/tags/v1"), Some(head.clone()));
    repo.nested_tag("deep", "main", 3);
    let mut object = get(&host, &format!("{R}/git/ref/tags/deep")).await.json["object"].take();
    let mut hops = 0;
    while object["type"] == "tag" {
        let sha = object["sha"].as_str().unwrap().to_owned();
        object = get(&host, &format!("{R}/git/tags/{sha}")).await.json["object"].take();
        hops += 1;
    }
    assert_eq!((hops, object["sha"].as_str()), (3, Some(head.as_str())));
    let listed = get(&host, &format!("{R}/tags")).await.json;
    assert_eq!(all(&listed, "/commit/sha"), [head.clone(), head]);
}

#[tokio::test]
async fn comparisons_equal_git() {
    let host = diverged(Dialect::Github).await;
    let repo = host.repo();
    let mut wanted = repo.log("main..topic");
    wanted.reverse();
    let path = format!("{R}/compare/main...topic");
    let whole = get(&host, &path).await.expect(200).json;
    assert_eq!(whole["status"], "diverged");
    assert_eq!(
        (&whole["ahead_by"], &whole["behind_by"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(all(&whole["commits"], "/sha"), wanted);
    assert_eq!(
        whole["commits"][0]["commit"]["message"],
        "First\n\nWith a body"
    );
    let first = get(&host, &format!("{path}?per_page=2")).await.expect(200);
    let second = get(&host, &first.next().unwrap()).await.expect(200);
    assert_eq!(second.next(), None);
    assert_eq!(all(&second.json["commits"], "/sha"), wanted[2..]);
    for (range, status) in [
        ("main...main", "identical"),
        ("main~1...main", "missing"),
        ("topic...main", "diverged"),
    ] {
        let answer = get(&host, &format!("{R}/compare/{range}")).await;
        let found = answer.json["status"].as_str().unwrap_or_default();
        assert_eq!(found, if status == "missing" { "404" } else { status });
    }
    let merged = repo.merge("main", "topic", "Merge topic");
    let body = get(&host, &format!("{R}/compare/topic...{merged}"))
        .await
        .json;
    assert_eq!(body["status"], "ahead");
    assert_eq!(body["total_commits"], repo.log("topic..main").len());
}

#[tokio::test]
async fn releases_make_their_tag() {
    let host = GitHost::start(Dialect::Github).await;
    let body = json!({"tag_name": "v1", "name": "One", "body": "Notes"});
    let path = format!("{R}/releases");
    let made = post(&host, &path, body.clone()).await.expect(201).json;
    assert_eq!(host.repo().object_type("refs/tags/v1").unwrap(), "commit");
    let again = post(&host, &path, body).await.expect(422);
    assert_eq!(again.json["errors"][0]["code"], "already_exists");
    let read = get(&host, &format!("{R}/releases/tags/v1"))
        .await
        .expect(200);
    assert_eq!(read.json, made);
    assert_eq!(
        get(&host, &format!("{R}/releases/latest"))
            .await
            .expect(200)
            .json,
        made
    );
}

#[tokio::test]
async fn a_renamed_repository_is_found_by_its_number() {
    let host = GitHost::start(Dialect::Github).await;
    host.rename("octo/new");
    let answer = get(&host, &format!("{R}/branches?per_page=1"))
        .await
        .expect(301);
    let next = answer.header("location").unwrap().to_owned();
    assert_eq!(
        all(&get(&host, &next).await.expect(200).json, "/name"),
        ["main"]
    );
    post(&host, &format!("{R}/git/refs"), json!({}))
        .await
        .expect(307);
    get(&host, "/repos/OCTO/New").await.expect(200);
    assert!(host.repository_url().ends_with("/octo/new"));
}
