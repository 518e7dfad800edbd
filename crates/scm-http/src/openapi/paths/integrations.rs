//! Connections, their checks, their audit log, and the hosts that there are.

use scm_service::ProviderDescription;
use scm_types::{
    AuditEntry, CreateScmIntegrationDto, ErrorCode, Role, SafeScmIntegration, ScmType, TenantId,
    Timestamp, UpdateScmIntegrationDto, VerificationResult, VerificationStatus,
};
use serde_json::{Value, json};

use crate::openapi::{
    Api,
    answer::Answer,
    bodies::VerifyCredential,
    examples::{self, bodies},
    failures::{CHANGE, HOST},
    operation::Operation,
    parts::{cursor, limit, param, query},
};

const TAG: &str = "integrations";

/// Where a page of connections starts.
const CURSOR: (&str, &str) = (
    "^[0-9]{1,13}\\.[!-~]{1,255}$",
    "1793527200000.V1StGXR8_Z5jdHi6B-myT",
);

pub(super) fn add(api: &mut Api) {
    list(api);
    create(api);
    read(api);
    update(api);
    delete(api);
    verify(api);
    dry_run(api);
    audit(api);
    providers(api);
}

fn list(api: &mut Api) {
    let row = api.schema::<SafeScmIntegration>();
    let answer = Answer::new("The connections, newest first.").page(
        row,
        examples::integration(),
        false,
        CURSOR.1,
    );
    let tenant = api.schema::<TenantId>();
    let kind = api.schema::<ScmType>();
    let status = api.schema::<VerificationStatus>();
    let time = api.schema::<Timestamp>();
    let operation = Operation::get("", "listIntegrations", Role::Viewer)
        .tag(TAG)
        .about(
            "List connections",
            "Those of the caller's tenant; the platform sees every tenant's. Filters combine.",
        )
        .parameters([
            query("tenantId", tenant, "Those of this tenant."),
            query("scmType", kind, "Those of this product."),
            query(
                "isActive",
                json!({"type": "boolean"}),
                "Active ones, or paused and deleted ones. Without it deleted ones are not shown.",
            ),
            query("verificationStatus", status, "Those in this state."),
            query(
                "expiringBefore",
                time,
                "Those whose access token is known to end before this, or to have ended.",
            ),
            limit(1000),
            cursor(CURSOR.0, CURSOR.1),
        ])
        .answer(200, answer);
    api.add(operation);
}

fn create(api: &mut Api) {
    let row = api.schema::<SafeScmIntegration>();
    let body = api.schema::<CreateScmIntegrationDto>();
    // Without a token there has to be an installation to get one from.
    api.restrict(
        "CreateScmIntegrationDto",
        "anyOf",
        json!([
            {"required": ["accessToken"], "properties": {"accessToken": {"type": "string"}}},
            {"required": ["githubInstallationId"], "properties": {"githubInstallationId": {"type": "string"}}},
        ]),
    );
    let example = bodies([(
        "gitHub",
        json!({
            "tenantId": "acme",
            "scmType": "GITHUB",
            "repositoryUrl": "git@github.com:acme/shop.git",
            "accessToken": "github_pat_…".replace('…', "..."),
        }),
    )]);
    let operation = Operation::post("", "createIntegration", Role::Owner)
        .tag(TAG)
        .about(
            "Connect a repository",
            "`repositoryUrl` may be a web address, a clone address or a deeper page of the repository; \
             the row shows one normal form. A connection that was deleted comes back under its old id.",
        )
        .body(body, example)
        .answer(
            201,
            Answer::new("It was made, or came back.")
                .header("ETag")
                .data(row, examples::integration())
                .message("SCM integration created successfully"),
        )
        .fails(&[
            CHANGE,
            &[
                ErrorCode::MissingRequiredFields,
                ErrorCode::ForeignTenant,
                ErrorCode::AlreadyExists,
                ErrorCode::AppNotConfigured,
                ErrorCode::UnsupportedCredential,
            ],
        ]);
    api.add(operation);
}

fn read(api: &mut Api) {
    let row = api.schema::<SafeScmIntegration>();
    let unchanged = Answer::bare(
        "It is still in the state that `If-None-Match` names.",
        "application/json",
        Value::Null,
        Value::Null,
    );
    let operation = Operation::get("/{id}", "getIntegration", Role::Viewer)
        .tag(TAG)
        .about("Read a connection", "")
        .parameter(param("IfNoneMatch"))
        .answer(
            200,
            Answer::new("The connection.")
                .header("ETag")
                .data(row, examples::integration()),
        )
        .answer(304, unchanged.of_the_api().header("ETag"));
    api.add(operation);
}

fn update(api: &mut Api) {
    let row = api.schema::<SafeScmIntegration>();
    let body = api.schema::<UpdateScmIntegrationDto>();
    let example = bodies([
        ("pause", json!({"isActive": false})),
        (
            "newCredential",
            json!({"accessToken": "github_pat_...", "tokenExpiresAt": "2027-01-31T09:00:00Z"}),
        ),
    ]);
    let operation = Operation::patch("/{id}", "updateIntegration", Role::Owner)
        .tag(TAG)
        .about(
            "Change a connection",
            "Absent members stay. A new credential sets the status back to `PENDING`. Without `If-Match` \
             parallel changes of different members both survive.",
        )
        .parameter(param("IfMatch"))
        .body(body, example)
        .answer(
            200,
            Answer::new("It was changed.")
                .header("ETag")
                .data(row, examples::integration())
                .message("SCM integration updated successfully"),
        )
        .fails(&[
            CHANGE,
            &[
                ErrorCode::VersionMismatch,
                ErrorCode::NoCredential,
                ErrorCode::IntegrationDeleted,
                ErrorCode::HostNotConfigured,
                ErrorCode::RepositoryUrlUnusable,
                ErrorCode::UnsupportedCredential,
                ErrorCode::AppNotConfigured,
            ],
        ]);
    api.add(operation);
}

fn delete(api: &mut Api) {
    let hard = json!({"type": "boolean", "default": false});
    let operation = Operation::delete("/{id}", "deleteIntegration", Role::Owner)
        .tag(TAG)
        .about(
            "Delete a connection",
            "The row stays, switched off; every secret in it is erased, and the webhook at the code host \
             is removed, sooner or later.",
        )
        .parameters([
            query("hard", hard, "Remove the row and all that hangs on it."),
            param("IfMatch"),
        ])
        .answer(
            200,
            Answer::new("It was deleted.").message("SCM integration deleted successfully"),
        )
        .fails(&[CHANGE, &[ErrorCode::VersionMismatch, ErrorCode::InUse]]);
    api.add(operation);
}

/// What a check that found the connection broken answers.
const BROKEN: &[ErrorCode] = &[
    ErrorCode::ConnectionInvalid,
    ErrorCode::CredentialExpired,
    ErrorCode::IdempotencyKeyReused,
];

fn verify(api: &mut Api) {
    let row = api.schema::<SafeScmIntegration>();
    let verification = api.schema::<VerificationResult>();
    let operation = Operation::post("/{id}/verify", "verifyIntegration", Role::Owner)
        .tag(TAG)
        .about(
            "Check a connection",
            "Asks the code host. Only a definite answer changes the row: 422 tells, with `data` and \
             `verification`, that the connection is broken. 429, 502, 503 and 504 tell that it could not \
             be checked, and change nothing.",
        )
        .answer(
            200,
            Answer::new("The connection works.")
                .header("ETag")
                .data(row, examples::verified_integration())
                .message("SCM connection verified successfully")
                .verification(verification, examples::verification()),
        )
        .fails(&[HOST])
        .fails_with(422, BROKEN);
    api.add(operation);
}

fn dry_run(api: &mut Api) {
    let verification = api.schema::<VerificationResult>();
    let body = api.schema::<VerifyCredential>();
    let example = bodies([(
        "gitHub",
        json!({
            "scmType": "GITHUB",
            "repositoryUrl": "https://github.com/acme/shop",
            "accessToken": "github_pat_...",
        }),
    )]);
    let operation = Operation::post("/verify", "verifyCredential", Role::Owner)
        .tag(TAG)
        .about(
            "Try a credential before it is stored",
            "Nothing is stored. 422 tells, with `verification`, that the connection would not work.",
        )
        .body(body, example)
        .answer(
            200,
            Answer::new("The connection would work.")
                .message("SCM connection verified successfully")
                .verification(verification, examples::verification()),
        )
        .fails(&[HOST])
        .fails_with(422, BROKEN);
    api.add(operation);
}

fn audit(api: &mut Api) {
    let entry = api.schema::<AuditEntry>();
    let operation = Operation::get("/{id}/audit", "listAudit", Role::Owner)
        .tag(TAG)
        .about(
            "Who did what to a connection",
            "Also of one that was deleted, softly or for good.",
        )
        .parameters([limit(100), cursor("^audit\\.[0-9]{1,18}$", "audit.3")])
        .answer(
            200,
            Answer::new("The rows of the audit log, newest first.").page(
                entry,
                examples::audit_entry(),
                false,
                "audit.3",
            ),
        );
    api.add(operation);
}

fn providers(api: &mut Api) {
    let provider = api.schema::<ProviderDescription>();
    let operation = Operation::get("/providers", "listProviders", Role::Viewer)
        .tag(TAG)
        .about(
            "Code hosts that can be connected",
            "With the credentials that each takes and what can be done there.",
        )
        .answer(
            200,
            Answer::new("The hosts, in the operator's order.").list(provider, examples::provider()),
        );
    api.add(operation);
}
