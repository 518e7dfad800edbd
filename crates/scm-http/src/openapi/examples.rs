//! Examples of what operations give; a test holds them against their schemas.

use serde_json::{Value, json};

const ID: &str = "V1StGXR8_Z5jdHi6B-myT";
const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
const REPOSITORY: &str = "https://github.com/acme/shop";

pub(super) fn integration() -> Value {
    json!({
        "id": ID,
        "tenantId": "acme",
        "scmType": "GITHUB",
        "displayName": "acme/shop",
        "githubOrganization": "acme",
        "githubRepository": "shop",
        "githubInstallationId": null,
        "gitlabProjectId": null,
        "gitlabGroupId": null,
        "bitbucketWorkspace": null,
        "bitbucketRepository": null,
        "repositoryUrl": REPOSITORY,
        "defaultBranch": "main",
        "tokenExpiresAt": null,
        "autoRotate": false,
        "webhookId": null,
        "webhookUrl": null,
        "isActive": true,
        "verificationStatus": "PENDING",
        "lastVerifiedAt": null,
        "verificationError": null,
        "createdByAccountId": "acc-42",
        "createdAt": "2026-11-01T10:00:00.000Z",
        "updatedAt": "2026-11-01T10:00:00.000Z",
        "hasValidToken": true,
        "isTokenExpired": false,
    })
}

pub(super) fn verified_integration() -> Value {
    let mut row = integration();
    row["verificationStatus"] = "VALID".into();
    row["lastVerifiedAt"] = "2026-11-01T10:00:05.000Z".into();
    row
}

pub(super) fn verification() -> Value {
    json!({
        "success": true,
        "status": "VALID",
        "metadata": {
            "repositoryName": "shop",
            "ownerName": "acme",
            "visibility": "private",
            "hasWebhooks": false,
            "branches": ["main", "release/1.2"],
            "repositoryId": "186853002",
            "defaultBranch": "main",
            "archived": false,
            "webUrl": REPOSITORY,
            "account": {"id": "583231", "login": "octocat"},
            "tokenKind": "github-fine-grained-pat",
            "tokenExpiresAt": null,
            "permission": "admin",
            "hookAccess": "yes",
            "operations": [{"operation": "createTag", "state": "allowed"}],
        },
    })
}

pub(super) fn api_key() -> Value {
    json!({
        "id": "4s0b0m1c8t2d5r6e",
        "tenantId": "acme",
        "role": "editor",
        "name": "CI",
        "accountId": "acc-42",
        "createdAt": "2026-11-01T10:00:00.000Z",
        "createdBy": "acc-42",
        "expiresAt": null,
        "lastUsedAt": null,
        "revokedAt": null,
    })
}

pub(super) fn provider() -> Value {
    json!({
        "scmType": "GITHUB",
        "kind": "github",
        "host": "github.com",
        "webUrl": "https://github.com",
        "credentials": [{
            "kind": "github-fine-grained-pat",
            "name": "Fine-grained personal access token",
            "howToGive": "the token as it is (github_pat_…)",
            "scopes": ["Metadata: read", "Contents: read and write"],
        }],
        "capabilities": ["readRepository", "createBranch", "createTag", "createRelease", "manageWebhooks"],
    })
}

pub(super) fn audit_entry() -> Value {
    json!({
        "sequence": 4,
        "at": "2026-11-01T10:00:00.000Z",
        "action": "branch.created",
        "purpose": null,
        "outcome": "done",
        "code": null,
        "actor": {"type": "member", "id": "acc-42"},
        "requestId": "r-2",
        "detail": {"name": "release/2", "commit": SHA, "existing": false},
        "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    })
}

pub(super) fn branch() -> Value {
    json!({"name": "release/1.2", "commitSha": SHA, "protected": false, "default": false})
}

pub(super) fn tag() -> Value {
    json!({"name": "v1.2.0", "commitSha": SHA, "annotated": true, "date": "2026-11-01T10:00:00.000Z"})
}

pub(super) fn compared() -> Value {
    json!({
        "baseSha": "1f0e3dad99908345f7439f8ffabdffc4d8ba7f38",
        "headSha": SHA,
        "count": 1,
        "exact": true,
        "commits": [{
            "sha": SHA,
            "subject": "Mend the basket (#12)",
            "author": "Ada",
            "date": "2026-11-01T10:00:00.000Z",
            "pullRequest": {"number": 12, "url": format!("{REPOSITORY}/pull/12")},
            "url": format!("{REPOSITORY}/commit/{SHA}"),
        }],
        "truncated": false,
        "url": format!("{REPOSITORY}/compare/v1.1.0...main"),
    })
}

pub(super) fn cherry_picks() -> Value {
    json!({
        "hasCherryPicks": true,
        "branchHead": SHA,
        "tagCommit": "1f0e3dad99908345f7439f8ffabdffc4d8ba7f38",
        "url": format!("{REPOSITORY}/compare/v1.1.0...release/1.1"),
    })
}

pub(super) fn notes() -> Value {
    json!({
        "currentTag": "v1.2.0",
        "previousTag": "v1.1.0",
        "notes": "## Changes from `v1.1.0` to `v1.2.0`\n\n- Mend the basket\n",
        "count": 1,
        "exact": true,
        "truncated": false,
        "url": format!("{REPOSITORY}/compare/v1.1.0...v1.2.0"),
    })
}

pub(super) fn released() -> Value {
    let url = format!("{REPOSITORY}/releases/tag/v1.2.0");
    json!({
        "tag": tag(),
        "release": {
            "tag": "v1.2.0",
            "name": "v1.2.0",
            "notes": "Mends the basket.",
            "draft": false,
            "prerelease": false,
            "url": url,
        },
        "notes": "Mends the basket.",
        "previousTag": null,
        "url": url,
        "notesConfirmed": true,
    })
}

pub(super) fn urls() -> Value {
    json!({
        "repository": REPOSITORY,
        "tag": format!("{REPOSITORY}/tree/v1.2.0"),
        "release": format!("{REPOSITORY}/releases/tag/v1.2.0"),
    })
}

pub(super) fn webhook() -> Value {
    json!({
        "webhookId": "412345678",
        "webhookUrl": format!("https://scm.example.com/api/v1/integrations/scm/webhooks/{ID}"),
        "scheme": "github",
        "existsAtHost": true,
        "isComplete": true,
        "health": "ok",
        "lastStatus": 202,
        "previousSecretUntil": null,
    })
}

pub(super) fn rotated() -> Value {
    let mut rotated = webhook();
    rotated["confirmed"] = true.into();
    rotated
}

pub(super) fn delivery() -> Value {
    json!({
        "id": "dl_8Jx2",
        "integrationId": ID,
        "deliveryId": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "event": "push",
        "state": "done",
        "attempts": 1,
        "lastError": null,
        "receivedAt": "2026-11-01T10:00:00.000Z",
        "processedAt": "2026-11-01T10:00:00.120Z",
        "size": 7324,
    })
}

pub(super) fn delivery_detail() -> Value {
    let mut detail = delivery();
    detail["scheme"] = "github".into();
    detail["headers"] = json!([["X-GitHub-Event", "push"], ["X-Hub-Signature-256", "***"]]);
    detail["body"] = "{\"ref\":\"refs/heads/main\"}".into();
    detail
}

pub(super) fn event() -> Value {
    json!({
        "id": "ev_41",
        "tenantId": "acme",
        "integrationId": ID,
        "deliveryId": "dl_8Jx2",
        "occurredAt": "2026-11-01T10:00:00.000Z",
        "kind": "tag_created",
        "name": "v1.2.0",
        "commitSha": SHA,
        "repository": {"providerRepositoryId": "186853002", "path": "acme/shop", "url": REPOSITORY},
        "actor": {"id": "583231", "login": "octocat"},
        "reconciled": false,
    })
}

/// Examples of a body, each with its name.
pub(super) fn bodies(examples: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let examples = examples
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!({"value": value})));
    Value::Object(examples.collect())
}
