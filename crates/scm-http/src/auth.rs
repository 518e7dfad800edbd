//! Who makes a request: decided here, once, before anything else is looked at.
//!
//! - Every handler takes a [`Known`] caller; there is no way to one but through this file.
//! - What is wrong with a credential is not told: missing, malformed, unknown and expired answer
//!   alike.

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN},
    web,
};
use futures_util::future::LocalBoxFuture;
use scm_service::{AuthenticationError, Bearers, ServiceError, Services};
use scm_trace::SpanKind;
use scm_types::{Access, AccountId, Caller, RequestId, TenantId};

use crate::{ApiError, gate::Gate};

/// How callers are told apart.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Not at all: everybody on this machine is the platform. Only for a loopback address; a
    /// request that a web page of another origin makes a browser send is refused.
    Open {
        /// The account that rows are made under unless a request names one.
        account: AccountId,
    },
    /// By `Authorization: Bearer …`.
    Bearers(Bearers),
    /// By the embedding host, which puts a [`Caller`] into the request's extensions; a request
    /// without one is refused.
    Host,
}

/// What every handler works with.
pub(crate) struct State {
    pub(crate) services: Services,
    pub(crate) authentication: Authentication,
    pub(crate) gate: Arc<Gate>,
}

impl State {
    async fn caller(&self, request: &HttpRequest) -> Result<Caller, ApiError> {
        let path = request.extensions().get::<PathTenant>().cloned();
        let mut caller = self.who(request, path.as_ref()).await?;
        self.gate.known(request, &caller)?;
        if let Some(PathTenant(tenant)) = &path
            && !tenant
                .as_ref()
                .is_some_and(|tenant| caller.scope().contains(tenant))
        {
            return Err(ServiceError::ForeignTenant.into());
        }
        if caller.request_id.is_none() {
            caller.request_id = request.extensions().get::<RequestId>().cloned();
        }
        Ok(caller)
    }

    async fn who(
        &self,
        request: &HttpRequest,
        path: Option<&PathTenant>,
    ) -> Result<Caller, ApiError> {
        match &self.authentication {
            Authentication::Open { account } => {
                if is_local(request) {
                    Ok(Caller::new(account.clone(), Access::Platform))
                } else {
                    Err(ApiError::NotLocal)
                }
            }
            Authentication::Bearers(bearers) => {
                let token = bearer(request.headers()).ok_or(ApiError::Unauthenticated)?;
                let tenant = named_tenant(request.headers())?;
                // On the heap: it is large, and it is wrapped.
                let caller = Box::pin(async {
                    match path {
                        None => {
                            let services = &self.services;
                            services.authenticate(bearers, token, tenant.as_ref()).await
                        }
                        Some(PathTenant(of_path)) if tenant.is_none() || tenant == *of_path => {
                            self.of_path(bearers, token, of_path.as_ref()).await
                        }
                        Some(_) => Err(AuthenticationError::ForeignTenant),
                    }
                });
                let span = scm_trace::child("authentication", SpanKind::Internal);
                let caller = span.run(caller).await;
                if let Err(error) = &caller {
                    span.fail(word(error));
                }
                drop(span);
                match caller {
                    Err(AuthenticationError::Refused) => Err(self.gate.refused(request)),
                    other => Ok(other?),
                }
            }
            Authentication::Host => {
                let caller = request.extensions().get::<Caller>().cloned();
                caller.ok_or(ApiError::Unauthenticated)
            }
        }
    }
}

impl State {
    /// Whose credential this is, at a path that names a tenant: a member of that tenant, or the
    /// platform.
    async fn of_path(
        &self,
        bearers: &Bearers,
        token: &str,
        tenant: Option<&TenantId>,
    ) -> Result<Caller, AuthenticationError> {
        let member = self.services.authenticate(bearers, token, tenant).await;
        if tenant.is_none() || !matches!(member, Err(AuthenticationError::ForeignTenant)) {
            return match member {
                Err(AuthenticationError::WhichTenant) => Err(AuthenticationError::ForeignTenant),
                other => other,
            };
        }
        match self.services.authenticate(bearers, token, None).await {
            Ok(caller) if caller.is_platform() => Ok(caller),
            Ok(_) | Err(AuthenticationError::WhichTenant) => {
                Err(AuthenticationError::ForeignTenant)
            }
            other => other,
        }
    }
}

/// The tenant that the path of a request names, where it names one: `None` inside if that can be no
/// tenant. Whoever asks has to be of it.
#[derive(Clone)]
pub(crate) struct PathTenant(pub(crate) Option<TenantId>);

/// What stands behind `Authorization: Bearer`. Two such headers are none: whoever passes requests on
/// may have looked at the other one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION);
    let (Some(header), None) = (given.next(), given.next()) else {
        return None;
    };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The tenant that the request is about, of several that its token is for.
const TENANT: HeaderName = HeaderName::from_static("scm-tenant");

/// The header as it is named to people.
const TENANT_FIELD: &str = "Scm-Tenant";

fn named_tenant(headers: &HeaderMap) -> Result<Option<TenantId>, ApiError> {
    let mut given = headers.get_all(TENANT);
    let Some(header) = given.next() else {
        return Ok(None);
    };
    let tenant = header.to_str().ok().map(TenantId::parse);
    match (tenant, given.next()) {
        (Some(Ok(tenant)), None) => Ok(Some(tenant)),
        _ => Err(ServiceError::invalid(TENANT_FIELD, "must be one tenant's id").into()),
    }
}

/// The word for a trace.
fn word(error: &AuthenticationError) -> &'static str {
    match error {
        AuthenticationError::Refused => "refused",
        AuthenticationError::WhichTenant => "which_tenant",
        AuthenticationError::ForeignTenant => "foreign_tenant",
        AuthenticationError::KeySetAway => "key_set_away",
        AuthenticationError::Store(_) => "store",
    }
}

impl From<AuthenticationError> for ApiError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Refused => Self::Unauthenticated,
            AuthenticationError::WhichTenant => {
                let text = "is required: the token is for several tenants";
                ServiceError::invalid(TENANT_FIELD, text).into()
            }
            AuthenticationError::ForeignTenant => ServiceError::ForeignTenant.into(),
            AuthenticationError::KeySetAway => Self::KeySetAway,
            AuthenticationError::Store(error) => Self::Service(ServiceError::Store(error)),
        }
    }
}

/// The authenticated caller of a request.
#[derive(Clone)]
pub(crate) struct Known(pub(crate) Caller);

impl FromRequest for Known {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            // Who asks twice is looked at once.
            if let Some(known) = request.extensions().get::<Self>() {
                return Ok(known.clone());
            }
            let state = request.app_data::<web::Data<State>>();
            let state = state.ok_or(ApiError::Unauthenticated)?;
            let known = Self(state.caller(&request).await?);
            request.extensions_mut().insert(known.clone());
            Ok(known)
        })
    }
}

/// True unless the target, `Host` or `Origin` name another place than this machine: without
/// authentication, that is all that keeps a web page (or a name that was rebound to loopback) out.
fn is_local(request: &HttpRequest) -> bool {
    let local = |name: HeaderName| {
        request
            .headers()
            .get_all(name)
            .all(|value| value.to_str().is_ok_and(names_this_machine))
    };
    // A target that is a whole address counts before `Host` (RFC 9112 section 3.2.2).
    let target = request.uri().authority();
    target.is_none_or(|target| names_this_machine(target.as_str())) && local(HOST) && local(ORIGIN)
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
