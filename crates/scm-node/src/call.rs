//! The operations by their names: what `ts/` calls.
//!
//! - Each is made for a caller; there is no way to the data without one.
//! - A row that is not there is `null` or `false`, as in the original's controller; everything else
//!   that keeps an operation from being done is a fault.

use scm_http::{Fields, changes, new_integration};
use scm_service::{ServiceError, Services};
use scm_types::{
    Caller, IntegrationId, PageLimit, PageRequest, SafeScmIntegration, ScmIntegrationFilters,
    ScmType, TenantId, VerificationStatus,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{caller::caller, fault::Fault, release};

/// What JavaScript asks for.
pub(crate) struct Call {
    /// The operation.
    pub(crate) name: String,
    /// Who asks, JSON.
    pub(crate) caller: String,
    /// The id or the tenant that it is about; empty if it is about none.
    pub(crate) subject: String,
    /// Everything else, a JSON object.
    pub(crate) arguments: String,
}

impl Call {
    /// True for what asks nobody but the database: such calls are let in so many at a time, for a call
    /// that waits too long for a connection fails.
    pub(crate) fn takes_turns(&self) -> bool {
        matches!(
            self.name.as_str(),
            "create"
                | "findById"
                | "list"
                | "findByRepository"
                | "update"
                | "updateVerificationStatus"
                | "exists"
                | "count"
        )
    }
}

/// The longest arguments, in bytes; far more than any operation needs.
const MAX_ARGUMENTS: usize = 1024 * 1024;

/// Does what was asked for; the answer is JSON.
pub(crate) async fn answer(services: &Services, call: Call) -> String {
    let answer = match run(services, call).await {
        Ok(value) => json!({"value": value}),
        Err(fault) => fault.into_json(),
    };
    answer.to_string()
}

async fn run(services: &Services, call: Call) -> Result<Value, Fault> {
    if call.arguments.len() > MAX_ARGUMENTS {
        return Err(Fault::invalid("", "the arguments are too large"));
    }
    let caller = caller(&call.caller)?;
    let fields = Fields::parse(call.arguments.as_bytes())?;
    let (caller, subject) = (&caller, call.subject.as_str());
    match call.name.as_str() {
        "create" => value(
            services
                .create(caller, new_integration(fields, caller)?)
                .await?,
        ),
        "findById" => {
            fields.finish(&[])?;
            found(get(services, caller, subject).await)
        }
        "list" => list(services, caller, fields).await,
        "findByRepository" => find_by_repository(services, caller, subject, fields).await,
        "update" => update(services, caller, subject, fields).await,
        "updateVerificationStatus" => update_status(services, caller, subject, fields).await,
        "delete" => delete(services, caller, subject, fields).await,
        "exists" => {
            fields.finish(&[])?;
            match IntegrationId::parse(subject) {
                Ok(id) => value(services.exists(caller, &id).await?),
                Err(_) => value(false),
            }
        }
        "count" => {
            fields.finish(&[])?;
            value(services.count(caller, &tenant(subject)?).await?)
        }
        "verify" => {
            fields.finish(&[])?;
            verify(services, caller, subject).await
        }
        "providers" => {
            fields.finish(&[])?;
            value(services.providers())
        }
        // Nothing that is built for release has it: it shows that a panic stays in its call.
        #[cfg(debug_assertions)]
        "panic" => {
            #[expect(clippy::panic, reason = "asked for by a test")]
            {
                panic!("asked for by a test")
            }
        }
        name => release::run(services, caller, subject, name, fields).await,
    }
}

/// An answer as JSON.
pub(crate) fn value(answer: impl Serialize) -> Result<Value, Fault> {
    // Our own types; none has a map with keys that are no texts.
    serde_json::to_value(answer).map_err(|_| Fault::panicked())
}

pub(crate) fn tenant(subject: &str) -> Result<TenantId, Fault> {
    TenantId::parse(subject).map_err(|error| Fault::invalid("tenantId", error))
}

/// A text that cannot be an id names no row.
fn id(subject: &str) -> Result<IntegrationId, Fault> {
    IntegrationId::parse(subject).map_err(|_| ServiceError::NotFound.into())
}

/// `null` for what is not there.
fn found<T: Serialize>(answer: Result<T, ServiceError>) -> Result<Value, Fault> {
    match answer {
        Ok(answer) => value(answer),
        Err(ServiceError::NotFound) => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}

async fn get(
    services: &Services,
    caller: &Caller,
    subject: &str,
) -> Result<SafeScmIntegration, ServiceError> {
    let id = IntegrationId::parse(subject).map_err(|_| ServiceError::NotFound)?;
    services.get(caller, &id).await
}

async fn list(services: &Services, caller: &Caller, mut fields: Fields) -> Result<Value, Fault> {
    let filters = ScmIntegrationFilters {
        tenant_id: fields.text("tenantId", TenantId::parse),
        scm_type: fields.text("scmType", |raw| raw.parse::<ScmType>()),
        is_active: fields.boolean("isActive"),
        verification_status: fields.text("verificationStatus", |raw| {
            raw.parse::<VerificationStatus>()
        }),
        expiring_before: fields.text("expiringBefore", |raw| scm_types::Timestamp::parse(&raw)),
    };
    let limit = fields.text("limit", |raw| {
        let limit = raw
            .parse()
            .ok()
            .and_then(|limit| PageLimit::new(limit).ok());
        limit.ok_or("must be a whole number from 1 to 1000")
    });
    let page = PageRequest {
        limit: limit.unwrap_or_default(),
        after: fields.text("cursor", |raw| raw.parse()),
    };
    fields.finish(&[])?;
    let page = services.list(caller, &filters, &page).await?;
    let next = page.next.as_ref().map(ToString::to_string);
    value(json!({"items": page.items, "nextCursor": next}))
}

async fn find_by_repository(
    services: &Services,
    caller: &Caller,
    subject: &str,
    mut fields: Fields,
) -> Result<Value, Fault> {
    let tenant = tenant(subject)?;
    let url = fields.required_text("repositoryUrl", Ok::<_, String>);
    fields.finish(&[])?;
    let url = url.unwrap_or_default();
    let found = services.find_by_repository(caller, &tenant, &url);
    value(found.await?)
}

async fn update(
    services: &Services,
    caller: &Caller,
    subject: &str,
    fields: Fields,
) -> Result<Value, Fault> {
    let changes = changes(fields)?;
    let Ok(id) = IntegrationId::parse(subject) else {
        return Ok(Value::Null);
    };
    found(services.update(caller, &id, &changes, None).await)
}

async fn update_status(
    services: &Services,
    caller: &Caller,
    subject: &str,
    mut fields: Fields,
) -> Result<Value, Fault> {
    let status = fields.required_text("status", |raw| raw.parse::<VerificationStatus>());
    let error = fields.text("error", Ok::<_, String>);
    fields.finish(&[])?;
    let Some(status) = status else {
        return Err(Fault::invalid("status", "is required"));
    };
    let Ok(id) = IntegrationId::parse(subject) else {
        return Ok(Value::Null);
    };
    let updated = services.set_verification_status(caller, &id, status, error);
    found(updated.await)
}

async fn delete(
    services: &Services,
    caller: &Caller,
    subject: &str,
    mut fields: Fields,
) -> Result<Value, Fault> {
    let hard = fields.boolean("hard").unwrap_or_default();
    fields.finish(&[])?;
    let Ok(id) = IntegrationId::parse(subject) else {
        return value(false);
    };
    match services.delete(caller, &id, hard, None).await {
        Ok(()) => value(true),
        Err(ServiceError::NotFound) => value(false),
        Err(error) => Err(error.into()),
    }
}

async fn verify(services: &Services, caller: &Caller, subject: &str) -> Result<Value, Fault> {
    let verified = services.verify(caller, &id(subject)?).await?;
    value(json!({"integration": verified.integration, "verification": verified.result}))
}
