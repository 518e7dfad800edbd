//! Tokens of a GitHub App's installations.

use scm_providers::RegistryError;
use scm_testkit::git_host::APP_KEY_PKCS8;
use scm_types::TokenKind;

use super::*;

/// The repository's id on the host.
const REPOSITORY: &str = "1296269";

fn permissions(bench: &Bench) -> Vec<serde_json::Value> {
    let bodies = bench.host.writes().into_iter().map(|request| request.body);
    bodies
        .map(|body| serde_json::from_slice::<serde_json::Value>(&unchunked(&body)).unwrap())
        .collect()
}

/// The JSON of a body that came in one chunk, or as it is.
fn unchunked(body: &[u8]) -> Vec<u8> {
    let start = body.iter().position(|it| *it == b'{').unwrap_or_default();
    let end = body.iter().rposition(|it| *it == b'}').unwrap_or_default();
    body[start..=end].to_vec()
}

#[tokio::test]
async fn a_token_is_good_for_one_repository_and_no_more_than_needed() {
    for key in [APP_KEY, APP_KEY_PKCS8] {
        let change = |host: &mut ProviderHost| host.app = Some(github_app(APP, key));
        let bench = Bench::with(Dialect::Github, patient(), change).await;
        assert!(bench.registry.has_app(&bench.url));
        let fresh = bench.installation_token().await.unwrap();
        assert_eq!(bench.host.calls(), 1);
        assert!(fresh.refresh_token.is_none());
        assert_eq!(fresh.expires_at, Some(at("2026-10-30T16:00:00Z")));
        let rights = json!({"contents": "write", "metadata": "read", "repository_hooks": "write"});
        let by_name = json!({"repositories": ["app"], "permissions": rights});
        assert_eq!(permissions(&bench), [by_name]);

        let token = fresh.access_token.expose();
        assert!(token.len() > 100, "of any length");
        let report = bench.check(token).await.unwrap();
        assert_eq!(report.token.kind, TokenKind::GithubInstallation);
        assert!(report.account.is_none());

        bench.host.forget_requests();
        let id = INSTALLATION.to_string();
        bench.token_of(&id, Some(REPOSITORY)).await.unwrap();
        let by_id = json!({"repository_ids": [1_296_269], "permissions": rights});
        assert_eq!(permissions(&bench), [by_id]);
    }
}

#[tokio::test]
async fn an_app_without_webhooks_gets_what_it_has() {
    let bench = Bench::of(Dialect::Github).await;
    bench.host.install(1, &["contents", "metadata"]);
    bench.token_of("1", None).await.unwrap();
    assert_eq!(bench.host.calls(), 2);
    let least = json!({"contents": "write", "metadata": "read"});
    assert_eq!(permissions(&bench)[1]["permissions"], least);

    bench.host.install(2, &["metadata"]);
    let error = bench.token_of("2", None).await.err().unwrap();
    assert_eq!(error.code(), "insufficient_scope");
    assert!(error.to_string().contains("contents=write"), "{error}");
    assert_eq!(bench.host.calls(), 4, "no third time");
}

#[tokio::test]
async fn an_installation_that_is_no_more_is_definite() {
    let bench = Bench::of(Dialect::Github).await;
    let token = bench.installation_token().await.unwrap();
    let check = async |code: &str, want: &str| {
        let error = bench.installation_token().await.err().unwrap();
        assert_eq!(error.code(), code);
        assert!(error.is_definite(), "{code}");
        assert!(error.to_string().contains(want), "{error}");
    };
    bench.host.suspend_installation(INSTALLATION, true);
    check("installation_suspended", "Lift the suspension").await;
    bench.host.suspend_installation(INSTALLATION, false);
    bench.installation_token().await.unwrap();
    bench.host.delete_installation(INSTALLATION);
    check("installation_gone", "Install it again").await;
    let token = token.access_token.expose();
    assert_eq!(
        bench.check(token).await.unwrap_err().code(),
        "token_invalid"
    );
}

#[tokio::test]
async fn a_repository_outside_the_installation_is_not_found() {
    let bench = Bench::of(Dialect::Github).await;
    let id = INSTALLATION.to_string();
    let error = bench.token_of(&id, Some("7")).await.err().unwrap();
    assert_eq!(error.code(), "not_found");
    assert!(error.is_definite());
    // One of the same name, but another owner's: the token would open a stranger's repository.
    bench.host.rename("stranger/app");
    let error = bench.installation_token().await.err().unwrap();
    assert_eq!(error.code(), "not_found");
    assert_eq!(bench.host.installation_tokens(), 1);
}

#[tokio::test]
async fn an_app_that_is_not_known_is_the_operators_matter() {
    let check = |error: ProviderError| {
        assert_eq!(error.code(), "server_refused");
        assert!(!error.is_definite());
        assert!(error.to_string().contains("private_key_file"), "{error}");
    };
    let change = |host: &mut ProviderHost| host.app = Some(github_app(APP + 1, APP_KEY));
    let bench = Bench::with(Dialect::Github, patient(), change).await;
    check(bench.installation_token().await.err().unwrap());
    let bench = Bench::of(Dialect::Github).await;
    let undecodable = Reply::json(401, &json!({"message": "could not be decoded"}));
    bench.host.instead("POST", "access_tokens", undecodable);
    check(bench.installation_token().await.err().unwrap());
    // The installation is not found, and whether the App is known cannot be seen.
    bench.host.delete_installation(INSTALLATION);
    bench.host.always("GET", "/app", Reply::html(502));
    let error = bench.installation_token().await.err().unwrap();
    assert_eq!(error.code(), "unavailable");
}

#[tokio::test]
async fn trouble_says_nothing_about_the_installation() {
    for (want, reply) in answers() {
        let bench = Bench::hasty(Dialect::Github).await;
        let told = format!("{reply:?}");
        bench.host.instead("POST", "", reply);
        let error = bench.installation_token().await.err().unwrap();
        assert!(!error.is_definite(), "{told}: {error}");
        let is_limit = matches!(error, ProviderError::RateLimited { .. });
        assert_eq!(is_limit, want == "limited", "{told}");
        assert_eq!(bench.host.calls(), 1, "{told}");
    }
    // All statements of the App are one credential to a limit.
    let bench = Bench::of(Dialect::Github).await;
    let limit = Reply::json(403, &json!({})).header("retry-after", "30");
    bench.host.instead("POST", "", limit);
    for _ in 0..2 {
        let error = bench.installation_token().await.err().unwrap();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    }
    assert_eq!(bench.host.calls(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_not_asked() {
    let bench = Bench::of(Dialect::Github).await;
    for id in ["", "x", "-1", "1/../2", "\u{664}", "1 "] {
        let error = bench.token_of(id, None).await.err().unwrap();
        assert_eq!(error.code(), "unsupported_credential", "{id:?}");
    }
    assert_eq!(bench.host.calls(), 0);
    let bench = Bench::with(Dialect::Github, patient(), |host| host.app = None).await;
    let error = bench.installation_token().await.err().unwrap();
    assert_eq!(error.code(), "app_not_configured");
    assert!(!bench.registry.has_app(&bench.url));
    let bench = Bench::of(Dialect::Gitlab).await;
    let error = bench.installation_token().await.err().unwrap();
    assert_eq!(error.code(), "app_not_configured");
    let error = error.to_string();
    assert!(error.contains("operator"), "{error}");
}

#[test]
fn what_is_configured_is_checked_at_the_start() {
    #[track_caller]
    fn check(dialect: Dialect, want: &str, change: impl FnOnce(&mut ProviderHost)) {
        let mut host = configured(dialect, "https://git.example.com");
        change(&mut host);
        let clock = Arc::new(FixedClock::at(at(NOW)));
        let error: RegistryError = registry(host, patient(), &clock).err().unwrap();
        let text = silent::<(), _>(Err(error)).err().unwrap().to_string();
        assert!(text.starts_with("git.example.com"), "{text}");
        assert!(text.contains(want), "{text}");
    }
    let half = &APP_KEY[..APP_KEY.len() / 2];
    let other = APP_KEY.replace("RSA PRIVATE", "EC PRIVATE");
    let broken = APP_KEY.replace("\nMII", "\nMIJ");
    for key in [
        "",
        SECRET,
        half,
        &other,
        &broken,
        "-----BEGIN RSA PRIVATE KEY-----",
    ] {
        check(Dialect::Github, "app.private_key", |host| {
            host.app = Some(github_app(APP, key));
        });
    }
    check(Dialect::Gitlab, "app is of no use", |host| {
        host.app = Some(github_app(APP, APP_KEY));
    });
    check(Dialect::DataCenter, "oauth is of no use", |host| {
        host.oauth = Some(client(CLIENT_SECRET));
    });
}

#[test]
fn what_is_configured_can_be_printed() {
    let text = format!(
        "{:?}",
        configured(Dialect::Github, "https://git.example.com")
    );
    assert!(text.contains("4711") && text.contains("scm"), "{text}");
    assert!(
        !text.contains(SECRET) && !text.contains("PRIVATE"),
        "{text}"
    );
    assert!(!text.contains(&APP_KEY[200..230]), "{text}");
}
