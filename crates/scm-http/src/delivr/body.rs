//! What the panel sends, field by field; unknown ones are refused by name.

use scm_service::{ServiceError, Services};
use scm_types::{
    AccessToken, BranchName, DisplayName, Patch, SafeScmIntegration, ScmType, TenantId,
    VerificationStatus,
};

use super::{At, PanelKey};
use crate::{ApiError, Fields};

/// The fields of a body, typed.
pub(super) struct Given {
    repository: Named,
    pub(super) token: Option<AccessToken>,
    pub(super) display_name: Option<DisplayName>,
    pub(super) default_branch: Option<BranchName>,
    pub(super) webhook: Option<bool>,
    pub(super) is_active: Option<bool>,
    pub(super) integration_id: Option<String>,
}

/// How a body names the repository.
struct Named {
    owner: Option<String>,
    repo: Option<String>,
    url: Option<String>,
}

/// What a body has to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Repository and credential.
    All,
    /// Nothing; the rest stays as it is.
    Nothing,
}

/// Kept by the service itself; the panel sends none of them.
const OURS: [(&str, &str); 3] = [
    ("webhookSecret", "is made and kept here; leave it out"),
    ("webhookUrl", "is the address of this service; leave it out"),
    (
        "senderLogin",
        "is not kept: a delivery is known by its signature; leave it out",
    ),
];

impl Given {
    /// Reads a body. What it says of tenant and product must be what the path says.
    pub(super) fn read(
        mut body: Fields,
        at: &At,
        needs: Needs,
        key: Option<&PanelKey>,
    ) -> Result<Self, ApiError> {
        let kind = at.kind()?;
        let tenant = body.text("tenantId", TenantId::parse);
        if tenant.is_some_and(|tenant| tenant != at.tenant) {
            body.refuse(
                "tenantId",
                "must be the tenant of the path; it cannot be changed",
            );
        }
        let product = body.text("scmType", |raw| raw.parse::<ScmType>());
        if product.is_some_and(|product| product != kind) {
            body.refuse("scmType", format!("must be {kind}, as the path says"));
        }
        // What the panel believes; what the host says counts.
        body.text("status", |raw| raw.parse::<VerificationStatus>());
        let repository = Named::read(&mut body, needs);
        let encrypted = body.boolean("_encrypted").unwrap_or_default();
        let parse = |raw: String| token(&raw, encrypted, key);
        let token = match needs {
            Needs::All => body.required_text("accessToken", parse),
            Needs::Nothing => body.text("accessToken", parse),
        };
        let display_name = body.text("displayName", |raw| DisplayName::parse(&raw));
        let default_branch = branch(&mut body);
        for (field, why) in OURS {
            if !body.is_missing(field) {
                body.refuse(field, why);
            }
            body.text(field, Ok::<_, String>);
        }
        let webhook = body.boolean("webhookEnabled");
        let is_active = match body.bool_patch("isActive") {
            Patch::Value(false) if needs == Needs::All => {
                body.refuse("isActive", "must be true: what is connected is active");
                None
            }
            Patch::Value(active) => Some(active),
            Patch::Null | Patch::Absent => None,
        };
        let integration_id = body.text("integrationId", Ok::<_, String>);
        body.finish(crate::routes::IMMUTABLE)?;
        Ok(Self {
            repository,
            token,
            display_name,
            default_branch,
            webhook,
            is_active,
            integration_id,
        })
    }

    /// The repository that is named beside a row, if it is not the row's own; without a row, the one
    /// that is named.
    pub(super) fn repository(
        &self,
        services: &Services,
        kind: ScmType,
        row: Option<&SafeScmIntegration>,
    ) -> Result<Option<String>, ApiError> {
        let Named { owner, repo, url } = &self.repository;
        let own = row.and_then(|row| services.owner_and_name(&row.repository_url));
        let same = |given: &Option<String>, own: &str| {
            given
                .as_ref()
                .is_none_or(|given| given.eq_ignore_ascii_case(own))
        };
        if let Some(url) = url {
            let named = services.owner_and_name(url);
            if named.is_some_and(|(of, name)| !(same(owner, &of) && same(repo, &name))) {
                let text = "names another repository than owner and repo";
                return Err(ServiceError::invalid("repositoryUrl", text).into());
            }
            let known =
                row.is_some_and(|row| services.is_same_repository(url, &row.repository_url));
            return Ok((!known).then(|| url.clone()));
        }
        if let Some((of, name)) = &own
            && same(owner, of)
            && same(repo, name)
        {
            return Ok(None);
        }
        let (of, name) = own.unwrap_or_default();
        let owner = owner.clone().unwrap_or(of);
        let repo = repo.clone().unwrap_or(name);
        if row.is_some() && self.repository.is_silent() {
            return Ok(None);
        }
        Ok(Some(services.named_repository(kind, &owner, &repo)?))
    }
}

impl Named {
    fn read(body: &mut Fields, needs: Needs) -> Self {
        let by_url = !body.is_missing("repositoryUrl");
        let url = body.text("repositoryUrl", Ok::<_, String>);
        let url = url.filter(|_| by_url);
        let name = |raw: String| match raw.trim() {
            "" => Err("must not be empty"),
            name => Ok(name.to_owned()),
        };
        let mut field = |field| match needs {
            Needs::All if !by_url => body.required_text(field, name),
            _ => body.text(field, name),
        };
        Self {
            owner: field("owner"),
            repo: field("repo"),
            url,
        }
    }

    fn is_silent(&self) -> bool {
        self.owner.is_none() && self.repo.is_none() && self.url.is_none()
    }
}

/// The credential: as it is, or as the panel has encrypted it.
fn token(raw: &str, encrypted: bool, key: Option<&PanelKey>) -> Result<AccessToken, String> {
    let raw = raw.trim();
    if raw.is_empty() || !encrypted {
        return AccessToken::parse(raw).map_err(|error| error.to_string());
    }
    let Some(key) = key else {
        return Err(
            "says that it is encrypted, and no key of the panel is set here (delivr.panel_key)"
                .to_owned(),
        );
    };
    let opened = key.open(raw).map_err(|error| error.to_string())?;
    AccessToken::parse(opened).map_err(|error| error.to_string())
}

/// The branch that work starts from, under either of its names.
fn branch(body: &mut Fields) -> Option<BranchName> {
    let parse = |raw: String| BranchName::parse(&raw);
    let (one, other) = (
        body.text("defaultBranch", parse),
        body.text("branch", parse),
    );
    if one.is_some() && other.is_some() && one != other {
        body.refuse("branch", "must be defaultBranch, or left out");
    }
    one.or(other)
}
