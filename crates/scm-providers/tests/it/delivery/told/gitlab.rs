//! GitLab.

use super::*;

const GITLAB: SignatureScheme = SignatureScheme::GitlabSignature;

fn woodpecker() -> Value {
    json!({
        "providerRepositoryId": "2",
        "path": "test/woodpecker",
        "url": "http://10.40.8.5:3200/test/woodpecker",
    })
}

fn tester() -> Value {
    json!({ "id": "2", "login": "test" })
}

fn payload(members: Value) -> Value {
    let common = json!({
        "project": {
            "id": 7,
            "path_with_namespace": "group/sub/app",
            "web_url": "https://gitlab.example.com/group/sub/app",
        },
    });
    with(common, members)
}

fn push(members: Value) -> Value {
    let push = json!({
        "object_kind": "push",
        "ref": "refs/heads/main",
        "before": BASE,
        "after": HEAD,
        "checkout_sha": HEAD,
        "user_id": 3,
        "user_username": "dev",
        "commits": [],
        "total_commits_count": 0,
    });
    payload(with(push, members))
}

#[test]
fn a_recorded_push() {
    let sha = "16862e368d8ab812e48833b741dad720d6e2cb7f";
    assert_eq!(
        recorded_events("gitlab/webhook_push"),
        json!([{
            "kind": "push",
            "branch": "main",
            "before": "ffe8eb4f91d1fe6bc49f1e610e50e4b5767f0104",
            "after": sha,
            "forced": null,
            "commitCount": 1,
            "commits": [{
                "sha": sha,
                "title": "Update main.go",
                "author": "the test",
                "url": format!("http://10.40.8.5:3200/test/woodpecker/-/commit/{sha}"),
            }],
            "repository": woodpecker(),
            "actor": tester(),
        }])
    );
}

#[test]
fn a_recorded_annotated_tag_is_told_with_its_commit() {
    assert_eq!(
        recorded_events("gitlab/webhook_tag_push"),
        json!([{
            "kind": "tag_created",
            "name": "v22",
            "commitSha": "16862e368d8ab812e48833b741dad720d6e2cb7f",
            "repository": woodpecker(),
            "actor": tester(),
        }])
    );
}

#[test]
fn a_recorded_merge_and_a_recorded_release() {
    assert_eq!(
        recorded_events("gitlab/webhook_merge_request_merged"),
        json!([{
            "kind": "pull_request_merged",
            "number": 4,
            "title": "Add new file",
            "sourceBranch": "patch-1",
            "sourceRepositoryId": "32059612",
            "targetBranch": "main",
            "url": "https://gitlab.com/anbraten/woodpecker-test/-/merge_requests/4",
            "mergeCommit": "43411b53d670203e887c4985c4e58e8e6b7c109e",
            "repository": {
                "providerRepositoryId": "32059612",
                "path": "anbraten/woodpecker-test",
                "url": "https://gitlab.com/anbraten/woodpecker-test",
            },
            "actor": { "id": "2251488", "login": "anbraten" },
        }])
    );
    assert_eq!(
        recorded_events("gitlab/webhook_release"),
        json!([{
            "kind": "release_published",
            "tag": "0.0.2",
            "name": "Awesome version 0.0.2",
            "url": "https://gitlab.com/anbratens-test/ci/-/releases/0.0.2",
            "repository": {
                "providerRepositoryId": "32521798",
                "path": "anbratens-test/ci",
                "url": "https://gitlab.com/anbratens-test/ci",
            },
            "actor": null,
        }])
    );
}

#[test]
fn pushes() {
    #[track_caller]
    fn check(members: Value, want: Value) {
        assert_eq!(kinds(GITLAB, "Push Hook", &push(members)), want);
    }
    let pushed = |before: Value| {
        json!({
            "kind": "push", "branch": "main", "before": before, "after": HEAD, "forced": null,
            "commitCount": 0, "commits": [],
        })
    };
    check(json!({}), json!([pushed(json!(BASE))]));
    check(
        json!({ "before": ZEROS }),
        json!([
            { "kind": "branch_created", "name": "main", "commitSha": HEAD },
            pushed(Value::Null),
        ]),
    );
    check(
        json!({ "after": ZEROS, "checkout_sha": null }),
        json!([{ "kind": "branch_deleted", "name": "main", "commitSha": BASE }]),
    );
    check(
        json!({
            "object_kind": "tag_push", "ref": "refs/tags/v1", "before": OBJECT, "after": ZEROS,
            "checkout_sha": null,
        }),
        json!([{ "kind": "tag_deleted", "name": "v1", "commitSha": null }]),
    );
}

#[test]
fn commits_are_told_newest_first_and_counted_by_gitlab() {
    let commit = |n: u32| json!({ "id": format!("{n:040x}"), "title": format!("Commit {n}") });
    let commits: Vec<_> = (1..=20).map(commit).collect();
    let members = json!({ "commits": commits, "total_commits_count": 45 });
    let told = kinds(GITLAB, "Push Hook", &push(members));
    assert_eq!(told[0]["commitCount"], 45);
    assert_eq!(told[0]["commits"][0]["title"], "Commit 20");
    assert_eq!(told[0]["commits"].as_array().unwrap().len(), 20);
}

#[test]
fn merge_requests() {
    #[track_caller]
    fn check(action: Value, want: &str, merge_commit: Value) {
        let payload = payload(json!({
            "object_kind": "merge_request",
            "user": { "id": 3, "username": "dev" },
            "object_attributes": {
                "action": action, "iid": 9, "title": "T", "source_branch": "x",
                "source_project_id": 8, "target_branch": "main", "merge_commit_sha": HEAD,
            },
        }));
        let told = kinds(GITLAB, "Merge Request Hook", &payload);
        assert_eq!(told[0]["kind"], want, "{action}");
        if want != "unknown" {
            assert_eq!(told[0]["mergeCommit"], merge_commit, "{action}");
            assert_eq!(told[0]["sourceRepositoryId"], "8");
        }
    }
    check(json!("open"), "pull_request_opened", Value::Null);
    check(json!("reopen"), "pull_request_opened", Value::Null);
    check(json!("update"), "pull_request_updated", Value::Null);
    check(json!("merge"), "pull_request_merged", json!(HEAD));
    check(json!("close"), "pull_request_closed", Value::Null);
    check(json!("approved"), "unknown", Value::Null);
    check(Value::Null, "unknown", Value::Null);
}

#[test]
fn releases_are_told_when_they_are_made() {
    for (action, want) in [
        ("create", "release_published"),
        ("update", "unknown"),
        ("delete", "unknown"),
    ] {
        let payload = payload(json!({ "object_kind": "release", "action": action, "tag": "v1" }));
        assert_eq!(
            kinds(GITLAB, "Release Hook", &payload)[0]["kind"],
            want,
            "{action}"
        );
    }
}

#[test]
fn the_signed_body_names_the_event_and_not_the_header() {
    let told = kinds(GITLAB, "Release Hook", &push(json!({})));
    assert_eq!(told[0]["kind"], "push");
    let told = kinds(
        GITLAB,
        "Push Hook",
        &payload(json!({ "object_kind": "pipeline" })),
    );
    assert_eq!(
        told,
        json!([{ "kind": "unknown", "event": "pipeline", "action": null }])
    );
    let told = kinds(GITLAB, "Job Hook", &payload(json!({})));
    assert_eq!(told[0]["event"], "Job Hook");
}

#[test]
fn a_renamed_project_is_noticed_by_its_path() {
    let renamed = json!({ "id": 7, "path_with_namespace": "group/renamed", "web_url": null });
    let payload = with(push(json!({})), json!({ "project": renamed }));
    assert_eq!(
        events(GITLAB, "Push Hook", &payload)[0]["repository"],
        json!({ "providerRepositoryId": "7", "path": "group/renamed", "url": null })
    );
}
