//! The recorded answers, part of the binary so that a test needs no path.

use serde_json::Value;

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../fixtures/", $name, ".json")))),*]
    };
}

const FIXTURES: &[(&str, &str)] = fixtures![
    "bitbucket/any_429",
    "bitbucket/branch_400_exists",
    "bitbucket/branch_404",
    "bitbucket/branches_200_page1",
    "bitbucket/cross_workspace_410",
    "bitbucket/datacenter_branch_409_exists",
    "bitbucket/datacenter_branch_create_200",
    "bitbucket/datacenter_branches_200_page1",
    "bitbucket/datacenter_repo_401_no_permission",
    "bitbucket/datacenter_repo_404",
    "bitbucket/datacenter_webhook_200",
    "bitbucket/hook_201",
    "bitbucket/hooks_200",
    "bitbucket/my_repo_permission_200",
    "bitbucket/repo_200",
    "bitbucket/repo_200_access_token_headers",
    "bitbucket/repo_200_empty",
    "bitbucket/repo_403_private",
    "bitbucket/repo_404",
    "bitbucket/tag_400_exists",
    "bitbucket/user_200",
    "bitbucket/user_401",
    "bitbucket/user_403_scope",
    "github/branch_404",
    "github/branches_200_page1",
    "github/create_ref_409_empty_repository",
    "github/create_ref_422_exists",
    "github/create_ref_422_object_missing",
    "github/hook_201",
    "github/hook_422_exists",
    "github/hook_deliveries_200",
    "github/hooks_200",
    "github/hooks_403_fine_grained_missing_permission",
    "github/release_201",
    "github/release_422_already_exists",
    "github/repo_200",
    "github/repo_301_renamed",
    "github/repo_403_primary_rate_limit",
    "github/repo_403_saml_sso",
    "github/repo_403_secondary_rate_limit",
    "github/repo_404",
    "github/repo_429_secondary_no_retry_after",
    "github/repo_451_dmca",
    "github/user_200_classic_pat",
    "github/user_200_fine_grained_pat_offset_expiry",
    "github/user_401_bad_credentials",
    "github/user_403_installation_token",
    "gitlab/any_429_rack_attack",
    "gitlab/branch_404",
    "gitlab/branches_200_keyset_last_empty",
    "gitlab/branches_200_keyset_page1",
    "gitlab/compare_404",
    "gitlab/hook_201",
    "gitlab/hook_422_invalid_url",
    "gitlab/hook_test_429_endpoint_limit",
    "gitlab/hooks_200",
    "gitlab/hooks_403_fine_grained",
    "gitlab/hooks_403_role",
    "gitlab/oauth_token_info_200",
    "gitlab/pat_self_200",
    "gitlab/pat_self_200_no_expiry",
    "gitlab/project_200",
    "gitlab/project_200_group_access_only",
    "gitlab/project_301_moved",
    "gitlab/project_403_insufficient_scope",
    "gitlab/project_404",
    "gitlab/release_201",
    "gitlab/release_403_protected_tag",
    "gitlab/release_409_exists",
    "gitlab/release_422_no_ref",
    "gitlab/tag_404",
    "gitlab/user_200",
    "gitlab/user_401",
    "gitlab/user_401_bad_token",
    "gitlab/user_401_token_expired",
    "gitlab/user_401_token_revoked",
];

/// A recorded answer by name, such as `github/repo_200`: `{note?, request, response}`.
///
/// # Panics
/// If there is none of that name.
#[must_use]
#[expect(clippy::panic, reason = "a test that names no fixture cannot go on")]
pub fn fixture(name: &str) -> Value {
    let Some((_, text)) = FIXTURES.iter().find(|(known, _)| *known == name) else {
        panic!("no fixture {name}");
    };
    serde_json::from_str(text).unwrap_or_else(|error| panic!("fixture {name}: {error}"))
}
