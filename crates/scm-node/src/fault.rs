//! Why something was not done, as JavaScript is told.

use actix_web::{ResponseError as _, body::MessageBody as _, http::header::RETRY_AFTER};
use scm_http::ApiError;
use scm_service::{FieldError, ServiceError};
use serde_json::{Map, Value, json};

/// A failure: what the same one is over HTTP, or one that only an embedded instance has.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    status: u16,
    retry_after: Option<u64>,
    /// `code`, `error`, `details` and whatever else the answer over HTTP has.
    told: Map<String, Value>,
}

impl Fault {
    /// One that the API does not have.
    fn own(status: u16, code: &str, error: &str) -> Self {
        let mut told = Map::new();
        told.insert("error".into(), error.into());
        told.insert("code".into(), code.into());
        Self {
            status,
            retry_after: None,
            told,
        }
    }

    /// The instance was closed, before the call or under it.
    pub(crate) fn closed() -> Self {
        Self::own(503, "services_closed", "These services are closed")
    }

    /// A panic. What it said is for the log.
    pub(crate) fn panicked() -> Self {
        Self::own(500, "internal_error", "Something went wrong in the addon")
    }

    /// The machine gave no thread, which an instance needs.
    pub(crate) fn no_thread() -> Self {
        Self::own(503, "no_thread", "No thread could be started")
    }

    /// There is no such operation: the JavaScript part is of another version.
    pub(crate) fn unknown_operation() -> Self {
        let text = "The native addon does not know this operation; it is of another version";
        Self::own(500, "addon_mismatch", text)
    }

    /// The database has not the schema that this version needs.
    pub(crate) fn schema(error: &str) -> Self {
        Self::own(409, "schema_mismatch", error)
    }

    /// The keys are not those of the database.
    pub(crate) fn keys(error: &str) -> Self {
        Self::own(409, "wrong_keys", error)
    }

    /// The database does not answer, or refuses the login.
    pub(crate) fn database(error: &str) -> Self {
        Self::own(503, "database_unavailable", error)
    }

    /// A tenant has several active integrations, and none was chosen.
    pub(crate) fn ambiguous() -> Self {
        let text = "The tenant has several active integrations; say which one is meant";
        Self::own(409, "integration_ambiguous", text)
    }

    /// A tenant has no active integration.
    pub(crate) fn none_active() -> Self {
        let text = "The tenant has no active SCM integration";
        Self::own(404, "not_found", text)
    }

    /// One argument is wrong.
    pub(crate) fn invalid(field: &str, message: impl ToString) -> Self {
        ServiceError::Invalid(vec![FieldError::new(field, message)]).into()
    }

    pub(crate) fn into_json(self) -> Value {
        json!({"fault": {
            "status": self.status,
            "retryAfter": self.retry_after,
            "told": self.told,
        }})
    }
}

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let answer = error.error_response();
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = answer.into_body().try_into_bytes().unwrap_or_default();
        match serde_json::from_slice(&body) {
            Ok(Value::Object(mut told)) => {
                told.remove("success");
                Self {
                    status,
                    retry_after,
                    told,
                }
            }
            // An answer of the API is an object; if not, its code is all that is known.
            _ => Self::own(status, "internal_error", "Something went wrong"),
        }
    }
}
