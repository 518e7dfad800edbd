//! Ready-made hosts on which a full check of the standard repository is good.

use serde_json::{Value, json};

use super::{CodeHost, Reply};

/// The commit that every branch of the standard repositories points at.
pub const SHA: &str = "7b5c3cc8be40ee161ae89a06bba6229da1032a0c";

/// The product that a ready-made host plays, with its standard repository and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// `octo/app` on an Enterprise Server, read with a classic token of all scopes.
    Github,
    /// `group/sub/app`, read with a maintainer's personal access token.
    Gitlab,
    /// `ws/app`, read with an administrator's API token.
    Bitbucket,
}

impl Standard {
    /// Every product.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Bitbucket];

    /// The path of the standard repository.
    #[must_use]
    pub fn repository(self) -> &'static str {
        match self {
            Self::Github => "octo/app",
            Self::Gitlab => "group/sub/app",
            Self::Bitbucket => "ws/app",
        }
    }

    /// A credential that the standard host takes; it takes any other, too.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Github => "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            Self::Gitlab => "glpat-0123456789abcdefghij",
            Self::Bitbucket => "dev@example.com:ATATT3xFfGF0123456789",
        }
    }

    /// Where the API is below the host.
    #[must_use]
    pub fn api_prefix(self) -> &'static str {
        match self {
            Self::Github => "/api/v3",
            Self::Gitlab => "/api/v4",
            Self::Bitbucket => "/2.0",
        }
    }

    /// The route of the call that tells whose the credential is.
    #[must_use]
    pub fn user_route(self) -> &'static str {
        "/user"
    }

    /// The route of the standard repository.
    #[must_use]
    pub fn repository_route(self) -> &'static str {
        match self {
            Self::Github => "/repos/octo/app",
            Self::Gitlab => "/projects/group%2Fsub%2Fapp",
            Self::Bitbucket => "/repositories/ws/app",
        }
    }

    /// The route of the standard repository's webhooks.
    #[must_use]
    pub fn hooks_route(self) -> &'static str {
        match self {
            Self::Github => "/repos/octo/app/hooks",
            Self::Gitlab => "/projects/4/hooks",
            Self::Bitbucket => "/repositories/ws/app/hooks",
        }
    }

    /// The route of the standard repository's branches.
    #[must_use]
    pub fn branches_route(self) -> &'static str {
        match self {
            Self::Github => "/repos/octo/app/branches",
            Self::Gitlab => "/projects/4/repository/branches",
            Self::Bitbucket => "/repositories/ws/app/refs/branches",
        }
    }
}

impl CodeHost {
    /// A ready-made host of a product.
    ///
    /// # Panics
    /// If the machine has no loopback port left.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its host")]
    pub async fn of(standard: Standard) -> Self {
        let host = Self::with_standard(Some(standard))
            .await
            .expect("a loopback port");
        for (path, reply) in host.happy(standard) {
            host.on("GET", path, reply);
        }
        host
    }

    /// An Enterprise Server with `octo/app`.
    pub async fn github() -> Self {
        Self::of(Standard::Github).await
    }

    /// A self-managed GitLab with `group/sub/app`, project 4.
    pub async fn gitlab() -> Self {
        Self::of(Standard::Gitlab).await
    }

    /// A Bitbucket Cloud with `ws/app`.
    pub async fn bitbucket() -> Self {
        Self::of(Standard::Bitbucket).await
    }

    /// The answer that describes the standard repository, to be changed with [`Reply::with`].
    #[must_use]
    pub fn repository_reply(&self) -> Reply {
        self.named(self.standard().map_or("", Standard::repository))
    }

    /// The same answer for a repository of another path.
    #[must_use]
    pub fn named(&self, path: &str) -> Reply {
        let (owner, name) = path.rsplit_once('/').unwrap_or(("", path));
        let web = self.repository_url(path);
        match self.standard() {
            Some(Standard::Github) => Reply::fixture("github/repo_200").with(&json!({
                "name": name,
                "full_name": path,
                "html_url": web,
                "default_branch": "main",
            })),
            Some(Standard::Gitlab) => Reply::fixture("gitlab/project_200").with(&json!({
                "path": name,
                "path_with_namespace": path,
                "web_url": web,
            })),
            Some(Standard::Bitbucket) => Reply::fixture("bitbucket/repo_200").with(&json!({
                "slug": name,
                "full_name": path,
                "workspace": {"type": "workspace", "slug": owner},
                "links": {"html": {"href": web}},
            })),
            None => Reply::json(200, &json!({"full_name": path})),
        }
    }

    fn happy(&self, standard: Standard) -> Vec<(&'static str, Reply)> {
        let repository = self.repository_reply();
        let branch = |name: &str, key: &str| branch(name, key);
        match standard {
            Standard::Github => vec![
                ("/user", Reply::fixture("github/user_200_classic_pat")),
                (standard.repository_route(), repository),
                (standard.hooks_route(), Reply::fixture("github/hooks_200")),
                (
                    standard.branches_route(),
                    Reply::json(
                        200,
                        &json!([branch("main", "sha"), branch("feature/login", "sha")]),
                    ),
                ),
            ],
            Standard::Gitlab => vec![
                ("/user", Reply::fixture("gitlab/user_200")),
                (
                    "/personal_access_tokens/self",
                    Reply::fixture("gitlab/pat_self_200"),
                ),
                (standard.repository_route(), repository.clone()),
                ("/projects/4", repository),
                (standard.hooks_route(), Reply::fixture("gitlab/hooks_200")),
                (
                    standard.branches_route(),
                    Reply::json(
                        200,
                        &json!([branch("main", "id"), branch("feature/login", "id")]),
                    ),
                ),
            ],
            Standard::Bitbucket => vec![
                ("/user", Reply::fixture("bitbucket/user_200")),
                (standard.repository_route(), repository),
                (
                    "/user/workspaces/ws/permissions/repositories",
                    Reply::fixture("bitbucket/my_repo_permission_200"),
                ),
                (
                    standard.hooks_route(),
                    Reply::fixture("bitbucket/hooks_200"),
                ),
                (
                    standard.branches_route(),
                    Reply::json(
                        200,
                        &json!({
                            "pagelen": 100,
                            "values": [
                                {"type": "branch", "name": "main", "target": {"hash": SHA}},
                                {"type": "branch", "name": "feature/login", "target": {"hash": SHA}},
                            ],
                        }),
                    ),
                ),
            ],
        }
    }
}

fn branch(name: &str, key: &str) -> Value {
    json!({
        "name": name,
        "protected": name == "main",
        "default": name == "main",
        "commit": {key: SHA},
    })
}
