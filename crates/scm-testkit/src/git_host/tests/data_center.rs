//! Bitbucket Data Center.

use serde_json::{Value, json};

use super::client::{ODD, all, diverged, get, post, segment, send};
use crate::git_host::{Dialect, GitHost};

const R: &str = "/api/latest/projects/KEY/repos/app";

/// Goes by `nextPageStart` to the end.
async fn pages(host: &GitHost, path: &str, pointer: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut start = json!(0);
    loop {
        let body = get(host, &format!("{path}&start={start}"))
            .await
            .expect(200)
            .json;
        found.extend(all(&body["values"], pointer));
        if body["isLastPage"] == true {
            return found;
        }
        start = body["nextPageStart"].clone();
    }
}

#[tokio::test]
async fn listings_end_where_git_ends() {
    let host = GitHost::start(Dialect::DataCenter).await;
    let repo = host.repo();
    repo.branches((0..24).map(|it| format!("b/{it}")), "main");
    repo.tags((0..20).map(|it| format!("v{it}")), "main");
    let branches = pages(&host, &format!("{R}/branches?limit=10"), "/displayId").await;
    assert_eq!(branches, repo.branch_names());
    let tags = pages(&host, &format!("{R}/tags?limit=10"), "/displayId").await;
    assert_eq!(tags, repo.tag_names());
    let found = pages(&host, &format!("{R}/branches?filterText=B/1"), "/displayId").await;
    assert_eq!(found.len(), 11);
    repo.commits("main", (0..24).map(|it| format!("Commit {it}")));
    let commits = pages(&host, &format!("{R}/commits?until=main&limit=10"), "/id").await;
    assert_eq!(commits, repo.log("main"));
}

#[tokio::test]
async fn branches_and_tags_of_any_name() {
    let host = GitHost::start(Dialect::DataCenter).await;
    let repo = host.repo();
    let head = repo.rev_parse("main").unwrap();
    for name in ODD {
        let body = json!({"name": name, "startPoint": head});
        let made = post(&host, &format!("{R}/branches"), body.clone())
            .await
            .expect(200)
            .json;
        assert_eq!(
            (&made["displayId"], &made["latestCommit"]),
            (&json!(name), &json!(head))
        );
        assert_eq!(
            repo.peel(&format!("refs/heads/{name}")).as_ref(),
            Some(&head)
        );
        let again = post(&host, &format!("{R}/branches"), body)
            .await
            .expect(409);
        let exception = "com.atlassian.bitbucket.repository.DuplicateRefException";
        assert_eq!(again.json["errors"][0]["exceptionName"], exception);
        let tag = json!({"name": name, "startPoint": head, "message": "Notes ü\n\n* one\n"});
        let made = post(&host, &format!("{R}/tags"), tag.clone())
            .await
            .expect(200)
            .json;
        let object = repo.rev_parse(&format!("refs/tags/{name}"));
        assert_eq!(
            (made["hash"].as_str(), &made["latestCommit"]),
            (object.as_deref(), &json!(head))
        );
        assert_eq!(repo.tag_message(name).unwrap(), "Notes ü\n\n* one\n");
        let read = get(&host, &format!("{R}/tags/{}", segment(name)))
            .await
            .expect(200);
        assert_eq!(read.json, made);
        post(&host, &format!("{R}/tags"), tag).await.expect(409);
    }
    let light = json!({"name": "light", "startPoint": "main"});
    let light = post(&host, &format!("{R}/tags"), light)
        .await
        .expect(200)
        .json;
    assert_eq!(light["hash"], Value::Null);
    get(&host, &format!("{R}/tags/nope")).await.expect(404);
    let path = R.replace("/api/", "/branch-utils/");
    let body = json!({"name": "other", "startPoint": head});
    post(&host, &format!("{path}/branches"), body)
        .await
        .expect(201);
}

#[tokio::test]
async fn comparisons_equal_git() {
    let host = diverged(Dialect::DataCenter).await;
    let repo = host.repo();
    let compare = format!("{R}/compare/commits?from=topic&to=main&limit=2");
    assert_eq!(pages(&host, &compare, "/id").await, repo.log("main..topic"));
    let since = format!("{R}/commits?until=refs%2Fheads%2Ftopic&since=main&limit=3");
    assert_eq!(pages(&host, &since, "/id").await, repo.log("main..topic"));
    get(&host, &format!("{R}/compare/commits?from=nope&to=main"))
        .await
        .expect(404);
    let head = repo.rev_parse("topic").unwrap();
    let one = get(&host, &format!("{R}/commits/{head}"))
        .await
        .expect(200)
        .json;
    assert_eq!(one["message"], "Third");
}

#[tokio::test]
async fn accounts_permissions_and_renames() {
    let host = GitHost::start(Dialect::DataCenter).await;
    assert!(host.repository_url().ends_with("/projects/KEY/repos/app"));
    let open = send(
        &host,
        "GET",
        "/api/latest/application-properties",
        &[],
        None,
    )
    .await;
    assert_eq!(open.expect(200).header("x-ausername"), None);
    let known = get(&host, R).await.expect(200);
    assert_eq!(known.header("x-ausername"), Some("dev"));
    let writable = "/api/latest/repos?permission=REPO_WRITE&projectkey=KEY&name=app";
    assert_eq!(get(&host, writable).await.expect(200).json["size"], 1);
    host.set_read_only_token(true);
    assert_eq!(get(&host, writable).await.expect(200).json["size"], 0);
    get(&host, &format!("{R}/webhooks")).await.expect(401);
    let tokens = get(&host, "/access-tokens/latest/users/dev")
        .await
        .expect(200)
        .json;
    assert_eq!(tokens["values"][0]["permissions"], json!(["REPO_READ"]));
    host.rename("KEY/new");
    get(&host, R).await.expect(404);
    get(&host, "/api/1.0/projects/KEY/repos/new")
        .await
        .expect(200);
    let empty = GitHost::empty(Dialect::DataCenter).await;
    get(&empty, &format!("{R}/default-branch"))
        .await
        .expect(204);
    assert_eq!(
        get(&empty, &format!("{R}/branches")).await.expect(200).json["size"],
        0
    );
}
