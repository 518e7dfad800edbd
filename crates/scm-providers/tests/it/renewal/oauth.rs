//! OAuth tokens.

use super::*;

#[tokio::test]
async fn a_refresh_token_gives_a_new_pair_once() {
    for dialect in OAUTH {
        let bench = Bench::of(dialect).await;
        let (old_access, old_refresh) = bench.host.issue();
        bench.check(&old_access).await.unwrap();
        bench.host.expire_tokens();
        bench.check(&old_access).await.unwrap_err();

        bench.host.forget_requests();
        let fresh = bench.refresh(&old_refresh).await.unwrap();
        assert_eq!(bench.host.calls(), 1);
        assert_eq!(bench.host.refreshes(), 1);
        bench.check(fresh.access_token.expose()).await.unwrap();
        let hours = if dialect == Dialect::Github { 8 } else { 2 };
        assert_eq!(
            fresh.expires_at,
            Some(at(NOW).plus(Duration::from_hours(hours))),
            "by the registry's clock"
        );
        let again = bench.refresh(&old_refresh).await;
        match &fresh.refresh_token {
            // Bitbucket's stays good, and no other came.
            None => {
                assert_eq!(dialect, Dialect::Bitbucket);
                assert_eq!(word(&again), "done");
            }
            Some(new) => {
                assert_eq!(word(&again), "refused", "{dialect:?}");
                let text = again.err().unwrap().to_string();
                assert!(text.contains("Connect the repository again"), "{text}");
                // GitLab has revoked the new ones, too.
                let want = if dialect == Dialect::Gitlab {
                    "refused"
                } else {
                    "done"
                };
                assert_eq!(
                    word(&bench.refresh(new.expose()).await),
                    want,
                    "{dialect:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_sent() {
    for dialect in OAUTH {
        let bench = Bench::of(dialect).await;
        let (_, refresh) = bench.host.issue();
        bench.refresh(&refresh).await.unwrap();
        let requests = bench.host.requests();
        let [request] = &requests[..] else {
            panic!("{dialect:?}: {} requests", requests.len());
        };
        assert_eq!(request.method, "POST");
        assert_eq!(request.query, "");
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(
            request.header("content-type"),
            Some("application/x-www-form-urlencoded")
        );
        let length = request.header("content-length").unwrap();
        assert_eq!(length, request.body.len().to_string());
        let body = String::from_utf8(request.body.clone()).unwrap();
        let client = "client_id=scm&client_secret=client-0123456789";
        let grant = format!("grant_type=refresh_token&refresh_token={refresh}");
        let (path, authorization, want) = match dialect {
            Dialect::Github => (
                "/login/oauth/access_token",
                None,
                format!("{grant}&{client}"),
            ),
            Dialect::Gitlab => ("/oauth/token", None, format!("{grant}&{client}")),
            _ => (
                "/site/oauth2/access_token",
                Some("Basic c2NtOmNsaWVudC0wMTIzNDU2Nzg5"),
                grant,
            ),
        };
        assert_eq!(request.path, path);
        assert_eq!(request.header("authorization"), authorization);
        assert_eq!(body, want);
    }
}

#[tokio::test]
async fn the_address_of_the_first_consent_is_repeated_where_it_is_configured() {
    let change = |host: &mut ProviderHost| {
        let uri = "https://scm.example.com/callback?a=b".to_owned();
        host.oauth.as_mut().unwrap().redirect_uri = Some(uri);
    };
    let bench = Bench::with(Dialect::Gitlab, patient(), change).await;
    let (_, refresh) = bench.host.issue();
    bench.refresh(&refresh).await.unwrap();
    let body = bench.host.requests()[0].body.clone();
    let body = String::from_utf8(body).unwrap();
    let want = "&redirect_uri=https%3A%2F%2Fscm.example.com%2Fcallback%3Fa%3Db";
    assert!(body.ends_with(want), "{body}");
}

#[tokio::test]
async fn an_unclear_answer_is_unknown_and_nothing_is_sent_twice() {
    for dialect in OAUTH {
        for (want, reply) in answers() {
            // A host for each: a limit is kept for the client.
            let bench = Bench::hasty(dialect).await;
            let (_, refresh) = bench.host.issue();
            let told = format!("{dialect:?} {reply:?}");
            bench.host.instead("POST", "", reply);
            let result = bench.refresh(&refresh).await;
            assert_eq!(word(&result), want, "{told}");
            assert_eq!(bench.host.calls(), 1, "{told}");
            if want == "unknown" {
                let text = result.err().unwrap().to_string();
                assert!(text.contains("is not known"), "{text}");
                assert!(!text.contains("Try again"), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_has_used_the_token_up() {
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let bench = Bench::of(dialect).await;
        let (_, refresh) = bench.host.issue();
        bench.host.lose("POST", "", Reply::close());
        assert_eq!(word(&bench.refresh(&refresh).await), "unknown");
        assert_eq!(bench.host.refreshes(), 1);
        assert_eq!(word(&bench.refresh(&refresh).await), "refused");
    }
}

#[tokio::test]
async fn a_limit_is_waited_for_before_the_next_refresh() {
    for dialect in OAUTH {
        let bench = Bench::of(dialect).await;
        let limit = Reply::json(429, &json!({})).header("retry-after", "30");
        bench.host.instead("POST", "", limit);
        let (_, refresh) = bench.host.issue();
        for _ in 0..2 {
            let error = bench.refresh(&refresh).await.err().unwrap();
            let RenewalError::NotDone(error) = error else {
                panic!("{error}");
            };
            assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        }
        assert_eq!(bench.host.calls(), 1, "{dialect:?}");
        // The limit is the client's, not the users'.
        let (access, _) = bench.host.issue();
        bench.check(&access).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_client_is_the_operators_matter() {
    for dialect in OAUTH {
        let change = |host: &mut ProviderHost| host.oauth = Some(client("wrong-0123456789"));
        let bench = Bench::with(dialect, patient(), change).await;
        let (_, refresh) = bench.host.issue();
        let result = bench.refresh(&refresh).await;
        assert_eq!(word(&result), "server refused", "{dialect:?}");
        let text = result.err().unwrap().to_string();
        assert!(text.contains("client_secret"), "{text}");
        assert_eq!(bench.host.refreshes(), 0);
    }
}

#[tokio::test]
async fn what_was_never_sent_is_not_done() {
    for dialect in OAUTH {
        let bench = Bench::of(dialect).await;
        let base = bench.host.base_url();
        for (oauth_url, allow_private_addresses, code) in [
            ("http://127.0.0.1:1/", true, "unavailable"),
            ("http://h.invalid/", true, "unavailable"),
            (&base.replace("http:", "https:"), true, "unavailable"),
            (&base, false, "egress_denied"),
        ] {
            let host = ProviderHost {
                oauth_url: oauth_url.parse().ok(),
                allow_private_addresses,
                ..configured(dialect, &base)
            };
            let clock = Arc::new(FixedClock::at(at(NOW)));
            let registry = registry(host, patient(), &clock).unwrap();
            let token = RefreshToken::parse("r0123456789").unwrap();
            let error = silent(registry.refresh(&bench.url, &token).await);
            match error.err() {
                Some(RenewalError::NotDone(error)) => assert_eq!(error.code(), code),
                other => panic!("{dialect:?}: {other:?}"),
            }
        }
        assert!(bench.host.requests().is_empty());
    }
}

#[tokio::test]
async fn without_a_client_nothing_is_asked() {
    for dialect in Dialect::ALL {
        let bench = Bench::with(dialect, patient(), |host| host.oauth = None).await;
        assert_eq!(word(&bench.refresh("r").await), "not configured");
        assert!(!bench.registry.can_refresh(&bench.url));
        assert_eq!(bench.host.calls(), 0);
    }
    for dialect in OAUTH {
        let bench = Bench::with(dialect, patient(), |host| host.oauth_url = None).await;
        assert_eq!(word(&bench.refresh("r").await), "not configured");
    }
}

#[tokio::test]
async fn a_repository_elsewhere_is_refused() {
    let bench = Bench::of(Dialect::Gitlab).await;
    let other = Bench::of(Dialect::Gitlab).await;
    let token = RefreshToken::parse("r").unwrap();
    let error = other.registry.refresh(&bench.url, &token).await;
    assert!(matches!(
        error,
        Err(RenewalError::NotDone(ProviderError::HostNotConfigured))
    ));
}
