//! Bitbucket Data Center.

use super::*;

const DATA_CENTER: SignatureScheme = SignatureScheme::BitbucketDataCenter;

fn repository(key: &str, slug: &str) -> Value {
    json!({
        "id": 84,
        "slug": slug,
        "project": { "key": key },
        "archived": false,
        "links": { "self": [{ "href": "https://bitbucket.example.com/projects/DEV/repos/app/browse" }] },
    })
}

fn pushed(changes: Value) -> Value {
    let payload = json!({
        "eventKey": "repo:refs_changed",
        "actor": { "name": "dev", "id": 1 },
        "repository": repository("DEV", "app"),
        "changes": changes,
        "commits": [{ "id": HEAD, "message": "x", "author": { "name": "Ann" } }],
        "toCommit": { "id": HEAD },
    });
    kinds(DATA_CENTER, "repo:refs_changed", &payload)
}

fn change(id: &str, from: &str, to: &str) -> Value {
    json!({ "ref": { "id": id, "type": "X" }, "fromHash": from, "toHash": to, "type": "X" })
}

#[test]
fn a_recorded_push() {
    let sha = "76797d54bca87db6d1e3e82ee40622c7908aa514";
    assert_eq!(
        recorded_events("bitbucket/webhook_datacenter_push"),
        json!([{
            "kind": "push",
            "branch": "renovate-all",
            "before": "e0e15221b987fd8296141c0faa6a79f7c86ca4ce",
            "after": sha,
            "forced": null,
            "commitCount": null,
            "commits": [{
                "sha": sha,
                "title": "chore(deps): update all",
                "author": "Renovate Bot",
                "url": null,
            }],
            "repository": {
                "providerRepositoryId": "1684",
                "path": "DEV/deployment-automation",
                "url": "https://bitbucket.example.com/projects/DEV/repos/deployment-automation/browse",
            },
            "actor": { "id": "14570", "login": "renovatebot" },
        }])
    );
}

#[test]
fn a_recorded_ping_has_nothing_but_itself() {
    let ping = json!([{ "kind": "ping", "repository": null, "actor": null }]);
    assert_eq!(recorded_events("bitbucket/webhook_datacenter_ping"), ping);
    // Whatever a version calls it.
    assert_eq!(
        events(DATA_CENTER, "something", &json!({ "test": true })),
        ping
    );
    assert_eq!(events(DATA_CENTER, "diagnostics:ping", &json!({})), ping);
}

#[test]
fn several_changes_are_told_without_the_commits_of_one() {
    assert_eq!(
        pushed(json!([
            change("refs/heads/new", ZEROS, HEAD),
            change("refs/heads/old", BASE, ZEROS),
            change("refs/tags/v1", ZEROS, OBJECT),
            change("refs/pull-requests/1/from", ZEROS, HEAD),
        ])),
        json!([
            { "kind": "branch_created", "name": "new", "commitSha": HEAD },
            {
                "kind": "push", "branch": "new", "before": null, "after": HEAD, "forced": null,
                "commitCount": null, "commits": [],
            },
            { "kind": "branch_deleted", "name": "old", "commitSha": BASE },
            { "kind": "tag_created", "name": "v1", "commitSha": null },
            { "kind": "unknown", "event": "repo:refs_changed", "action": null },
        ])
    );
    assert_eq!(
        pushed(json!([change("refs/tags/v1", ZEROS, OBJECT)])),
        json!([{ "kind": "tag_created", "name": "v1", "commitSha": HEAD }])
    );
}

#[test]
fn pull_requests() {
    for (event, want) in [
        ("pr:opened", "pull_request_opened"),
        ("pr:modified", "pull_request_updated"),
        ("pr:from_ref_updated", "pull_request_updated"),
        ("pr:merged", "pull_request_merged"),
        ("pr:declined", "pull_request_closed"),
        ("pr:deleted", "pull_request_closed"),
    ] {
        let payload = json!({
            "eventKey": event,
            "actor": { "name": "dev" },
            "pullRequest": {
                "id": 11,
                "title": "T",
                "fromRef": { "id": "refs/heads/x/y", "repository": repository("~DEV", "app") },
                "toRef": { "id": "refs/heads/main", "repository": repository("DEV", "app") },
                "properties": { "mergeCommit": { "id": HEAD, "displayId": "c14c1bb05df" } },
                "links": { "self": [{ "href": "https://bitbucket.example.com/pr/11" }] },
            },
        });
        assert_eq!(
            events(DATA_CENTER, event, &payload),
            json!([{
                "kind": want,
                "number": 11,
                "title": "T",
                "sourceBranch": "x/y",
                "sourceRepositoryId": "84",
                "targetBranch": "main",
                "url": "https://bitbucket.example.com/pr/11",
                "mergeCommit": HEAD,
                "repository": {
                    "providerRepositoryId": "84",
                    "path": "DEV/app",
                    "url": "https://bitbucket.example.com/projects/DEV/repos/app/browse",
                },
                "actor": { "id": "dev", "login": "dev" },
            }])
        );
    }
}

#[test]
fn repositories() {
    #[track_caller]
    fn check(old: Value, new: Value, want: Value) {
        let payload = json!({ "eventKey": "repo:modified", "old": old, "new": new });
        assert_eq!(kinds(DATA_CENTER, "repo:modified", &payload), want);
    }
    let app = || repository("DEV", "app");
    let archived = || with(app(), json!({ "archived": true }));
    check(
        repository("DEV", "old"),
        app(),
        json!([{ "kind": "repository_renamed", "oldPath": "DEV/old", "newPath": "DEV/app" }]),
    );
    check(
        repository("OPS", "app"),
        app(),
        json!([{ "kind": "repository_transferred", "oldPath": "OPS/app", "newPath": "DEV/app" }]),
    );
    check(
        app(),
        archived(),
        json!([{ "kind": "repository_archived" }]),
    );
    check(
        archived(),
        app(),
        json!([{ "kind": "repository_unarchived" }]),
    );
    let unknown = json!([{ "kind": "unknown", "event": "repo:modified", "action": null }]);
    check(app(), app(), unknown.clone());
    check(Value::Null, app(), unknown);
}

#[test]
fn the_signed_body_names_the_event_and_not_the_header() {
    let payload = json!({ "eventKey": "repo:forked", "repository": repository("DEV", "app") });
    let told = kinds(DATA_CENTER, "pr:merged", &payload);
    assert_eq!(
        told,
        json!([{ "kind": "unknown", "event": "repo:forked", "action": null }])
    );
}
