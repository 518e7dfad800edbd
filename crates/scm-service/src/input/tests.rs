use scm_types::{AccessToken, AccountId, TenantId};

use super::*;

fn dto(kind: ScmType, url: &str) -> CreateScmIntegrationDto {
    CreateScmIntegrationDto {
        access_token: Some(AccessToken::parse("token").unwrap()),
        ..CreateScmIntegrationDto::new(TenantId::parse("t").unwrap(), kind, url)
    }
}

fn parsed(dto: CreateScmIntegrationDto) -> Result<NewIntegration, Vec<String>> {
    parsed_with(dto, false)
}

fn parsed_with(dto: CreateScmIntegrationDto, app: bool) -> Result<NewIntegration, Vec<String>> {
    let creator = AccountId::parse("acc").unwrap();
    let has_app = |url: &RepoUrl| app && url.kind() == HostKind::Github;
    new_integration(dto, creator, &WebHosts::public(), has_app).map_err(|error| match error {
        ServiceError::Invalid(errors) => errors.into_iter().map(|error| error.field).collect(),
        other => panic!("{other}"),
    })
}

#[test]
fn the_columns_come_from_the_url() {
    let new = parsed(dto(ScmType::Github, "git@github.com:Octo/App.git"))
        .ok()
        .unwrap();
    assert_eq!(new.github_organization.as_deref(), Some("Octo"));
    assert_eq!(new.github_repository.as_deref(), Some("App"));
    assert_eq!(new.display_name.as_str(), "Octo/App");
    assert_eq!(new.default_branch.as_str(), "main");
    assert_eq!(
        (new.gitlab_project_id, new.bitbucket_workspace),
        (None, None)
    );

    let new = parsed(dto(ScmType::Gitlab, "https://gitlab.com/a/b/c/-/tree/x"))
        .ok()
        .unwrap();
    assert_eq!(new.gitlab_project_id.as_deref(), Some("a/b/c"));
    assert_eq!(new.gitlab_group_id.as_deref(), Some("a/b"));

    let new = parsed(dto(ScmType::Bitbucket, "https://bitbucket.org/ws/repo"))
        .ok()
        .unwrap();
    assert_eq!(new.bitbucket_workspace.as_deref(), Some("ws"));
    assert_eq!(new.bitbucket_repository.as_deref(), Some("repo"));
}

#[test]
fn given_columns_have_to_agree() {
    #[track_caller]
    fn check(kind: ScmType, set: impl FnOnce(&mut CreateScmIntegrationDto), want: &[&str]) {
        let url = match kind {
            ScmType::Github => "https://github.com/octo/app",
            ScmType::Gitlab => "https://gitlab.com/octo/app",
            ScmType::Bitbucket => "https://bitbucket.org/octo/app",
        };
        let mut dto = dto(kind, url);
        set(&mut dto);
        let fields = parsed(dto).err().unwrap_or_default();
        assert_eq!(fields, want);
    }
    let some = |text: &str| Some(text.to_owned());
    check(
        ScmType::Github,
        |dto| dto.github_organization = some("OCTO"),
        &[],
    );
    check(
        ScmType::Github,
        |dto| dto.github_organization = some("x"),
        &["githubOrganization"],
    );
    check(
        ScmType::Github,
        |dto| dto.github_repository = some("x"),
        &["githubRepository"],
    );
    check(
        ScmType::Github,
        |dto| dto.github_installation_id = some("12"),
        &[],
    );
    check(
        ScmType::Github,
        |dto| dto.github_installation_id = some("a"),
        &["githubInstallationId"],
    );
    check(
        ScmType::Github,
        |dto| dto.gitlab_project_id = some("1"),
        &["gitlabProjectId"],
    );
    check(
        ScmType::Gitlab,
        |dto| dto.gitlab_project_id = some("12"),
        &[],
    );
    check(
        ScmType::Gitlab,
        |dto| dto.gitlab_project_id = some("octo/app"),
        &[],
    );
    check(
        ScmType::Gitlab,
        |dto| dto.gitlab_project_id = some("x/y"),
        &["gitlabProjectId"],
    );
    check(
        ScmType::Gitlab,
        |dto| dto.gitlab_group_id = some("x"),
        &["gitlabGroupId"],
    );
    check(
        ScmType::Gitlab,
        |dto| dto.github_repository = some("app"),
        &["githubRepository"],
    );
    check(
        ScmType::Bitbucket,
        |dto| dto.bitbucket_workspace = some("x"),
        &["bitbucketWorkspace"],
    );
    check(
        ScmType::Bitbucket,
        |dto| dto.access_token = None,
        &["accessToken"],
    );
    check(
        ScmType::Bitbucket,
        |dto| {
            dto.bitbucket_repository = some("x");
            dto.github_organization = some("octo");
        },
        &["githubOrganization", "bitbucketRepository"],
    );
}

#[test]
fn an_installation_stands_in_for_a_token_where_there_is_an_app() {
    #[track_caller]
    fn check(app: bool, set: impl FnOnce(&mut CreateScmIntegrationDto), want: &[&str]) {
        let mut dto = dto(ScmType::Github, "https://github.com/octo/app");
        dto.access_token = None;
        dto.github_installation_id = Some("4711".to_owned());
        set(&mut dto);
        match parsed_with(dto, app) {
            Ok(new) => assert!(want.is_empty() && new.access_token.is_none()),
            Err(fields) => assert_eq!(fields, want),
        }
    }
    check(true, |_| {}, &[]);
    check(false, |_| {}, &["accessToken"]);
    check(
        true,
        |dto| dto.github_installation_id = None,
        &["accessToken"],
    );
    let word = |dto: &mut CreateScmIntegrationDto| {
        dto.github_installation_id = Some("mine".to_owned());
    };
    check(true, word, &["githubInstallationId"]);
    let refresh = scm_types::RefreshToken::parse("r").unwrap();
    check(
        true,
        |dto| dto.refresh_token = Some(refresh),
        &["refreshToken"],
    );
    let end = scm_types::Timestamp::LATEST;
    check(
        true,
        |dto| dto.token_expires_at = Some(end),
        &["tokenExpiresAt"],
    );
}

#[test]
fn a_path_that_no_column_holds_is_the_urls_fault() {
    let url = format!("https://github.com/{}/app", "x".repeat(256));
    assert_eq!(
        parsed(dto(ScmType::Github, &url)).err().unwrap(),
        ["repositoryUrl"]
    );
}

#[test]
fn a_url_of_another_kind_is_refused() {
    let fields = parsed(dto(ScmType::Gitlab, "https://github.com/octo/app"))
        .err()
        .unwrap();
    assert_eq!(fields, ["repositoryUrl"]);
}
