//! What a verified token says: whether it holds now and here, and what its holder may do.

use std::{collections::BTreeMap, time::Duration};

use scm_types::{Access, AccountId, Role, TenantId, Timestamp};
use serde_json::{Map, Value};

use super::JwtSettings;

/// Where a token says what: the name of a claim, or a JSON pointer (`/realm_access/roles`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtClaims {
    /// The account that acts.
    pub account: String,
    /// Its tenant.
    pub tenant: String,
    /// Its roles there, or in every tenant of a list: a word, or a list of words.
    pub role: String,
    /// Several tenants: an object from tenant to role, or a list of tenants.
    pub tenants: String,
}

impl Default for JwtClaims {
    /// `sub`, `tenant`, `role` and `tenants`.
    fn default() -> Self {
        Self {
            account: "sub".to_owned(),
            tenant: "tenant".to_owned(),
            role: "role".to_owned(),
            tenants: "tenants".to_owned(),
        }
    }
}

/// The words of an issuer for what callers may do here. Other words in a token count for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtRoles {
    /// For [`Role::Viewer`].
    pub viewer: String,
    /// For [`Role::Editor`].
    pub editor: String,
    /// For [`Role::Owner`].
    pub owner: String,
    /// For the platform. No token is the platform's unless there is such a word.
    pub platform: Option<String>,
}

impl Default for JwtRoles {
    /// `viewer`, `editor`, `owner`, and nothing for the platform.
    fn default() -> Self {
        Self {
            viewer: "viewer".to_owned(),
            editor: "editor".to_owned(),
            owner: "owner".to_owned(),
            platform: None,
        }
    }
}

/// The most tenants of a token.
const MAX_TENANTS: usize = 1_000;

/// Who a token stands for, and all that it may do.
pub(super) struct Holder {
    pub(super) account: AccountId,
    pub(super) access: Vec<Access>,
}

/// Whether the token is for us, and for now.
pub(super) fn check(
    claims: &Map<String, Value>,
    settings: &JwtSettings,
    now: Timestamp,
) -> Result<(), &'static str> {
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err("the token is of another issuer");
    }
    let ours = |audience: &Value| {
        let audience = audience.as_str();
        audience.is_some_and(|audience| settings.audience.iter().any(|own| own == audience))
    };
    let for_us = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    };
    if !for_us {
        return Err("the token is for another audience");
    }
    let end = time(claims, "exp")?.ok_or("the token has no end")?;
    if end.plus(settings.leeway) <= now {
        return Err("the token has expired");
    }
    for name in ["nbf", "iat"] {
        if time(claims, name)?.is_some_and(|begin| begin > now.plus(settings.leeway)) {
            return Err("the token is not valid yet");
        }
    }
    Ok(())
}

/// Seconds since 1970, also with a fraction.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, &'static str> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let wrong = "a time of the token is no number of seconds";
    let seconds = value
        .as_f64()
        .filter(|seconds| *seconds >= 0.0)
        .ok_or(wrong)?;
    let life = Duration::try_from_secs_f64(seconds).map_err(|_| wrong)?;
    Ok(Some(Timestamp::EPOCH.plus(life)))
}

/// Who the token stands for; fails if it may do nothing here.
pub(super) fn holder(
    claims: &Map<String, Value>,
    settings: &JwtSettings,
) -> Result<Holder, &'static str> {
    let names = &settings.claims;
    let account = find(claims, &names.account).and_then(Value::as_str);
    let account = account.and_then(|account| AccountId::parse(account).ok());
    let account = account.ok_or("the token names no account")?;
    let words = find(claims, &names.role).map(words).unwrap_or_default();
    let platform = settings.roles.platform.as_deref();
    if platform.is_some_and(|platform| words.contains(&platform)) {
        return Ok(Holder {
            account,
            access: vec![Access::Platform],
        });
    }
    let common = highest(&words, settings);
    let mut found = BTreeMap::new();
    if let (Some(tenant), Some(role)) = (find(claims, &names.tenant), common) {
        found.insert(tenant_of(tenant.as_str())?, role);
    }
    match find(claims, &names.tenants) {
        None => {}
        Some(Value::Object(each)) => {
            for (tenant, role) in each.iter().take(MAX_TENANTS) {
                if let Some(role) = highest(&self::words(role), settings) {
                    found.insert(tenant_of(Some(tenant))?, role);
                }
            }
        }
        Some(Value::Array(all)) => {
            for tenant in all.iter().take(MAX_TENANTS) {
                if let Some(role) = common {
                    found.entry(tenant_of(tenant.as_str())?).or_insert(role);
                }
            }
        }
        Some(_) => return Err("the token's tenants are neither an object nor a list"),
    }
    if found.is_empty() {
        return Err("the token names no tenant with a role that is known here");
    }
    let access = found
        .into_iter()
        .map(|(tenant, role)| Access::Tenant { tenant, role });
    Ok(Holder {
        account,
        access: access.collect(),
    })
}

fn tenant_of(raw: Option<&str>) -> Result<TenantId, &'static str> {
    let tenant = raw.and_then(|raw| TenantId::parse(raw).ok());
    tenant.ok_or("the token names a tenant that cannot be one")
}

fn find<'a>(claims: &'a Map<String, Value>, place: &str) -> Option<&'a Value> {
    let Some(path) = place.strip_prefix('/') else {
        return claims.get(place);
    };
    let mut steps = path.split('/');
    let unescaped = |step: &str| step.replace("~1", "/").replace("~0", "~");
    let mut value = claims.get(&unescaped(steps.next()?))?;
    for step in steps {
        value = value.get(unescaped(step))?;
    }
    Some(value)
}

/// A word, or a list of words.
fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(word) => vec![word],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn highest(words: &[&str], settings: &JwtSettings) -> Option<Role> {
    let JwtRoles {
        viewer,
        editor,
        owner,
        platform: _,
    } = &settings.roles;
    [
        (owner, Role::Owner),
        (editor, Role::Editor),
        (viewer, Role::Viewer),
    ]
    .into_iter()
    .find(|(word, _)| words.contains(&word.as_str()))
    .map(|(_, role)| role)
}
