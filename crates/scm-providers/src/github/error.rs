//! GitHub's refusals. Rate limits are told first (by [`limit`], in the transport), then single
//! sign-on, then permissions: all three come as 403 ("Troubleshooting the REST API").

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use octocrab::GitHubError;
use scm_types::{ScmType, Timestamp};

use crate::{
    Missing, Outage, ProviderError,
    context::{Context, Subject, foreign_token, not_found},
    rate_limit::{Limit, until_epoch},
    transport::{Answer, parse_retry_after},
};

/// First pause after a secondary limit that names no time ("Rate limits for the REST API").
const SECONDARY: Duration = Duration::from_mins(1);

/// The signs of a rate limit.
pub(super) fn limit(answer: &Answer, now: Timestamp) -> Limit {
    if answer.status.as_u16() == 401 {
        return Limit::Clear; // counted against nobody's limit, not this credential's
    }
    let refused = matches!(answer.status.as_u16(), 403 | 429);
    let spent = answer.number("x-ratelimit-remaining") == Some(0);
    let reset = answer
        .number("x-ratelimit-reset")
        .and_then(|seconds| until_epoch(seconds, now));
    let retry_after = answer
        .header("retry-after")
        .and_then(|value| parse_retry_after(value, now));
    if !refused {
        // Another resource's last call leaves room for ours.
        let core = answer
            .header("x-ratelimit-resource")
            .is_none_or(|resource| resource == "core");
        return match reset {
            Some(until) if spent && core && until > now => Limit::Exhausted { until },
            _ => Limit::Clear,
        };
    }
    let reset_wait = reset.filter(|_| spent).map(|until| now.until(until));
    match retry_after.max(reset_wait) {
        Some(wait) => Limit::Refused { wait },
        None if spent || answer.status.as_u16() == 429 || names_a_limit(answer) => {
            Limit::RefusedGrowing { first: SECONDARY }
        }
        None => Limit::Clear,
    }
}

/// The text is no contract, so it is only asked where no header tells.
fn names_a_limit(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(4096)]).to_lowercase();
    text.contains("secondary rate limit")
        || text.contains("secondary-rate-limits")
        || text.contains("abuse detection")
        || text.contains("api rate limit exceeded")
        // After many refused credentials from one address, good ones are refused for a while, too.
        || text.contains("maximum number of login attempts exceeded")
}

/// A 401 counted against the limit of nobody: now and then also good tokens get it.
pub(super) fn doubtful(answer: &Answer) -> bool {
    answer.status.as_u16() == 401 && answer.number("x-ratelimit-limit") == Some(60)
}

/// The answer if it is a success, else what its refusal means.
pub(super) async fn accept(
    context: &Context,
    token: &str,
    answer: Answer,
    subject: Subject,
) -> Result<Answer, ProviderError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    answer.refusal()?;
    let error = github_error(&answer).await;
    Err(match answer.status.as_u16() {
        401 => context.refused(foreign_token(token, ScmType::Github)),
        403 => forbidden(context, &answer),
        404 => not_found(subject),
        451 => ProviderError::NotFound {
            what: Missing::Blocked,
        },
        409 => ProviderError::outage(Outage::Status(409)),
        422 if error.is_some_and(|error| already_exists(&error)) => ProviderError::Conflict,
        status => ProviderError::BadRequest { status },
    })
}

fn forbidden(context: &Context, answer: &Answer) -> ProviderError {
    let sso_url = answer
        .header("x-github-sso")
        .and_then(|value| sso_url(value, context.repository.host().base_url()));
    let missing = answer
        .header("x-accepted-github-permissions")
        .or_else(|| missing_scopes(answer))
        .and_then(|value| context.session.fact(value));
    ProviderError::InsufficientScope { missing, sso_url }
}

/// The scopes that would do, if the token has none of them; else something other is in the way.
fn missing_scopes(answer: &Answer) -> Option<&str> {
    let split = |list: &str| {
        list.split(',')
            .map(|scope| scope.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let accepted = answer.header("x-accepted-oauth-scopes")?;
    let granted = split(answer.header("x-oauth-scopes")?);
    (!split(accepted).iter().any(|scope| granted.contains(scope))).then_some(accepted)
}

/// The page of `required; url=…`, if it lies on the repository's own host.
fn sso_url(header: &str, base: &str) -> Option<String> {
    let url = header
        .strip_prefix("required;")?
        .trim()
        .strip_prefix("url=")?;
    let path = url.strip_prefix(base)?.strip_prefix('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/?=&%".contains(&byte);
    (url.len() <= 500 && path.bytes().all(plain)).then(|| url.to_owned())
}

/// The error as octocrab reads it; `None` if it cannot.
async fn github_error(answer: &Answer) -> Option<Box<GitHubError>> {
    let body = Full::<Bytes>::new(answer.body.clone());
    let mut response = http::Response::new(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = answer.status;
    match octocrab::map_github_error(response).await {
        Err(octocrab::Error::GitHub { source, .. }) => Some(source),
        _ => None,
    }
}

fn already_exists(error: &GitHubError) -> bool {
    let coded = error
        .errors
        .iter()
        .flatten()
        .any(|error| error["code"] == "already_exists");
    let said = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("already exists") || text.contains("already_exists")
    };
    let texts = error.errors.iter().flatten();
    coded
        || said(&error.message)
        || texts
            .filter_map(|error| error["message"].as_str().or(error.as_str()))
            .any(said)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect::<HeaderMap>(),
            body: body.to_owned().into(),
            moved: false,
        }
    }

    #[test]
    fn limits() {
        #[track_caller]
        fn check(status: u16, headers: &[(&str, &str)], body: &str, want: Limit) {
            let now = Timestamp::parse("2026-10-30T16:00:00Z").unwrap(); // 1793376000
            assert_eq!(limit(&answer(status, headers, body), now), want);
        }
        let growing = Limit::RefusedGrowing { first: SECONDARY };
        let wait = |seconds| Limit::Refused {
            wait: Duration::from_secs(seconds),
        };
        let spent = ("x-ratelimit-remaining", "0");
        let reset = ("x-ratelimit-reset", "1793376100");
        check(
            200,
            &[("x-ratelimit-remaining", "7"), reset],
            "",
            Limit::Clear,
        );
        let until = Timestamp::parse("2026-10-30T16:01:41Z").unwrap();
        check(200, &[spent, reset], "", Limit::Exhausted { until });
        check(
            200,
            &[spent, reset, ("x-ratelimit-resource", "search")],
            "",
            Limit::Clear,
        );
        check(200, &[spent, ("x-ratelimit-reset", "1")], "", Limit::Clear);
        check(403, &[spent, reset], "", wait(101));
        let other = ("x-ratelimit-resource", "graphql");
        check(403, &[spent, reset, other], "", wait(101));
        check(403, &[spent], "", growing);
        check(403, &[spent, other], "", growing);
        check(
            403,
            &[("x-ratelimit-remaining", "9")],
            r#"{"message":"Maximum number of login attempts exceeded. Please try again later."}"#,
            growing,
        );
        check(429, &[("retry-after", "30")], "", wait(30));
        check(403, &[("retry-after", "300"), spent, reset], "", wait(300));
        check(
            403,
            &[],
            "You have exceeded a secondary rate limit.",
            growing,
        );
        check(429, &[], "", growing);
        check(
            403,
            &[("x-ratelimit-remaining", "9")],
            "Forbidden",
            Limit::Clear,
        );
        check(404, &[], "secondary rate limit", Limit::Clear);
        check(401, &[spent, reset], "", Limit::Clear);
    }

    #[test]
    fn scopes_that_would_do() {
        #[track_caller]
        fn check(accepted: &str, granted: &str, want: Option<&str>) {
            let headers = [
                ("x-accepted-oauth-scopes", accepted),
                ("x-oauth-scopes", granted),
            ];
            assert_eq!(missing_scopes(&answer(403, &headers, "")), want);
        }
        check(
            "repo, admin:repo_hook",
            "gist",
            Some("repo, admin:repo_hook"),
        );
        check("repo, admin:repo_hook", "", Some("repo, admin:repo_hook"));
        check("repo, admin:repo_hook", "user, repo", None);
        check("", "", None);
    }

    #[test]
    fn single_sign_on_pages() {
        #[track_caller]
        fn check(header: &str, want: Option<&str>) {
            assert_eq!(
                sso_url(header, "https://github.com").as_deref(),
                want,
                "{header}"
            );
        }
        check(
            "required; url=https://github.com/orgs/o/sso?authorization_request=AZ",
            Some("https://github.com/orgs/o/sso?authorization_request=AZ"),
        );
        check("required; url=https://github.com.evil.example/x", None);
        check("required; url=https://evil.example/x", None);
        check("required; url=https://github.com/<script>", None);
        check("partial-results; organizations=1,2", None);
        check("", None);
    }

    #[tokio::test]
    async fn what_exists_already() {
        #[track_caller]
        fn check(error: Option<&GitHubError>, want: bool, body: &str) {
            assert_eq!(error.is_some_and(already_exists), want, "{body}");
        }
        for (body, want) in [
            (r#"{"message":"Reference already exists"}"#, true),
            (
                r#"{"message":"Validation Failed","errors":[{"code":"already_exists"}]}"#,
                true,
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"message":"Hook already exists on this repository"}]}"#,
                true,
            ),
            (
                r#"{"message":"Validation Failed","errors":["Tag already exists"]}"#,
                true,
            ),
            (r#"{"message":"Object does not exist"}"#, false),
            ("", false),
            ("<html>", false),
        ] {
            let error = github_error(&answer(422, &[], body)).await;
            check(error.as_deref(), want, body);
        }
    }
}
