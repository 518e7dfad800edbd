//! From a row as text to an integration, or to what is wrong with it.

use std::{fmt::Display, str::FromStr};

use scm_store::{
    OldState, TakeOver,
    delivr::{OldRow, PassPhrase, Shape, open},
};
use scm_types::{
    AccessToken, AccountId, BranchName, CreateScmIntegrationDto, DisplayName, IntegrationId,
    RefreshToken, RepoUrl, ScmType, TenantId, Timestamp, VerificationStatus, WebHosts,
    WebhookSecret,
};

use crate::{FieldError, ServiceError, input};

/// Columns of the later shape, and what the same is called elsewhere.
const LATER: [(&str, &str); 6] = [
    ("githubOrganization", "owner"),
    ("gitlabGroupId", "owner"),
    ("bitbucketWorkspace", "owner"),
    ("githubRepository", "repo"),
    ("gitlabProjectId", "repo"),
    ("bitbucketRepository", "repo"),
];

/// The name that a field has in the later shape, if that is another one.
pub(super) fn later_name(field: &str) -> Option<&'static str> {
    let names = LATER.iter().find(|(ours, _)| *ours == field);
    names.map(|(_, theirs)| *theirs)
}

/// Columns that hold something for which there is no place here.
pub(super) fn left(row: &OldRow) -> Vec<&'static str> {
    let empty = |column: &str, text: &str| {
        text.is_empty() || (column == "providerConfig" && ["{}", "null", "[]"].contains(&text))
    };
    let holds = |column: &&'static str| match row.get(column) {
        Ok(text) => text.is_some_and(|text| !empty(column, text)),
        Err(_) => true,
    };
    ["senderLogin", "providerConfig"]
        .into_iter()
        .filter(holds)
        .collect()
}

/// What a row is judged by.
pub(super) struct Here<'a> {
    /// Where repositories may be.
    pub(super) hosts: &'a WebHosts,
    /// Whether there is an App for a repository.
    pub(super) has_app: &'a dyn Fn(&RepoUrl) -> bool,
    /// For a row that does not say when it was made.
    pub(super) now: Timestamp,
}

/// The columns of a row, and what is wrong with those that were read.
struct Columns<'a> {
    row: &'a OldRow,
    pass_phrase: Option<&'a PassPhrase>,
    faults: Vec<FieldError>,
}

impl Columns<'_> {
    fn fault(&mut self, column: &str, why: impl Display) {
        self.faults.push(FieldError::new(column, why));
    }

    /// What a column holds; an empty text is nothing.
    fn text(&mut self, column: &'static str) -> Option<String> {
        match self.row.get(column) {
            Ok(text) => text.filter(|text| !text.is_empty()).map(str::to_owned),
            Err(error) => {
                self.fault(column, error);
                None
            }
        }
    }

    fn parsed<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = parse(&self.text(column)?);
        parsed.map_err(|error| self.fault(column, error)).ok()
    }

    /// The same for a column that has to hold something.
    fn required<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self
            .row
            .get(column)
            .is_ok_and(|text| text.is_none_or(str::is_empty))
        {
            self.fault(column, "is empty");
        }
        self.parsed(column, parse)
    }

    fn word<T: FromStr>(&mut self, column: &'static str, or: T) -> T {
        let word = |text: &str| text.parse().map_err(|_| "is no word that is known there");
        self.parsed(column, word).unwrap_or(or)
    }

    fn time(&mut self, column: &'static str) -> Option<Timestamp> {
        self.parsed(column, time)
    }

    fn secret<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        // Not `text`: that would copy it.
        let stored = match self.row.get(column) {
            Ok(stored) => stored.filter(|stored| !stored.is_empty())?,
            Err(error) => {
                self.fault(column, error);
                return None;
            }
        };
        match open(stored, self.pass_phrase) {
            Ok(secret) => parse(&secret)
                .map_err(|error| self.fault(column, error))
                .ok(),
            Err(error) => {
                self.fault(column, error);
                None
            }
        }
    }
}

/// Judges a row. Fails with everything that is wrong with it.
pub(super) fn read(
    row: &OldRow,
    shape: Shape,
    pass_phrase: Option<&PassPhrase>,
    here: &Here<'_>,
) -> Result<TakeOver, Vec<FieldError>> {
    let mut columns = Columns {
        row,
        pass_phrase,
        faults: Vec::new(),
    };
    let of = &mut columns;
    let id = of.required("id", |text| IntegrationId::parse(text));
    let creator = of.required("createdByAccountId", |text| AccountId::parse(text));
    let dto = creation(of, shape);
    let state = state(of, here.now);
    let (Some(id), Some(creator), Some(dto)) = (id, creator, dto) else {
        return Err(columns.faults);
    };
    match input::new_integration(dto, creator, here.hosts, here.has_app) {
        Ok(integration) if columns.faults.is_empty() => Ok(TakeOver {
            id,
            integration,
            state,
        }),
        Ok(_) => Err(columns.faults),
        Err(ServiceError::Invalid(more)) => {
            columns.faults.extend(more);
            Err(columns.faults)
        }
        Err(error) => {
            columns.fault("repositoryUrl", error);
            Err(columns.faults)
        }
    }
}

/// What a request to create it would say; `None` if it cannot even be said.
fn creation(of: &mut Columns<'_>, shape: Shape) -> Option<CreateScmIntegrationDto> {
    let tenant = of.required("tenantId", |text| TenantId::parse(text));
    let scm_type: ScmType = of.word("scmType", ScmType::Github);
    let url = of.required("repositoryUrl", |text| Ok::<_, &str>(text.to_owned()));
    let access_token = of.secret("accessToken", |text| AccessToken::parse(text));
    let refresh_token = of.secret("refreshToken", |text| RefreshToken::parse(text));
    let mut dto = CreateScmIntegrationDto {
        display_name: of.parsed("displayName", DisplayName::parse),
        default_branch: of.parsed("defaultBranch", BranchName::parse),
        access_token,
        refresh_token,
        token_expires_at: of.time("tokenExpiresAt"),
        github_installation_id: of.text("githubInstallationId"),
        ..CreateScmIntegrationDto::new(tenant?, scm_type, url?)
    };
    let names = match shape {
        Shape::Original => [
            of.text("githubOrganization"),
            of.text("githubRepository"),
            of.text("gitlabGroupId"),
            of.text("gitlabProjectId"),
            of.text("bitbucketWorkspace"),
            of.text("bitbucketRepository"),
        ],
        Shape::Later => later_names(scm_type, of.text("owner"), of.text("repo")),
    };
    [
        dto.github_organization,
        dto.github_repository,
        dto.gitlab_group_id,
        dto.gitlab_project_id,
        dto.bitbucket_workspace,
        dto.bitbucket_repository,
    ] = names;
    let empty = of
        .row
        .get("accessToken")
        .is_ok_and(|text| text.is_none_or(str::is_empty));
    if empty && dto.github_installation_id.is_none() {
        of.fault("accessToken", "is empty");
        return None;
    }
    // What is wrong with the token was said; the rest is judged as if it were there.
    if dto.access_token.is_none() && !empty {
        dto.access_token = AccessToken::parse("unreadable").ok();
    }
    Some(dto)
}

/// `owner` and `repo` in the terms of a provider: organisation, repository, group, project, workspace,
/// repository.
fn later_names(
    scm_type: ScmType,
    owner: Option<String>,
    repo: Option<String>,
) -> [Option<String>; 6] {
    match scm_type {
        ScmType::Github => [owner, repo, None, None, None, None],
        ScmType::Gitlab => {
            let project = match (&owner, repo) {
                (Some(owner), Some(repo)) => Some(format!("{owner}/{repo}")),
                (_, repo) => repo,
            };
            [None, None, owner, project, None, None]
        }
        ScmType::Bitbucket => [None, None, None, None, owner, repo],
    }
}

fn state(of: &mut Columns<'_>, now: Timestamp) -> OldState {
    let created_at = of.time("createdAt").unwrap_or(now);
    OldState {
        is_active: of.parsed("isActive", flag).unwrap_or(true),
        verification_status: of.word("verificationStatus", VerificationStatus::Pending),
        last_verified_at: of.time("lastVerifiedAt"),
        verification_error: of.text("verificationError"),
        webhook_id: of.text("webhookId"),
        webhook_url: of.text("webhookUrl"),
        webhook_secret: of.secret("webhookSecret", |text| WebhookSecret::parse(text)),
        created_at,
        updated_at: of.time("updatedAt").unwrap_or(created_at),
    }
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "true" | "t" => Ok(true),
        "0" | "false" | "f" => Ok(false),
        _ => Err("is neither true nor false"),
    }
}

/// A time as one of the databases, or Sequelize, writes it: UTC if it does not say otherwise.
pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    let invalid = "is no time";
    let (date, rest) = text.split_at_checked(10).ok_or(invalid)?;
    let rest = rest.strip_prefix(['T', ' ']).unwrap_or(rest);
    let offset_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, offset) = rest.split_at(offset_at);
    let offset = offset.trim_start();
    let offset = match offset.len() {
        0 => "Z".to_owned(),
        // PostgreSQL leaves out minutes that are none.
        3 => format!("{offset}:00"),
        _ => offset.to_owned(),
    };
    let clock = if clock.is_empty() { "00:00:00" } else { clock };
    Timestamp::parse(&format!("{date}T{clock}{offset}")).map_err(|_| invalid)
}
