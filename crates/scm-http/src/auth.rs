//! Who makes a request: decided here, once, before anything else is looked at.
//!
//! - Every handler takes a [`Known`] caller; there is no way to one but through this file.
//! - What is wrong with a credential is not told: missing, malformed, unknown and expired answer
//!   alike.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header::AUTHORIZATION, web,
};
use scm_service::{ApiKeys, Services};
use scm_types::{Access, AccountId, Caller};

use crate::ApiError;

/// How callers are told apart.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Not at all: everybody is the platform. Only for a loopback address.
    Open {
        /// The account that rows are made under unless a request names one.
        account: AccountId,
    },
    /// By `Authorization: Bearer scm_…`.
    ApiKeys(ApiKeys),
    /// By the embedding host, which puts a [`Caller`] into the request's extensions; a request
    /// without one is refused.
    Host,
}

/// What every handler works with.
pub(crate) struct State {
    pub(crate) services: Services,
    pub(crate) authentication: Authentication,
}

impl State {
    fn caller(&self, request: &HttpRequest) -> Option<Caller> {
        match &self.authentication {
            Authentication::Open { account } => Some(Caller {
                account: account.clone(),
                access: Access::Platform,
            }),
            Authentication::ApiKeys(keys) => {
                let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
                let (scheme, key) = header.split_once(' ')?;
                let bearer = scheme.eq_ignore_ascii_case("bearer");
                bearer.then(|| {
                    keys.caller(key.trim(), self.services.clock().now())
                        .cloned()
                })?
            }
            Authentication::Host => request.extensions().get::<Caller>().cloned(),
        }
    }
}

/// The authenticated caller of a request.
pub(crate) struct Known(pub(crate) Caller);

impl FromRequest for Known {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request
            .app_data::<web::Data<State>>()
            .and_then(|state| state.caller(request));
        ready(caller.map(Self).ok_or(ApiError::Unauthenticated))
    }
}
