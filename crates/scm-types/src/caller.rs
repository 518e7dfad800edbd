//! Who asks, and what of the data belongs to them.
//!
//! - Every operation takes a [`Caller`]; every query takes the [`TenantScope`] that comes out of it.
//! - The tenant comes from the credential; what a request says can only narrow it.

use std::{fmt, str::FromStr};

use crate::{AccountId, Actor, InvalidEnum, RequestId, TenantId, Who};

/// What a member of a tenant may do; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May read rows, branches, tags, comparisons, URLs and deliveries.
    Viewer,
    /// May also make branches, tags, notes and releases.
    Editor,
    /// May also create, change, delete and verify integrations and their webhooks.
    Owner,
}

impl Role {
    /// The word used in configuration and error texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidEnum;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        [Self::Viewer, Self::Editor, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == raw)
            .ok_or(InvalidEnum {
                expected: &["viewer", "editor", "owner"],
            })
    }
}

/// How far a caller reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The platform itself: everything, for every tenant.
    Platform,
    /// A member of one tenant.
    Tenant {
        /// The tenant.
        tenant: TenantId,
        /// What the member may do there.
        role: Role,
    },
}

impl Access {
    /// The word for it in answers and settings: a role, or `platform`.
    #[must_use]
    pub fn role_name(&self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Tenant { role, .. } => role.as_str(),
        }
    }

    /// The tenant, unless it is the platform's.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Platform => None,
            Self::Tenant { tenant, .. } => Some(tenant),
        }
    }

    /// Puts together what [`Self::role_name`] and [`Self::tenant`] take apart; `None` if the two do
    /// not go together.
    #[must_use]
    pub fn of(role: &str, tenant: Option<TenantId>) -> Option<Self> {
        match (role, tenant) {
            ("platform", None) => Some(Self::Platform),
            (role, Some(tenant)) => Some(Self::Tenant {
                tenant,
                role: role.parse().ok()?,
            }),
            (_, None) => None,
        }
    }
}

/// Who makes a request, as its credential (or the embedding host) says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account that acts; stored as `createdByAccountId`.
    pub account: AccountId,
    /// How far it reaches.
    pub access: Access,
    /// The request that it makes, if it has an id: noted in the audit log.
    pub request_id: Option<RequestId>,
}

impl Caller {
    /// A caller outside of any request.
    #[must_use]
    pub fn new(account: AccountId, access: Access) -> Self {
        Self {
            account,
            access,
            request_id: None,
        }
    }

    /// Whoever it is that changes something.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor {
            scope: self.scope(),
            who: match self.access {
                Access::Platform => Who::Platform(self.account.clone()),
                Access::Tenant { .. } => Who::Member(self.account.clone()),
            },
            request_id: self.request_id.clone(),
        }
    }

    /// The part of the data that this caller sees.
    #[must_use]
    pub fn scope(&self) -> TenantScope {
        match &self.access {
            Access::Platform => TenantScope::Platform,
            Access::Tenant { tenant, .. } => TenantScope::Tenant(tenant.clone()),
        }
    }

    /// True if the caller has at least `role` wherever it reaches.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        match &self.access {
            Access::Platform => true,
            Access::Tenant { role: held, .. } => *held >= role,
        }
    }

    /// True for the platform itself.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.access == Access::Platform
    }
}

/// The part of the data a query may touch. Every lookup of the store starts from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantScope {
    /// Rows of one tenant.
    Tenant(TenantId),
    /// Rows of every tenant.
    Platform,
}

impl TenantScope {
    /// True if rows of `tenant` are inside.
    #[must_use]
    pub fn contains(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Platform => true,
            Self::Tenant(own) => own == tenant,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_include_the_ones_before() {
        let tenant = TenantId::parse("t1").unwrap();
        let caller = |role| {
            let tenant = tenant.clone();
            let account = AccountId::parse("a").unwrap();
            Caller::new(account, Access::Tenant { tenant, role })
        };
        assert!(caller(Role::Owner).may(Role::Viewer));
        assert!(caller(Role::Editor).may(Role::Editor));
        assert!(!caller(Role::Editor).may(Role::Owner));
        assert!(!caller(Role::Viewer).may(Role::Editor));
    }

    #[test]
    fn access_is_read_back() {
        let tenant = || TenantId::parse("t1").unwrap();
        for (role, tenant, good) in [
            ("platform", None, true),
            ("viewer", Some(tenant()), true),
            ("owner", Some(tenant()), true),
            ("owner", None, false),
            ("platform", Some(tenant()), false),
            ("root", Some(tenant()), false),
        ] {
            let access = Access::of(role, tenant.clone());
            assert_eq!(access.is_some(), good, "{role} {tenant:?}");
            if let Some(access) = access {
                assert_eq!(
                    (access.role_name(), access.tenant()),
                    (role, tenant.as_ref())
                );
            }
        }
    }

    #[test]
    fn a_tenant_contains_itself_only() {
        let (own, other) = (
            TenantId::parse("t1").unwrap(),
            TenantId::parse("T1").unwrap(),
        );
        let scope = TenantScope::Tenant(own.clone());
        assert!(scope.contains(&own));
        assert!(!scope.contains(&other));
        assert!(TenantScope::Platform.contains(&other));
    }
}
