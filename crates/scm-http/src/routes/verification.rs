//! Checks against the code host: of a stored connection, and of a credential before it is stored.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use scm_service::{FieldError, ServiceError};
use scm_types::{
    AccessToken, ErrorCode, SafeScmIntegration, ScmType, Timestamp, VerificationResult,
    VerificationStatus,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    ApiError,
    auth::{Known, State},
    body::Fields,
    envelope::Envelope,
    failure::{Failure, Form},
    query::Query,
    routes::integrations::{id, with_etag},
};

/// `POST /{id}/verify`
pub(crate) async fn verify(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let checked = state.services.verify(&caller.0, &id).await?;
    let row = &checked.integration;
    if checked.result.success {
        let mut envelope = Envelope::of(row).message("SCM connection verified successfully");
        envelope.verification = Some(checked.result);
        return Ok(with_etag(HttpResponse::Ok(), row).json(envelope));
    }
    Ok(broken(Some(row), &checked.result, Form::asked_by(&request)))
}

/// `POST /verify`
pub(crate) async fn dry_run(
    caller: Known,
    mut body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.finish()?;
    let kind = body.required_text("scmType", |raw| raw.parse::<ScmType>());
    let url = body.required_text("repositoryUrl", Ok::<_, String>);
    let token = body.required_text("accessToken", AccessToken::parse);
    let expires_at = body.text("tokenExpiresAt", |raw| Timestamp::parse(&raw));
    body.finish(&[])?;
    let (Some(kind), Some(url), Some(token)) = (kind, url, token) else {
        let incomplete = FieldError::new("accessToken", "is required");
        return Err(ServiceError::Invalid(vec![incomplete]).into());
    };
    let services = &state.services;
    let result = services
        .verify_credential(&caller.0, kind, &url, &token, expires_at)
        .await?;
    if result.success {
        let mut envelope = Envelope::<()>::empty().message("SCM connection verified successfully");
        envelope.verification = Some(result);
        return Ok(HttpResponse::Ok().json(envelope));
    }
    Ok(broken(None, &result, Form::asked_by(&request)))
}

/// 422: the check was made, and the connection does not work.
fn broken(
    row: Option<&SafeScmIntegration>,
    result: &VerificationResult,
    form: Form,
) -> HttpResponse {
    let code = match result.status {
        VerificationStatus::Expired => ErrorCode::CredentialExpired,
        VerificationStatus::Pending | VerificationStatus::Valid | VerificationStatus::Invalid => {
            ErrorCode::ConnectionInvalid
        }
    };
    let error = result
        .error
        .clone()
        .unwrap_or_else(|| "The connection does not work".to_owned());
    let mut failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, code, error);
    if let Some(row) = row {
        failure.beside.insert("data".into(), json(row));
    }
    failure.beside.insert("verification".into(), json(result));
    let mut response = failure.respond(form);
    if let Some(row) = row {
        let tag = crate::etag::etag(row);
        if let Ok(tag) = actix_web::http::header::HeaderValue::from_str(&tag) {
            response
                .headers_mut()
                .insert(actix_web::http::header::ETAG, tag);
        }
    }
    response
}

/// Rows and results have text keys and no maps, so that turning one into JSON cannot fail.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
