//! Bitbucket Cloud.

use serde_json::{Value, json};

use super::client::{ODD, all, diverged, get, post, segment};
use crate::git_host::{Dialect, GitHost};

const R: &str = "/repositories/ws/app";

/// Follows `next` to the end.
async fn pages(host: &GitHost, path: &str, pointer: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = get(host, &path).await.expect(200);
        found.extend(all(&answer.json["values"], pointer));
        next = answer.json["next"].as_str().map(str::to_owned);
    }
    found
}

#[tokio::test]
async fn listings_end_where_git_ends() {
    let host = GitHost::start(Dialect::Bitbucket).await;
    let repo = host.repo();
    repo.branches((0..24).map(|it| format!("b/{it}")), "main");
    repo.tags((0..20).map(|it| format!("v{it}")), "main");
    let branches = format!("{R}/refs/branches");
    let plain = pages(&host, &format!("{branches}?pagelen=10"), "/name").await;
    assert_eq!(plain, repo.branch_names());
    let sorted = pages(
        &host,
        &format!("{R}/refs/tags?sort=-name&pagelen=7"),
        "/name",
    )
    .await;
    assert_eq!((sorted.len(), sorted[0].as_str()), (20, "v19"));
    let found = get(&host, &format!("{branches}?q=name+~+%22B/1%22"))
        .await
        .json;
    assert_eq!((&found["size"], &found["page"]), (&json!(11), &json!(1)));
    get(&host, &format!("{branches}?page=9")).await.expect(404);
    repo.commits("main", (0..29).map(|it| format!("Commit {it}")));
    let commits = pages(
        &host,
        &format!("{R}/commits?include=main&pagelen=10"),
        "/hash",
    )
    .await;
    assert_eq!(commits, repo.log("main"));
}

#[tokio::test]
async fn branches_and_tags_of_any_name() {
    let host = GitHost::start(Dialect::Bitbucket).await;
    let repo = host.repo();
    let head = repo.rev_parse("main").unwrap();
    for name in ODD {
        let body = json!({"name": name, "target": {"hash": head}});
        let made = post(&host, &format!("{R}/refs/branches"), body.clone())
            .await
            .expect(201);
        assert_eq!(
            repo.peel(&format!("refs/heads/{name}")).as_ref(),
            Some(&head)
        );
        let quoted = segment(&format!("name=\"{}\"", name.replace('"', "\\\"")));
        let read = get(&host, &format!("{R}/refs/branches?q={quoted}"))
            .await
            .expect(200);
        assert_eq!(read.json["values"], json!([made.json]));
        let path: Vec<_> = name.split('/').map(segment).collect();
        let path = path.join("/");
        let read = get(&host, &format!("{R}/refs/branches/{path}"))
            .await
            .expect(200);
        assert_eq!(read.json, made.json);
        let again = post(&host, &format!("{R}/refs/branches"), body.clone())
            .await
            .expect(400);
        assert_eq!(again.json["error"]["data"]["key"], "BRANCH_ALREADY_EXISTS");
        let tag = post(&host, &format!("{R}/refs/tags"), body.clone())
            .await
            .expect(201)
            .json;
        let text = format!("Added tag {name} for changeset {}", &head[..12]);
        assert_eq!(
            (&tag["message"], &tag["target"]["hash"]),
            (&json!(text), &json!(head))
        );
        assert_eq!(repo.tag_message(name).unwrap(), text);
        let read = get(&host, &format!("{R}/refs/tags/{path}"))
            .await
            .expect(200);
        assert_eq!(read.json, tag);
        post(&host, &format!("{R}/refs/tags"), body)
            .await
            .expect(400);
    }
    repo.tag("light", "main");
    let light = get(&host, &format!("{R}/refs/tags/light")).await.json;
    assert_eq!(
        (&light["message"], &light["tagger"]),
        (&Value::Null, &Value::Null)
    );
    get(&host, &format!("{R}/refs/branches/nope"))
        .await
        .expect(404);
    get(&host, &format!("{R}/refs/tags/nope")).await.expect(404);
}

#[tokio::test]
async fn ranges_equal_git() {
    let host = diverged(Dialect::Bitbucket).await;
    let repo = host.repo();
    let range = format!("{R}/commits?include=topic&exclude=main&pagelen=2");
    assert_eq!(pages(&host, &range, "/hash").await, repo.log("main..topic"));
    let base = get(&host, &format!("{R}/merge-base/main..topic"))
        .await
        .expect(200)
        .json;
    assert_eq!(base["hash"], *repo.log("main").last().unwrap());
    get(&host, &format!("{R}/commits?include=nope"))
        .await
        .expect(404);
    let one = get(&host, &format!("{R}/commit/topic"))
        .await
        .expect(200)
        .json;
    assert_eq!(one["hash"], repo.log("topic")[0]);
}

#[tokio::test]
async fn a_renamed_repository_is_found_by_its_id() {
    let host = GitHost::start(Dialect::Bitbucket).await;
    let by_id = "/repositories/ws/%7Bc75687fb-e99d-4579-9087-190dbd406d30%7D";
    host.rename("ws/new");
    get(&host, R).await.expect(404);
    assert_eq!(
        get(&host, by_id).await.expect(200).json["full_name"],
        "ws/new"
    );
    get(&host, "/repositories/ws/new").await.expect(200);
}

#[tokio::test]
async fn permissions_and_empty_repositories() {
    let host = GitHost::empty(Dialect::Bitbucket).await;
    let path = "/user/workspaces/ws/permissions/repositories?q=repository.full_name%3D%22ws/app%22";
    let found = get(&host, path).await.expect(200).json;
    assert_eq!(found["values"][0]["permission"], "admin");
    host.set_read_only_token(true);
    let found = get(&host, path).await.expect(200).json;
    assert_eq!(found["values"][0]["permission"], "read");
    assert_eq!(get(&host, R).await.json["mainbranch"], Value::Null);
    let none = get(&host, &format!("{R}/refs/branches"))
        .await
        .expect(200)
        .json;
    assert_eq!(none["values"], json!([]));
    get(&host, &format!("{R}/commits")).await.expect(200);
}
