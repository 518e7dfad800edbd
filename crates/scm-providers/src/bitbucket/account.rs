//! The account behind a credential, where there is one, and its permission on the repository.

use scm_types::{Permission, RepositoryInfo, TokenKind};

use super::{Bitbucket, map, quoted, token};
use crate::{Identity, ProviderError, context::Subject};

impl Bitbucket {
    /// An access token has no account to ask for: nothing is asked, the repository tells.
    pub(super) async fn identity(&self) -> Result<Identity, ProviderError> {
        if self.0.kind == TokenKind::BitbucketAccessToken {
            return Ok(Identity {
                token: token::report(self.0.kind, None),
                account: None,
            });
        }
        let answer = self.0.get(&["user"], &[]).await?;
        let token = token::report(self.0.kind, Some(&answer));
        match self.accept(answer, Subject::Account) {
            Ok(answer) => Ok(Identity {
                account: Some(map::account(&answer.json()?)),
                token,
            }),
            // Reading the account is a scope of its own that nothing else needs.
            Err(ProviderError::InsufficientScope { .. }) => Ok(Identity {
                account: None,
                token,
            }),
            Err(ProviderError::TokenInvalid { .. } | ProviderError::TokenExpired { .. })
                if self.may_lack_an_account() =>
            {
                Ok(Identity {
                    account: None,
                    token,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// A bearer without a known prefix may be an access token as well, and what belongs to no account
    /// may be refused where accounts are asked for: the repository tells whether it is good.
    fn may_lack_an_account(&self) -> bool {
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
