//! What the account behind a credential may do with the repository, where there is an account.

use scm_types::{Permission, RepositoryInfo, TokenKind};

use super::{Bitbucket, map, quoted};
use crate::{
    ProviderError,
    context::{Client as _, Subject},
};

impl Bitbucket {
    /// A bearer without a known prefix may be an access token as well, and what belongs to no account
    /// may be refused where accounts are asked for: the repository tells whether it is good.
    pub(super) fn may_lack_an_account(&self) -> bool {
        self.0.kind == TokenKind::BitbucketOauth
    }

    /// The account's permission; access tokens have no account. Not being told is no failure.
    pub(super) async fn permission(
        &self,
        info: &RepositoryInfo,
    ) -> Result<Permission, ProviderError> {
        if self.0.kind == TokenKind::BitbucketAccessToken {
            return Ok(Permission::Unknown);
        }
        let path = [
            "user",
            "workspaces",
            &info.owner,
            "permissions",
            "repositories",
        ];
        let full_name = quoted(&format!("{}/{}", info.owner, info.name));
        let query = [("q", format!("repository.full_name={full_name}"))];
        let query = query
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let asked = async {
            let answer = self.0.get(&path, &query).await?;
            self.accept(answer, Subject::Part)?.json()
        };
        match asked.await {
            Ok(found) => Ok(map::permission(&found, info.visibility)),
            Err(
                error @ (ProviderError::TokenInvalid { .. } | ProviderError::TokenExpired { .. }),
            ) if !self.may_lack_an_account() => Err(error),
            Err(error) => {
                tracing::debug!(code = error.code(), "the permission could not be asked for");
                Ok(Permission::Unknown)
            }
        }
    }
}
