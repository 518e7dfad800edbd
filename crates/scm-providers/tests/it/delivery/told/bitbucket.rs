//! Bitbucket Cloud.

use super::*;

const BITBUCKET: SignatureScheme = SignatureScheme::Bitbucket;

fn payload(members: Value) -> Value {
    let common = json!({
        "repository": {
            "uuid": "{898477b2-a080-4089-b385-597a783db392}",
            "full_name": "acme/app",
            "links": { "html": { "href": "https://bitbucket.org/acme/app" } },
        },
        "actor": { "uuid": "{c5a0d676}", "nickname": "dev", "display_name": "Dev" },
    });
    with(common, members)
}

fn state(kind: &str, name: &str, hash: &str) -> Value {
    json!({ "type": kind, "name": name, "target": { "type": "commit", "hash": hash } })
}

fn pushed(changes: Value) -> Value {
    kinds(
        BITBUCKET,
        "repo:push",
        &payload(json!({ "push": { "changes": changes } })),
    )
}

#[test]
fn a_recorded_push() {
    let sha = "c14c1bb05dfb1fdcdf06b31485fff61b0ea44277";
    let page = "https://bitbucket.org/martinherren1984/publictestrepo";
    assert_eq!(
        recorded_events("bitbucket/webhook_push"),
        json!([{
            "kind": "push",
            "branch": "main",
            "before": "a51241ae1f00cbe728930db48e890b18fd527f99",
            "after": sha,
            "forced": false,
            "commitCount": 1,
            "commits": [{
                "sha": sha,
                "title": "a",
                "author": "Martin Herren",
                "url": format!("{page}/commits/{sha}"),
            }],
            "repository": {
                "providerRepositoryId": "{898477b2-a080-4089-b385-597a783db392}",
                "path": "martinherren1984/publictestrepo",
                "url": page,
            },
            "actor": { "id": "{c5a0d676-fd27-4bd4-ac69-a7540d7b495b}", "login": "Martin Herren" },
        }])
    );
}

#[test]
fn a_recorded_merge_whose_commit_is_cut_short() {
    assert_eq!(
        recorded_events("bitbucket/webhook_pullrequest_fulfilled"),
        json!([{
            "kind": "pull_request_merged",
            "number": 1,
            "title": "README.md created online with Bitbucket",
            "sourceBranch": "patch-2",
            "sourceRepositoryId": "{26554729-595f-47d1-aedd-302625cb4a97}",
            "targetBranch": "main",
            "url": "https://bitbucket.org/anbraten/test-2/pull-requests/1",
            "mergeCommit": null,
            "repository": {
                "providerRepositoryId": "{26554729-595f-47d1-aedd-302625cb4a97}",
                "path": "anbraten/test-2",
                "url": "https://bitbucket.org/anbraten/test-2",
            },
            "actor": { "id": "{b1b7beef-77ca-452d-b059-fa092504ebd7}", "login": "Anbraten" },
        }])
    );
}

#[test]
fn one_push_changes_several_refs() {
    assert_eq!(
        pushed(json!([
            { "old": null, "new": state("branch", "release/1", HEAD), "created": true, "forced": false },
            { "old": state("branch", "old", BASE), "new": null, "closed": true },
            { "old": null, "new": state("tag", "v1", HEAD) },
            { "old": state("tag", "v0", BASE), "new": null },
            { "old": null, "new": state("bookmark", "b", HEAD) },
        ])),
        json!([
            { "kind": "branch_created", "name": "release/1", "commitSha": HEAD },
            {
                "kind": "push", "branch": "release/1", "before": null, "after": HEAD,
                "forced": false, "commitCount": null, "commits": [],
            },
            { "kind": "branch_deleted", "name": "old", "commitSha": BASE },
            { "kind": "tag_created", "name": "v1", "commitSha": HEAD },
            { "kind": "tag_deleted", "name": "v0", "commitSha": BASE },
            { "kind": "unknown", "event": "repo:push", "action": null },
        ])
    );
}

#[test]
fn shortened_lists_of_commits_are_not_counted() {
    for (truncated, count) in [
        (json!(false), json!(1)),
        (json!(true), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let told = pushed(json!([{
            "old": state("branch", "main", BASE),
            "new": state("branch", "main", HEAD),
            "forced": true,
            "truncated": truncated,
            "commits": [{ "hash": HEAD, "message": "One\ntwo", "author": { "raw": "Ann <a@example.com>" } }],
        }]));
        assert_eq!(told[0]["commitCount"], count, "{truncated}");
        assert_eq!(told[0]["forced"], true);
        // An address is nobody's business.
        let commit = json!({ "sha": HEAD, "title": "One", "author": "Ann", "url": null });
        assert_eq!(told[0]["commits"], json!([commit]));
    }
}

#[test]
fn pull_requests() {
    for (event, want) in [
        ("pullrequest:created", "pull_request_opened"),
        ("pullrequest:updated", "pull_request_updated"),
        ("pullrequest:fulfilled", "pull_request_merged"),
        ("pullrequest:rejected", "pull_request_closed"),
    ] {
        let payload = payload(json!({ "pullrequest": {
            "id": 3, "title": "T", "merge_commit": { "hash": HEAD },
            "source": { "branch": { "name": "x" }, "repository": null },
            "destination": { "branch": { "name": "main" } },
        } }));
        let told = kinds(BITBUCKET, event, &payload);
        assert_eq!(told[0]["kind"], want);
        assert_eq!(told[0]["number"], 3);
        assert_eq!(told[0]["mergeCommit"], HEAD);
        assert_eq!(told[0]["sourceRepositoryId"], Value::Null);
    }
}

#[test]
fn repositories() {
    #[track_caller]
    fn check(event: &str, members: Value, want: Value) {
        assert_eq!(kinds(BITBUCKET, event, &payload(members)), json!([want]));
    }
    let unknown = json!({ "kind": "unknown", "event": "repo:updated", "action": null });
    let moved =
        |old: &str| json!({ "changes": { "full_name": { "old": old, "new": "acme/app" } } });
    check(
        "repo:updated",
        moved("acme/old-app"),
        json!({ "kind": "repository_renamed", "oldPath": "acme/old-app", "newPath": "acme/app" }),
    );
    check(
        "repo:updated",
        moved("other/app"),
        json!({ "kind": "repository_transferred", "oldPath": "other/app", "newPath": "acme/app" }),
    );
    // The form of changes is not known for certain: anything else is no rename.
    for changes in [
        json!({}),
        json!({ "changes": null }),
        json!({ "changes": ["name"] }),
        json!({ "changes": { "description": { "old": "a", "new": "b" } } }),
        json!({ "changes": { "full_name": "acme/app" } }),
        json!({ "changes": { "full_name": { "old": "acme/app" } } }),
    ] {
        check("repo:updated", changes, unknown.clone());
    }
    check(
        "repo:transfer",
        json!({}),
        json!({ "kind": "repository_transferred", "oldPath": null, "newPath": "acme/app" }),
    );
    check(
        "repo:deleted",
        json!({}),
        json!({ "kind": "repository_deleted" }),
    );
    check(
        "repo:fork",
        json!({}),
        json!({ "kind": "unknown", "event": "repo:fork", "action": null }),
    );
}
