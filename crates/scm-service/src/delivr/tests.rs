//! Rows of the old server, judged.

use scm_store::{
    TakeOver,
    delivr::{self, OldRow, PassPhrase, Shape},
};
use scm_types::{AccessToken, ScmType, Timestamp, VerificationStatus, WebHosts, WebhookSecret};

use super::read::{Here, later_name, left, read, time};
use crate::FieldError;

const PHRASE: &str = "a pass phrase of more than thirty-two characters";

const ORIGINAL: [(&str, &str); 17] = [
    ("tenantId", "t1"),
    ("scmType", "GITHUB"),
    ("displayName", "Mobile App"),
    ("githubOrganization", "acme"),
    ("githubRepository", "shop"),
    ("repositoryUrl", "https://github.com/Acme/shop.git"),
    ("defaultBranch", "develop"),
    ("accessToken", "ghp_x"),
    ("webhookId", "42"),
    ("webhookSecret", "hook"),
    ("webhookUrl", "https://old.example/hook"),
    ("isActive", "0"),
    ("verificationStatus", "VALID"),
    ("lastVerifiedAt", "2025-03-01 10:00:00"),
    ("createdByAccountId", "acc_1"),
    ("createdAt", "2025-01-10 08:30:00.250"),
    ("updatedAt", "2025-03-01 10:00:00.500 +00:00"),
];

/// A row with some of its columns changed; an empty text is none.
fn row(changed: &[(&'static str, &'static str)]) -> OldRow {
    let kept = ORIGINAL
        .into_iter()
        .filter(|(column, _)| !changed.iter().any(|(other, _)| other == column));
    OldRow::of(
        "row-1",
        [("id", "row-1")]
            .into_iter()
            .chain(kept)
            .chain(changed.iter().copied()),
    )
}

/// A row of the later shape, of one of the three hosts.
fn later(kind: &'static str, url: &'static str, owner: &'static str, repo: &'static str) -> OldRow {
    row(&[
        ("scmType", kind),
        ("repositoryUrl", url),
        ("owner", owner),
        ("repo", repo),
    ])
}

fn judged_with(
    row: &OldRow,
    shape: Shape,
    phrase: Option<&PassPhrase>,
) -> Result<TakeOver, Vec<FieldError>> {
    let here = Here {
        hosts: &WebHosts::public(),
        has_app: &|_| false,
        now: at("2027-01-31T09:00:00Z"),
    };
    read(row, shape, phrase, &here)
}

fn judged(row: &OldRow, shape: Shape) -> Result<TakeOver, Vec<(String, String)>> {
    let phrase = PassPhrase::parse(PHRASE).unwrap();
    let judged = judged_with(row, shape, Some(&phrase));
    judged.map_err(|faults| {
        let faults = faults.into_iter();
        faults.map(|fault| (fault.field, fault.message)).collect()
    })
}

fn faults(row: &OldRow, shape: Shape) -> Vec<String> {
    let faults = judged(row, shape).err().unwrap_or_default();
    faults.into_iter().map(|(field, _)| field).collect()
}

fn at(raw: &str) -> Timestamp {
    Timestamp::parse(raw).unwrap()
}

#[test]
fn a_row_of_the_first_shape() {
    let old = judged(&row(&[]), Shape::Original).unwrap();
    assert_eq!(old.id.as_str(), "row-1");
    let new = &old.integration;
    assert_eq!(new.tenant_id.as_str(), "t1");
    assert_eq!(new.display_name.as_str(), "Mobile App");
    assert_eq!(new.repository.as_str(), "https://github.com/Acme/shop");
    assert_eq!(new.default_branch.as_str(), "develop");
    assert_eq!(new.created_by_account_id.as_str(), "acc_1");
    let token = new.access_token.as_ref().map(AccessToken::expose);
    assert_eq!(token, Some("ghp_x"));
    let state = &old.state;
    assert!(!state.is_active);
    assert_eq!(state.verification_status, VerificationStatus::Valid);
    assert_eq!(state.last_verified_at, Some(at("2025-03-01T10:00:00Z")));
    assert_eq!(state.created_at, at("2025-01-10T08:30:00.250Z"));
    assert_eq!(state.updated_at, at("2025-03-01T10:00:00.500Z"));
    assert_eq!(state.webhook_id.as_deref(), Some("42"));
    assert_eq!(
        state.webhook_secret.as_ref().map(WebhookSecret::expose),
        Some("hook")
    );
}

#[test]
fn rows_of_the_later_shape() {
    for (kind, url, owner, repo) in [
        ("GITHUB", "https://github.com/acme/shop", "acme", "shop"),
        (
            "GITLAB",
            "https://gitlab.com/acme/mobile/shop",
            "acme/mobile",
            "shop",
        ),
        (
            "BITBUCKET",
            "https://bitbucket.org/acme/shop",
            "acme",
            "shop",
        ),
        ("GITLAB", "https://gitlab.com/acme/shop", "", ""),
    ] {
        let row = row(&[
            ("githubOrganization", ""),
            ("githubRepository", ""),
            ("scmType", kind),
            ("repositoryUrl", url),
            ("owner", owner),
            ("repo", repo),
        ]);
        let old = judged(&row, Shape::Later).unwrap_or_else(|faults| panic!("{url}: {faults:?}"));
        assert_eq!(old.integration.repository.as_str(), url);
        assert_eq!(
            old.integration.repository.scm_type(),
            kind.parse::<ScmType>().unwrap()
        );
    }
}

#[test]
fn a_repository_that_its_columns_contradict_is_told() {
    let url = "https://github.com/acme/shop";
    let wrong = later("GITHUB", url, "somebody", "else");
    assert_eq!(
        faults(&wrong, Shape::Later),
        ["githubOrganization", "githubRepository"]
    );
    assert_eq!(later_name("githubOrganization"), Some("owner"));
    assert_eq!(later_name("gitlabProjectId"), Some("repo"));
    assert_eq!(later_name("accessToken"), None);
    let foreign = row(&[("gitlabProjectId", "7")]);
    assert_eq!(faults(&foreign, Shape::Original), ["gitlabProjectId"]);
}

#[test]
fn what_cannot_be_read_is_told_by_its_column() {
    for (column, value) in [
        ("tenantId", ""),
        ("tenantId", "two words"),
        ("scmType", "SVN"),
        ("repositoryUrl", ""),
        ("repositoryUrl", "https://git.nowhere.example/acme/shop"),
        ("repositoryUrl", "https://user:hunter2@github.com/acme/shop"),
        ("repositoryUrl", "no address"),
        ("accessToken", ""),
        ("accessToken", "hunter2 with spaces"),
        ("accessToken", "v1.k1.hunter2"),
        (
            "accessToken",
            "aHVudGVyMg==:aHVudGVyMg==:aHVudGVyMg==:aHVudGVyMg==",
        ),
        ("webhookSecret", "hunter2 with spaces"),
        ("defaultBranch", "hunter2 with spaces"),
        ("isActive", "hunter2"),
        ("verificationStatus", "hunter2"),
        ("lastVerifiedAt", "hunter2 is not a time"),
        ("createdAt", "2025-02-30 10:00:00"),
        ("tokenExpiresAt", "hunter2"),
        ("githubInstallationId", "hunter2"),
        ("githubRepository", "hunter2"),
        ("createdByAccountId", ""),
    ] {
        let row = row(&[(column, value)]);
        let found = judged(&row, Shape::Original).err().unwrap_or_default();
        let columns: Vec<_> = found.iter().map(|(column, _)| column.as_str()).collect();
        assert_eq!(columns, [column], "{value}: {found:?}");
        assert!(!found[0].1.contains("hunter2"), "{found:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let row = row(&[
        ("accessToken", "two words"),
        ("isActive", "x"),
        ("githubRepository", "y"),
    ]);
    assert_eq!(
        faults(&row, Shape::Original),
        ["accessToken", "isActive", "githubRepository"]
    );
}

#[test]
fn secrets_that_the_old_server_sealed_are_opened() {
    let phrase = PassPhrase::parse(PHRASE).unwrap();
    let sealed = delivr::seal("ghp_sealed", &phrase).unwrap();
    let cells = ORIGINAL.map(|(column, text)| {
        let is_token = column == "accessToken";
        (column, if is_token { sealed.as_str() } else { text })
    });
    let row = OldRow::of("row-1", cells.into_iter().chain([("id", "row-1")]));
    let old = judged(&row, Shape::Original).unwrap();
    let token = old
        .integration
        .access_token
        .as_ref()
        .map(AccessToken::expose);
    assert_eq!(token, Some("ghp_sealed"));
    let without = judged_with(&row, Shape::Original, None);
    let faults = without.err().unwrap();
    assert_eq!(faults[0].field, "accessToken");
    assert!(faults[0].message.contains("pass phrase"), "{faults:?}");
}

#[test]
fn what_has_no_place_here_is_named() {
    assert!(left(&row(&[("senderLogin", ""), ("providerConfig", "{}")])).is_empty());
    let both = row(&[("senderLogin", "octocat"), ("providerConfig", "{\"a\":1}")]);
    assert_eq!(left(&both), ["senderLogin", "providerConfig"]);
}

#[test]
fn times_as_databases_write_them() {
    for (text, want) in [
        ("2025-03-01 10:00:00", "2025-03-01T10:00:00Z"),
        ("2025-03-01 10:00:00.123456", "2025-03-01T10:00:00.123Z"),
        ("2025-03-01 10:00:00+00", "2025-03-01T10:00:00Z"),
        ("2025-03-01 10:00:00.5+02:00", "2025-03-01T08:00:00.500Z"),
        ("2025-03-01 10:00:00.000 +00:00", "2025-03-01T10:00:00Z"),
        ("2025-03-01T10:00:00.000Z", "2025-03-01T10:00:00Z"),
        ("2025-03-01 10:00:00-07", "2025-03-01T17:00:00Z"),
        ("2025-03-01", "2025-03-01T00:00:00Z"),
    ] {
        assert_eq!(time(text), Ok(at(want)), "{text}");
    }
    for text in [
        "",
        "now",
        "0000-00-00 00:00:00",
        "2025-13-01 00:00:00",
        "2025-03-01 25:00:00",
        "1741000000",
    ] {
        assert!(time(text).is_err(), "{text}");
    }
}
