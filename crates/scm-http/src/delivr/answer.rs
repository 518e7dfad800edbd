//! The envelope that the panel reads.

use actix_web::{HttpResponse, HttpResponseBuilder, http::StatusCode};
use scm_service::{ProviderDescription, Services};
use scm_types::{
    BranchInfo, ErrorCode, Permission, SafeScmIntegration, ScmType, VerificationMetadata,
    VerificationResult, VerificationStatus, Visibility,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Form},
    routes::with_etag,
};

/// An integration as delivr shows it: ours, and what it has other names for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Integration<'a> {
    #[serde(flatten)]
    row: &'a SafeScmIntegration,
    owner: Option<String>,
    repo: Option<String>,
    status: VerificationStatus,
    webhook_enabled: bool,
    /// A delivery is known by its signature, not by who is said to have sent it.
    sender_login: Option<&'a str>,
}

impl<'a> Integration<'a> {
    fn of(services: &Services, row: &'a SafeScmIntegration) -> Self {
        let columns = || {
            let owner = row
                .github_organization
                .as_ref()
                .or(row.bitbucket_workspace.as_ref());
            let repo = row
                .github_repository
                .as_ref()
                .or(row.bitbucket_repository.as_ref());
            Some((owner?.clone(), repo?.clone()))
        };
        let named = services
            .owner_and_name(&row.repository_url)
            .or_else(columns);
        let (owner, repo) = named.unzip();
        Self {
            row,
            owner,
            repo,
            status: row.verification_status,
            webhook_enabled: row.webhook_id.is_some(),
            sender_login: None,
        }
    }
}

/// `{success, message?, integration}`, the row's state as `ETag`.
pub(super) fn integration(
    services: &Services,
    row: &SafeScmIntegration,
    answer: HttpResponseBuilder,
    message: Option<String>,
) -> HttpResponse {
    #[derive(Serialize)]
    struct Answer<'a> {
        success: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        integration: Integration<'a>,
    }
    with_etag(answer, row).json(Answer {
        success: true,
        message,
        integration: Integration::of(services, row),
    })
}

/// `{success, message}`.
pub(super) fn message(message: &str) -> HttpResponse {
    HttpResponse::Ok().json(json!({"success": true, "message": message}))
}

/// `{success, verified, message, details}` of a good check.
pub(super) fn verified(check: &VerificationResult) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "success": true,
        "verified": true,
        "message": "Connection verified successfully",
        "details": check.metadata.as_ref().map(details),
    }))
}

fn details(found: &VerificationMetadata) -> Value {
    let permissions = match found.permission {
        // It was let in, and no more is told.
        Permission::Unknown => json!({"pull": true}),
        known => json!({
            "pull": true,
            "push": known >= Permission::Write,
            "admin": known >= Permission::Admin,
        }),
    };
    json!({
        "user": found.account.as_ref().map(|account| &account.login),
        "repository": format!("{}/{}", found.owner_name, found.repository_name),
        "defaultBranch": found.default_branch,
        "private": found.visibility != Visibility::Public,
        "permissions": permissions,
    })
}

/// 422: the check was made, and the host does not accept the credential.
pub(super) fn refused(check: &VerificationResult, form: Form) -> HttpResponse {
    let code = match check.status {
        VerificationStatus::Expired => ErrorCode::CredentialExpired,
        VerificationStatus::Pending | VerificationStatus::Valid | VerificationStatus::Invalid => {
            ErrorCode::ConnectionInvalid
        }
    };
    let text = check
        .error
        .as_deref()
        .unwrap_or("The connection does not work");
    let mut failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, code, text);
    let mut beside = |name: &str, value: Value| failure.beside.insert(name.to_owned(), value);
    beside("verified", false.into());
    beside("message", text.into());
    beside(
        "details",
        json!({"errorCode": code.as_str(), "message": text}),
    );
    failure.respond(form)
}

/// `{success, branches, defaultBranch}`; with `nextCursor` where there are more.
pub(super) fn branches(
    branches: &[BranchInfo],
    next: Option<String>,
    default_branch: &str,
) -> HttpResponse {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        success: bool,
        branches: Vec<Branch<'a>>,
        default_branch: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_cursor: Option<String>,
    }
    #[derive(Serialize)]
    struct Branch<'a> {
        name: &'a str,
        protected: bool,
        default: bool,
    }
    let branches = branches.iter().map(|branch| Branch {
        name: &branch.name,
        protected: branch.protected,
        default: branch.default,
    });
    HttpResponse::Ok().json(Answer {
        success: true,
        branches: branches.collect(),
        default_branch,
        next_cursor: next,
    })
}

/// `{success, data}`: every product, and whether a host of it is set up.
pub(super) fn providers(hosts: &[ProviderDescription]) -> HttpResponse {
    let products = [
        (ScmType::Github, "github", "Pull Requests"),
        (ScmType::Gitlab, "gitlab", "Merge Requests"),
        (ScmType::Bitbucket, "bitbucket", "Pull Requests"),
    ];
    let data = products.map(|(kind, id, requests)| {
        let enabled = hosts.iter().any(|host| host.scm_type == kind);
        let of: Vec<_> = hosts.iter().filter(|host| host.scm_type == kind).collect();
        let names: Vec<_> = of.iter().map(|host| host.host.as_str()).collect();
        json!({
            "id": id,
            "name": kind.label(),
            "description": format!("Repositories on {}", kind.label()),
            "enabled": enabled,
            "status": if enabled { "available" } else { "not_configured" },
            "requiresOAuth": false,
            "features": ["Repositories", "Branches", "Tags", requests, "Webhooks"],
            "hosts": names,
        })
    });
    HttpResponse::Ok().json(json!({"success": true, "data": data}))
}
