//! GitHub's refusals. Rate limits are told first (by [`super::limit`], in the transport), then
//! single sign-on, then permissions: all three come as 403 ("Troubleshooting the REST API").

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use octocrab::GitHubError;
use scm_types::ScmType;
use serde_json::Value;

use crate::{
    Missing, Outage, ProviderError,
    context::{Context, Subject, foreign_token, not_found},
    transport::Answer,
};

/// What writing takes, where GitHub does not tell what is missing.
const WRITE: &str = "write access to the repository's contents, and to workflows if the commit has \
                     changes in .github/workflows";

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
        403 => forbidden(context, &answer, None),
        404 => not_found(subject),
        451 => ProviderError::NotFound {
            what: Missing::Blocked,
        },
        409 => ProviderError::outage(Outage::Status(409)),
        422 if error.is_some_and(|error| already_exists(&error)) => ProviderError::Conflict,
        status => ProviderError::BadRequest { status },
    })
}

/// The answer to a change if it is a success, else what its refusal means. What is being changed was
/// read before, so a 404 hides a missing right; so it does where the right to change workflows is
/// missing ("Create a release").
pub(super) async fn accept_write(
    context: &Context,
    token: &str,
    answer: Answer,
) -> Result<Answer, ProviderError> {
    match answer.status.as_u16() {
        403 | 404 => {
            answer.refusal()?;
            // The texts are no contract; without them the refusal is merely told less well.
            Err(if says(&answer, "archived") {
                ProviderError::ReadOnly
            } else if says(&answer, "workflow") {
                forbidden(
                    context,
                    &answer,
                    Some("the scope workflow (workflows=write)"),
                )
            } else {
                forbidden(context, &answer, Some(WRITE))
            })
        }
        409 if is_empty(&answer) => Err(ProviderError::EmptyRepository),
        _ => accept(context, token, answer, Subject::Part).await,
    }
}

/// The answer about a webhook if it is a success, else what its refusal means. What hides behind a
/// 404 is for the caller to find out.
pub(super) async fn accept_hook(
    context: &Context,
    token: &str,
    answer: Answer,
) -> Result<Answer, ProviderError> {
    match answer.status.as_u16() {
        403 if says(&answer, "archived") => Err(ProviderError::ReadOnly),
        422 if refuses_url(&answer) => Err(ProviderError::WebhookUrlRefused),
        _ => accept(context, token, answer, Subject::Part).await,
    }
}

/// True if it is the URL of a webhook that was refused: for its form, or because it cannot be
/// reached "over the public Internet".
fn refuses_url(answer: &Answer) -> bool {
    let body = answer.refusal().unwrap_or_default();
    let errors = body.get("errors").and_then(Value::as_array);
    errors.into_iter().flatten().any(|error| {
        let message = error["message"].as_str().or(error.as_str());
        let message = message.unwrap_or_default().to_ascii_lowercase();
        error["field"] == "url" || message.contains("public internet")
    })
}

/// True for "Git Repository is empty.", the 409 of the endpoints below `git`.
pub(super) fn is_empty(answer: &Answer) -> bool {
    answer.status.as_u16() == 409 && says(answer, "repository is empty")
}

/// True if the refusal's text holds another, which is in lower case.
pub(super) fn says(answer: &Answer, text: &str) -> bool {
    let body = answer.refusal().unwrap_or_default();
    let message = body.get("message").and_then(Value::as_str);
    message.is_some_and(|message| message.to_lowercase().contains(text))
}

fn forbidden(context: &Context, answer: &Answer, otherwise: Option<&str>) -> ProviderError {
    let sso_url = answer
        .header("x-github-sso")
        .and_then(|value| sso_url(value, context.repository.host().base_url()));
    let missing = answer
        .header("x-accepted-github-permissions")
        .or_else(|| missing_scopes(answer))
        .and_then(|value| context.session.fact(value))
        .or_else(|| otherwise.map(str::to_owned));
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
pub(super) mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;

    pub(in super::super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
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

    #[test]
    fn texts() {
        let empty = r#"{"message":"Git Repository is empty."}"#;
        assert!(is_empty(&answer(409, &[], empty)));
        assert!(!is_empty(&answer(422, &[], empty)));
        for body in [
            r#"{"message":"Conflict"}"#,
            r#"{"message":1}"#,
            "[]",
            "<html>",
            "",
        ] {
            assert!(!is_empty(&answer(409, &[], body)), "{body}");
        }
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
