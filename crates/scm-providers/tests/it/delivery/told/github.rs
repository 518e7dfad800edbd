//! GitHub.

use super::*;

const GITHUB: SignatureScheme = SignatureScheme::Github;

fn octocat() -> Value {
    json!({ "id": "21031067", "login": "Codertocat" })
}

fn hello_world() -> Value {
    json!({
        "providerRepositoryId": "186853002",
        "path": "Codertocat/Hello-World",
        "url": "https://github.com/Codertocat/Hello-World",
    })
}

/// The members that every payload here has, and these.
fn payload(members: Value) -> Value {
    let common = json!({
        "repository": {
            "id": 7,
            "full_name": "octo/app",
            "html_url": "https://github.com/octo/app",
            "default_branch": "main",
        },
        "sender": { "id": 1, "login": "octocat" },
    });
    with(common, members)
}

fn push(members: Value) -> Value {
    let push = json!({
        "ref": "refs/heads/main",
        "before": BASE,
        "after": HEAD,
        "created": false,
        "deleted": false,
        "forced": false,
        "commits": [],
        "head_commit": { "id": HEAD, "message": "x" },
    });
    payload(with(push, members))
}

#[test]
fn a_recorded_push_of_a_new_branch() {
    let sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    let url = format!("https://github.com/Codertocat/Hello-World/commit/{sha}");
    assert_eq!(
        recorded_events("github/webhook_push_branch"),
        json!([
            {
                "kind": "branch_created",
                "name": "master",
                "commitSha": sha,
                "repository": hello_world(),
                "actor": octocat(),
            },
            {
                "kind": "push",
                "branch": "master",
                "before": null,
                "after": sha,
                "forced": false,
                "commitCount": 1,
                "commits": [{
                    "sha": sha,
                    "title": "Initial commit",
                    "author": "Codertocat",
                    "url": url,
                }],
                "repository": hello_world(),
                "actor": octocat(),
            },
        ])
    );
}

#[test]
fn recorded_tags_that_come_and_go() {
    let deleted = json!([{
        "kind": "tag_deleted",
        "name": "simple-tag",
        "commitSha": null,
        "repository": hello_world(),
        "actor": octocat(),
    }]);
    assert_eq!(recorded_events("github/webhook_push_tag"), deleted);
    // The deliveries beside it tell the same once more.
    assert_eq!(recorded_events("github/webhook_delete"), json!([]));
    assert_eq!(recorded_events("github/webhook_create_tag"), json!([]));
}

#[test]
fn a_recorded_pull_request_that_was_closed_has_no_merge_commit() {
    // The payload has a `merge_commit_sha`, of the commit that tried the merge out.
    assert_eq!(
        recorded_events("github/webhook_pull_request_closed"),
        json!([{
            "kind": "pull_request_closed",
            "number": 2,
            "title": "Update the README with new information.",
            "sourceBranch": "changes",
            "sourceRepositoryId": "186853002",
            "targetBranch": "master",
            "url": "https://github.com/Codertocat/Hello-World/pull/2",
            "mergeCommit": null,
            "repository": hello_world(),
            "actor": octocat(),
        }])
    );
}

#[test]
fn the_other_recorded_deliveries() {
    assert_eq!(
        recorded_events("github/webhook_release_published"),
        json!([{
            "kind": "release_published",
            "tag": "0.0.1",
            "name": null,
            "url": "https://github.com/Codertocat/Hello-World/releases/tag/0.0.1",
            "repository": hello_world(),
            "actor": octocat(),
        }])
    );
    let renamed = recorded_events("github/webhook_repository_renamed");
    assert_eq!(renamed[0]["kind"], "repository_renamed");
    assert_eq!(renamed[0]["oldPath"], "Octocoders/Hello-World");
    assert_eq!(renamed[0]["newPath"], "Octocoders/Hello-World");
    assert_eq!(
        renamed[0]["repository"]["providerRepositoryId"],
        "186853261"
    );
    assert_eq!(
        recorded_events("github/webhook_installation_suspend"),
        json!([{
            "kind": "installation_suspended",
            "installationId": "16598467",
            "repository": null,
            "actor": octocat(),
        }])
    );
    assert_eq!(
        recorded_events("github/webhook_installation_repositories_removed"),
        json!([{
            "kind": "unknown",
            "event": "installation_repositories",
            "action": "removed",
            "repository": null,
            "actor": { "id": "1", "login": "octocat" },
        }])
    );
    let removed = recorded_events("github/webhook_meta_deleted");
    assert_eq!(removed[0]["kind"], "webhook_removed");
    assert_eq!(removed[0]["webhookId"], "101047067");
    assert_eq!(
        recorded_events("github/webhook_ping"),
        json!([{ "kind": "ping", "repository": null, "actor": octocat() }])
    );
}

#[test]
fn pushes() {
    #[track_caller]
    fn check(members: Value, want: Value) {
        assert_eq!(kinds(GITHUB, "push", &push(members)), want);
    }
    let pushed = |forced: bool| {
        json!([{
            "kind": "push", "branch": "main", "before": BASE, "after": HEAD, "forced": forced,
            "commitCount": 0, "commits": [],
        }])
    };
    check(json!({}), pushed(false));
    check(json!({ "forced": true }), pushed(true));
    check(
        json!({ "after": ZEROS, "deleted": true, "head_commit": null }),
        json!([{ "kind": "branch_deleted", "name": "main", "commitSha": BASE }]),
    );
    // An annotated tag: `after` is the tag object.
    check(
        json!({ "ref": "refs/tags/v1/rc", "before": ZEROS, "after": OBJECT }),
        json!([{ "kind": "tag_created", "name": "v1/rc", "commitSha": HEAD }]),
    );
    check(
        json!({ "ref": "refs/tags/v1", "before": OBJECT, "after": HEAD }),
        json!([
            { "kind": "tag_deleted", "name": "v1", "commitSha": null },
            { "kind": "tag_created", "name": "v1", "commitSha": HEAD },
        ]),
    );
    check(
        json!({ "ref": "refs/notes/commits" }),
        json!([{ "kind": "unknown", "event": "push", "action": null }]),
    );
}

#[test]
fn of_many_commits_the_newest_are_told() {
    let commits = |count: usize| -> Vec<Value> {
        let commit = |n| {
            json!({
                "id": format!("{n:040x}"),
                "message": format!("Commit {n}\n\nwith a body"),
                "author": { "name": "A" },
                "url": "javascript:alert(1)",
            })
        };
        (1..=count).map(commit).collect()
    };
    let told = kinds(GITHUB, "push", &push(json!({ "commits": commits(30) })));
    assert_eq!(told[0]["commitCount"], 30);
    let listed = told[0]["commits"].as_array().unwrap();
    assert_eq!(listed.len(), 20);
    assert_eq!(listed[0]["title"], "Commit 30");
    assert_eq!(listed[19]["title"], "Commit 11");
    assert_eq!(listed[0]["url"], Value::Null);
    // As many as GitHub lists at the most: there may have been more.
    let told = kinds(GITHUB, "push", &push(json!({ "commits": commits(2_048) })));
    assert_eq!(told[0]["commitCount"], Value::Null);
}

#[test]
fn pull_requests() {
    #[track_caller]
    fn check(action: &str, merged: bool, want: &str, commit: Value) {
        let payload = payload(json!({
            "action": action,
            "pull_request": {
                "number": 9,
                "title": "Add\nthings",
                "html_url": "https://github.com/octo/app/pull/9",
                "merged": merged,
                "merge_commit_sha": HEAD,
                "head": { "ref": "feature/x", "repo": null },
                "base": { "ref": "main", "repo": { "id": 7 } },
            },
        }));
        let told = kinds(GITHUB, "pull_request", &payload);
        assert_eq!(told[0]["kind"], want, "{action}");
        if want != "unknown" {
            assert_eq!(told[0]["mergeCommit"], commit);
            assert_eq!(told[0]["title"], "Add");
            assert_eq!(told[0]["sourceBranch"], "feature/x");
            // The fork is gone.
            assert_eq!(told[0]["sourceRepositoryId"], Value::Null);
        }
    }
    check("opened", false, "pull_request_opened", Value::Null);
    check("reopened", false, "pull_request_opened", Value::Null);
    for action in [
        "edited",
        "synchronize",
        "ready_for_review",
        "converted_to_draft",
    ] {
        check(action, false, "pull_request_updated", Value::Null);
    }
    check("closed", true, "pull_request_merged", json!(HEAD));
    check("closed", false, "pull_request_closed", Value::Null);
    for action in ["labeled", "review_requested", "something_new"] {
        check(action, false, "unknown", Value::Null);
    }
}

#[test]
fn repositories() {
    #[track_caller]
    fn check(action: &str, changes: Value, want: Value) {
        let payload = payload(json!({ "action": action, "changes": changes }));
        assert_eq!(kinds(GITHUB, "repository", &payload), json!([want]));
    }
    check(
        "renamed",
        json!({ "repository": { "name": { "from": "old-app" } } }),
        json!({ "kind": "repository_renamed", "oldPath": "octo/old-app", "newPath": "octo/app" }),
    );
    check(
        "renamed",
        json!("of another form"),
        json!({ "kind": "repository_renamed", "oldPath": null, "newPath": "octo/app" }),
    );
    for owner in ["user", "organization"] {
        check(
            "transferred",
            json!({ "owner": { "from": { owner: { "login": "acme" } } } }),
            json!({ "kind": "repository_transferred", "oldPath": "acme/app", "newPath": "octo/app" }),
        );
    }
    check(
        "archived",
        json!(null),
        json!({ "kind": "repository_archived" }),
    );
    check(
        "unarchived",
        json!(null),
        json!({ "kind": "repository_unarchived" }),
    );
    check(
        "deleted",
        json!(null),
        json!({ "kind": "repository_deleted" }),
    );
    check(
        "edited",
        json!({ "default_branch": { "from": "master" } }),
        json!({ "kind": "default_branch_changed", "old": "master", "new": "main" }),
    );
    check(
        "edited",
        json!({ "description": { "from": "x" } }),
        json!({ "kind": "unknown", "event": "repository", "action": "edited" }),
    );
    check(
        "privatized",
        json!(null),
        json!({ "kind": "unknown", "event": "repository", "action": "privatized" }),
    );
}

#[test]
fn a_release_is_told_once() {
    let payload = |action: &str| {
        payload(json!({ "action": action, "release": { "tag_name": "v1", "name": "One" } }))
    };
    let told = kinds(GITHUB, "release", &payload("published"));
    assert_eq!(
        told,
        json!([{ "kind": "release_published", "tag": "v1", "name": "One", "url": null }])
    );
    for action in ["released", "created", "edited", "deleted"] {
        let told = kinds(GITHUB, "release", &payload(action));
        assert_eq!(told[0]["kind"], "unknown", "{action}");
    }
}

#[test]
fn installations() {
    let payload = |action: &str| json!({ "action": action, "installation": { "id": 12 } });
    assert_eq!(
        kinds(GITHUB, "installation", &payload("deleted")),
        json!([{ "kind": "installation_deleted", "installationId": "12" }])
    );
    for action in ["created", "unsuspend"] {
        let told = kinds(GITHUB, "installation", &payload(action));
        assert_eq!(told[0]["kind"], "unknown", "{action}");
    }
}

#[test]
fn what_is_not_known_is_told_as_such_whatever_its_form() {
    for members in [
        json!({ "action": "created" }),
        json!({ "action": 5, "repository": "x", "sender": [], "ref": {} }),
    ] {
        let told = kinds(GITHUB, "star", &with(payload(json!({})), members));
        assert_eq!(told[0]["kind"], "unknown");
        assert_eq!(told[0]["event"], "star");
    }
    // A known event whose action is missing.
    for event in [
        "pull_request",
        "repository",
        "release",
        "installation",
        "meta",
    ] {
        let told = kinds(GITHUB, event, &payload(json!({})));
        assert_eq!(
            told[0],
            json!({ "kind": "unknown", "event": event, "action": null })
        );
    }
}
