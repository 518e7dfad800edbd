//! What an error says, and whether it is about the connection.

use std::time::Duration;

use scm_providers::{Missing, Outage, ProviderError};
use scm_types::VerificationStatus;

use crate::support::at;

#[test]
fn a_missing_part_says_nothing_about_the_connection() {
    for (what, is_definite) in [
        (Missing::Repository, true),
        (Missing::Blocked, true),
        (Missing::Part, false),
    ] {
        let error = ProviderError::NotFound { what };
        assert_eq!(error.is_definite(), is_definite, "{what:?}");
    }
}

#[test]
fn every_text_says_what_to_do() {
    let errors = [
        ProviderError::TokenInvalid { hint: None },
        ProviderError::TokenExpired {
            at: Some(at("2026-01-01T00:00:00Z")),
        },
        ProviderError::InsufficientScope {
            missing: Some("api".to_owned()),
            sso_url: None,
        },
        ProviderError::InsufficientScope {
            missing: None,
            sso_url: None,
        },
        ProviderError::NotFound {
            what: Missing::Repository,
        },
        ProviderError::RateLimited {
            retry_after: Duration::from_secs(42),
        },
        ProviderError::Unavailable {
            outage: Outage::Timeout,
            retry_after: None,
            source: Some("tcp 10.0.0.1".into()),
        },
    ];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "The code host refused the credential: it is wrong or was revoked. Store a new one",
            "The credential has expired on 2026-01-01T00:00:00.000Z. Store a new one",
            "The credential may not do this; it lacks: api. Grant it, or store another credential",
            "The credential may not do this: a scope, a role or an organisation's rule is in the \
             way. Grant the rights, or store another credential",
            "The repository does not exist or cannot be seen with this credential. Check the URL \
             and the credential's access to it",
            "The code host's rate limit is used up; try again in 42 seconds",
            "The code host did not answer in time. Try again later",
        ]
    );
    assert_eq!(
        VerificationStatus::ALL.len(),
        4,
        "no status for an error that is not definite"
    );
}
