//! Who makes a request: decided here, once, before anything else is looked at.
//!
//! - Every handler takes a [`Known`] caller; there is no way to one but through this file.
//! - What is wrong with a credential is not told: missing, malformed, unknown and expired answer
//!   alike.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN},
    web,
};
use scm_service::{ApiKeys, Services};
use scm_types::{Access, AccountId, Caller};

use crate::ApiError;

/// How callers are told apart.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Not at all: everybody on this machine is the platform. Only for a loopback address; a
    /// request that a web page of another origin makes a browser send is refused.
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
        let Some(state) = request.app_data::<web::Data<State>>() else {
            return ready(Err(ApiError::Unauthenticated));
        };
        let open = matches!(state.authentication, Authentication::Open { .. });
        if open && !is_local(request.headers()) {
            return ready(Err(ApiError::NotLocal));
        }
        ready(
            state
                .caller(request)
                .map(Self)
                .ok_or(ApiError::Unauthenticated),
        )
    }
}

/// True unless `Host` or `Origin` name another place than this machine: without authentication,
/// that is all that keeps a web page (or a name that was rebound to loopback) out.
fn is_local(headers: &HeaderMap) -> bool {
    let local = |name: HeaderName| {
        headers
            .get_all(name)
            .all(|value| value.to_str().is_ok_and(names_this_machine))
    };
    local(HOST) && local(ORIGIN)
}

/// `localhost`, `127.0.0.1:8080`, `http://[::1]:3000`.
fn names_this_machine(value: &str) -> bool {
    let authority = value
        .split_once("://")
        .map_or(value, |(_, authority)| authority);
    let without_port = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = without_port.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        for (value, want) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("http://localhost:3000", true),
            ("evil.example", false),
            ("https://evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example:80", false),
            ("192.168.0.1", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(names_this_machine(value), want, "{value}");
        }
    }
}
