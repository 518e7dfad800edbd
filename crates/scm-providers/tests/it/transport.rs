//! The transport by itself, with and without octocrab in it.

use std::{sync::Arc, time::Duration};

use scm_providers::{
    Limit, Outage, ProviderError, TransportSettings,
    transport::{Call, Dialect, Endpoint, Session, Shared, Transport},
};
use scm_testkit::code_host::{CodeHost, Reply};
use scm_trace::{SpanKind, Tracer};
use scm_types::{AccessToken, FixedClock, HostKind};
use serde_json::json;
use url::Url;

use crate::support::{NOW, at, chain, settings};

const PLAIN: Dialect = Dialect {
    product: HostKind::Gitlab,
    headers: &[("accept", "application/json")],
    conditional: true,
    octocrab: false,
    paced_writes: false,
    limit: |_, _| Limit::Clear,
    doubtful: |answer| answer.header("x-doubt").is_some(),
};

static PACED: Dialect = Dialect {
    paced_writes: true,
    ..PLAIN
};

static DIALECTS: [Dialect; 2] = [
    PLAIN,
    Dialect {
        octocrab: true,
        ..PLAIN
    },
];

fn shared(settings: TransportSettings) -> Shared {
    Shared::new(settings, Arc::new(FixedClock::at(at(NOW))))
}

fn session(host: &CodeHost, dialect: &'static Dialect, shared: &Shared, token: &str) -> Session {
    let endpoint = Endpoint {
        api_url: Url::parse(&format!("{}/api", host.base_url())).unwrap(),
        oauth_url: None,
        allow_private_addresses: true,
        authorities: Vec::new(),
    };
    let token = AccessToken::parse(token).unwrap();
    let authorization = format!("Bearer {}", token.expose());
    Transport::new(endpoint, dialect, shared.clone())
        .session(&token, &authorization)
        .unwrap()
}

fn url(host: &CodeHost, path: &str) -> Url {
    Url::parse(&format!("{}/api{path}", host.base_url())).unwrap()
}

fn post(host: &CodeHost) -> Call {
    Call {
        method: http::Method::POST,
        url: url(host, "/hooks"),
        body: Some(json!({"name": "web"}).into()),
    }
}

fn outage(error: &ProviderError) -> Option<Outage> {
    match error {
        ProviderError::Unavailable { outage, .. } => Some(*outage),
        _ => None,
    }
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_happens() {
    let settings = TransportSettings {
        request_timeout: Duration::from_millis(1_500),
        max_retries: 5,
        ..settings()
    };
    for dialect in &DIALECTS {
        for (reply, want) in [
            (Reply::json(502, &json!({})), Outage::Status(502)),
            (Reply::json(500, &json!({})), Outage::Status(500)),
            (Reply::close(), Outage::Unreachable),
            (Reply::never(), Outage::Timeout),
            (
                Reply::json(201, &json!({"id": 1})).truncated(),
                Outage::Truncated,
            ),
            (Reply::huge(512 * 1024), Outage::TooLarge),
        ] {
            let host = CodeHost::start().await;
            host.on_everything(reply);
            let session = session(&host, dialect, &shared(settings.clone()), "t0k3n");
            let error = session.send_write(post(&host)).await.err().unwrap();
            assert_eq!(outage(&error), Some(want), "{error:?}");
            assert_eq!(host.calls(), 1, "{want:?}");
        }
    }
}

#[tokio::test]
async fn a_write_is_not_redirected() {
    for dialect in &DIALECTS {
        for status in [301, 302, 303, 307, 308] {
            let host = CodeHost::start().await;
            let there = format!("{}/api/elsewhere", host.base_url());
            host.on_root("POST", "/api/hooks", Reply::redirect(status, &there));
            let session = session(&host, dialect, &shared(settings()), "t0k3n");
            let error = session.send_write(post(&host)).await.err().unwrap();
            assert!(matches!(error, ProviderError::Moved), "{status}: {error:?}");
            assert_eq!(host.calls(), 1, "{status}");
        }
    }
}

#[tokio::test]
async fn a_write_that_leaves_no_time_to_look_after_it_is_not_sent() {
    let host = CodeHost::start().await;
    host.on_everything(Reply::json(201, &json!({})));
    let settings = TransportSettings {
        request_timeout: Duration::from_millis(1_600),
        operation_budget: Duration::from_secs(4),
        ..settings()
    };
    let shared = shared(settings);
    // 1,600 ms for the write and 1,000 ms for the look leave 1,400 ms before it.
    let late = session(&host, &DIALECTS[0], &shared, "t0k3n");
    let intime = session(&host, &DIALECTS[0], &shared, "t0k3n");
    intime.send_write(post(&host)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let error = late.send_write(post(&host)).await.err().unwrap();
    assert_eq!(outage(&error), Some(Outage::Timeout));
    assert_eq!(host.calls(), 1);
    // There is time to read, still, and then none for anything.
    assert!(late.read(&url(&host, "/x")).await.is_ok());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let error = late.read(&url(&host, "/x")).await.err().unwrap();
    assert_eq!(outage(&error), Some(Outage::Timeout));
}

#[tokio::test]
async fn all_calls_of_a_session_share_its_time() {
    let host = CodeHost::start().await;
    host.on_everything(Reply::json(200, &json!({})).delayed(Duration::from_millis(150)));
    let settings = TransportSettings {
        operation_budget: Duration::from_millis(500),
        ..settings()
    };
    let session = session(&host, &DIALECTS[0], &shared(settings), "t0k3n");
    let target = url(&host, "/x");
    let mut answered = 0;
    while session.read(&target).await.is_ok() {
        answered += 1;
        assert!(answered < 4, "500 ms hold no four answers");
    }
}

#[tokio::test]
async fn writes_with_a_credential_are_kept_apart_over_all_sessions() {
    let pause = Duration::from_secs(1);
    let settings = TransportSettings {
        write_pause: pause,
        ..settings()
    };
    for (dialect, least) in [(&PACED, pause * 3), (&DIALECTS[0], Duration::ZERO)] {
        let host = CodeHost::start().await;
        host.on_everything(Reply::json(201, &json!({})));
        let shared = shared(settings.clone());
        let started = std::time::Instant::now();
        let writes = (0..4).map(|_| {
            let session = session(&host, dialect, &shared, "t0k3n");
            let call = post(&host);
            async move { session.send_write(call).await.map(|_| started.elapsed()) }
        });
        let mut took = futures_util::future::try_join_all(writes).await.unwrap();
        took.sort();
        assert!(took[3] >= least, "{took:?}");
        // Another credential does not wait, and nobody waits to read.
        let other = session(&host, &PACED, &shared, "0th3r");
        let started = std::time::Instant::now();
        other.send_write(post(&host)).await.unwrap();
        other.read(&url(&host, "/x")).await.unwrap();
        assert!(started.elapsed() < pause);
    }
}

#[tokio::test]
async fn a_write_that_would_wait_too_long_is_told_when_to_come_again() {
    let host = CodeHost::start().await;
    host.on_everything(Reply::json(201, &json!({})));
    let settings = TransportSettings {
        write_pause: Duration::from_hours(1),
        ..settings()
    };
    let shared = shared(settings);
    let first = session(&host, &PACED, &shared, "t0k3n");
    first.send_write(post(&host)).await.unwrap();
    let error = first.send_write(post(&host)).await.err().unwrap();
    assert_eq!(error.code(), "paced");
    let wait = error.retry_after().unwrap();
    assert!(wait > Duration::from_mins(59), "{wait:?}");
    assert_eq!(host.calls(), 1);
    assert!(first.read(&url(&host, "/x")).await.is_ok(), "reads go on");
}

#[tokio::test]
async fn requests_carry_what_they_should_and_nothing_twice() {
    for dialect in &DIALECTS {
        let host = CodeHost::start().await;
        host.on_root("POST", "/api/hooks", Reply::json(201, &json!({"id": 1})));
        host.on_root("GET", "/api/user", Reply::json(200, &json!({})));
        let session = session(&host, dialect, &shared(settings()), "t0k3n");
        let made = session.send_write(post(&host)).await.unwrap();
        assert_eq!(made.status.as_u16(), 201);
        session.read(&url(&host, "/user?a=b%20c")).await.unwrap();

        let requests = host.requests();
        assert_eq!(requests[0].body, br#"{"name":"web"}"#);
        assert_eq!(requests[0].header("content-type"), Some("application/json"));
        assert_eq!(requests[1].query, "a=b%20c");
        assert!(requests[1].body.is_empty());
        for request in &requests {
            assert_eq!(request.header("authorization"), Some("Bearer t0k3n"));
            assert_eq!(request.header("accept"), Some("application/json"));
            assert_eq!(request.header("accept-encoding"), Some("gzip"));
            let agent = request.header("user-agent").unwrap();
            assert!(agent.starts_with("scm-integration-service/"), "{agent}");
            assert_eq!(request.header("transfer-encoding"), None);
            assert_eq!(request.header("referer"), None);
            let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{names:?}");
        }
    }
}

#[tokio::test]
async fn a_host_is_shown_the_trace_unless_that_is_switched_off() {
    let tracer = Tracer::new(Arc::new(FixedClock::at(at(NOW))));
    for is_shown in [true, false] {
        let host = CodeHost::start().await;
        host.on_everything(Reply::json(200, &json!({})));
        let settings = TransportSettings {
            trace_context: is_shown,
            ..settings()
        };
        let session = session(&host, &DIALECTS[0], &shared(settings), "t0k3n");
        let span = tracer.begin("a request", SpanKind::Server, None);
        let read = span.run(async { session.read(&url(&host, "/x")).await });
        read.await.unwrap();
        let trace = span.context().unwrap().trace_id.to_string();
        let requests = host.requests();
        let shown = requests[0].header("traceparent");
        assert_eq!(shown.is_some(), is_shown, "{shown:?}");
        assert!(
            shown.is_none_or(|shown| shown.contains(&trace)),
            "{shown:?}"
        );
    }
}

#[tokio::test]
async fn a_read_is_repeated_as_often_as_set_and_no_more() {
    for dialect in &DIALECTS {
        for retries in [0, 1, 4] {
            let host = CodeHost::start().await;
            host.on_everything(Reply::json(503, &json!({})));
            let settings = TransportSettings {
                max_retries: retries,
                ..settings()
            };
            let session = session(&host, dialect, &shared(settings), "t0k3n");
            let error = session.read(&url(&host, "/x")).await.err().unwrap();
            assert_eq!(outage(&error), Some(Outage::Status(503)));
            assert_eq!(host.calls(), 1 + retries as usize);
        }
        // What another try cannot mend is not tried again.
        for status in [400, 401, 403, 404, 409, 422, 501, 505] {
            let host = CodeHost::start().await;
            host.on_everything(Reply::json(status, &json!({})));
            let session = session(&host, dialect, &shared(settings()), "t0k3n");
            let _ = session.read(&url(&host, "/x")).await;
            assert_eq!(host.calls(), 1, "{status}");
        }
    }
}

#[tokio::test]
async fn the_time_of_an_operation_ends_its_repetitions() {
    let host = CodeHost::start().await;
    host.on_everything(Reply::json(503, &json!({})).header("retry-after", "120"));
    let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
    let error = session.read(&url(&host, "/x")).await.err().unwrap();
    assert_eq!(
        error.retry_after(),
        Some(Duration::from_mins(2)),
        "told, not waited for"
    );
    assert_eq!(host.calls(), 1);

    let settings = TransportSettings {
        max_retries: u32::MAX,
        retry_base: Duration::from_millis(20),
        operation_budget: Duration::from_millis(1_500),
        ..settings()
    };
    let session = self::session(&host, &DIALECTS[0], &shared(settings), "t0k3n");
    host.on_everything(Reply::json(503, &json!({})));
    let started = std::time::Instant::now();
    assert!(session.read(&url(&host, "/x")).await.is_err());
    assert!(started.elapsed() < Duration::from_mins(1));
    assert!(host.calls() > 2);
}

#[tokio::test]
async fn a_doubtful_refusal_is_asked_for_once_more() {
    let doubt = || Reply::json(401, &json!({})).header("x-doubt", "1");
    for (replies, status, calls) in [
        ([doubt(), doubt(), doubt()], 401, 2),
        ([doubt(), Reply::json(200, &json!({})), doubt()], 200, 2),
    ] {
        let host = CodeHost::start().await;
        host.on_everything(replies);
        let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
        let answer = session.read(&url(&host, "/x")).await.unwrap();
        assert_eq!((answer.status.as_u16(), host.calls()), (status, calls));
    }
}

#[tokio::test]
async fn an_answer_with_a_tag_is_asked_for_by_it() {
    for dialect in &DIALECTS {
        let host = CodeHost::start().await;
        let full = Reply::json(200, &json!({"n": 1}))
            .header("etag", "W/\"a1\"")
            .header("x-left", "9");
        let unchanged = Reply::empty(304).header("x-left", "8");
        host.on_root("GET", "/api/x", [full, unchanged.clone(), unchanged]);
        let shared = shared(settings());
        let first = session(&host, dialect, &shared, "t0k3n");
        let (target, twin) = (url(&host, "/x"), session(&host, dialect, &shared, "t0k3n"));
        let answer = first.read(&target).await.unwrap();
        assert_eq!(answer.header("x-left"), Some("9"));
        // Another session with the same credential has it, too.
        for session in [&first, &twin] {
            let again = session.read(&target).await.unwrap();
            assert_eq!(again.status.as_u16(), 200);
            assert_eq!(again.body, answer.body);
            assert_eq!(
                again.header("x-left"),
                Some("8"),
                "headers are the new ones"
            );
            assert_eq!(again.header("content-type"), answer.header("content-type"));
        }
        // Another credential and another URL have not.
        host.on_root("GET", "/api/x", Reply::json(200, &json!({"n": 2})));
        let other = session(&host, dialect, &shared, "0th3r");
        assert_ne!(other.read(&target).await.unwrap().body, answer.body);
        other.read(&url(&host, "/x?page=2")).await.unwrap();
        let tags: Vec<_> = host
            .requests()
            .iter()
            .map(|request| request.header("if-none-match").map(str::to_owned))
            .collect();
        let tag = Some("W/\"a1\"".to_owned());
        assert_eq!(tags, [None, tag.clone(), tag, None, None]);
    }
}

#[tokio::test]
async fn a_changed_answer_replaces_the_kept_one() {
    let host = CodeHost::start().await;
    let tagged = |n: u8, tag: &str| Reply::json(200, &json!({"n": n})).header("etag", tag);
    host.on_everything([tagged(1, "\"1\""), tagged(2, "\"2\""), Reply::empty(304)]);
    let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
    for want in [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":2}"#] {
        assert_eq!(session.read(&url(&host, "/x")).await.unwrap().body, want);
    }
    assert_eq!(host.requests()[2].header("if-none-match"), Some("\"2\""));
}

#[tokio::test]
async fn redirects_on_the_host_keep_the_credential_and_are_told() {
    for dialect in &DIALECTS {
        for status in [301, 302, 307, 308] {
            let host = CodeHost::start().await;
            host.on_root("GET", "/api/a", Reply::redirect(status, "/api/b"));
            host.on_root("GET", "/api/b", Reply::redirect(status, "c"));
            host.on_root("GET", "/api/c", Reply::json(200, &json!({})));
            let session = session(&host, dialect, &shared(settings()), "t0k3n");
            let answer = session.read(&url(&host, "/a")).await.unwrap();
            assert!(answer.moved);
            assert_eq!(host.calls(), 3);
            for request in host.requests() {
                assert_eq!(request.header("authorization"), Some("Bearer t0k3n"));
            }
            assert!(!session.read(&url(&host, "/c")).await.unwrap().moved);
        }
    }
}

#[tokio::test]
async fn redirects_elsewhere_are_refused() {
    let other = CodeHost::start().await;
    let host = CodeHost::start().await;
    let here = host.authority();
    for location in [
        format!("{}/api/x", other.base_url()),
        format!("https://{here}/api/x"),
        format!("http://user@{}/api/x", other.authority()),
        format!("//{}/api/x", other.authority()),
        format!(
            "http://localhost:{}/api/x",
            here.rsplit(':').next().unwrap()
        ),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ] {
        host.forget_requests();
        host.on_root("GET", "/api/a", Reply::redirect(302, &location));
        let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
        let error = session.read(&url(&host, "/a")).await.err().unwrap();
        assert_eq!(outage(&error), Some(Outage::Redirected), "{location}");
        assert_eq!((host.calls(), other.calls()), (1, 0), "{location}");
    }
    let lost = Reply::empty(301);
    host.on_root("GET", "/api/a", lost);
    let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
    let error = session.read(&url(&host, "/a")).await.err().unwrap();
    assert_eq!(outage(&error), Some(Outage::Malformed));
}

#[tokio::test]
async fn the_api_may_not_redirect_to_the_oauth_address() {
    let (host, oauth) = (CodeHost::start().await, CodeHost::start().await);
    let there = format!("{}/oauth/token/info", oauth.base_url());
    host.on_everything(Reply::redirect(302, &there));
    let endpoint = Endpoint {
        api_url: url(&host, ""),
        oauth_url: Url::parse(&oauth.base_url()).ok(),
        allow_private_addresses: true,
        authorities: Vec::new(),
    };
    let token = AccessToken::parse("t0k3n").unwrap();
    let transport = Transport::new(endpoint, &DIALECTS[0], shared(settings()));
    let session = transport.session(&token, "Bearer t0k3n").unwrap();
    let error = session.read(&url(&host, "/x")).await.err().unwrap();
    assert_eq!(outage(&error), Some(Outage::Redirected));
    assert_eq!(oauth.calls(), 0);
    // Asked for as such it is one of the configured addresses.
    let _ = session.read(&Url::parse(&there).unwrap()).await;
    assert_eq!(oauth.calls(), 1);
}

#[tokio::test]
async fn no_other_address_is_ever_asked() {
    let host = CodeHost::start().await;
    let other = CodeHost::start().await;
    let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
    let error = session.read(&url(&other, "/x")).await.err().unwrap();
    assert_eq!(outage(&error), Some(Outage::Redirected));
    let call = Call {
        url: url(&other, "/x"),
        ..post(&host)
    };
    assert!(session.send_write(call).await.is_err());
    assert_eq!(other.calls(), 0);
}

#[tokio::test]
async fn sizes_are_counted_after_unpacking() {
    let settings = TransportSettings {
        max_body: 100 * 1024,
        ..settings()
    };
    for dialect in &DIALECTS {
        for (reply, fits) in [
            (Reply::huge(100 * 1024), true),
            (Reply::huge(100 * 1024 + 1), false),
            (Reply::gzip_bomb(100 * 1024), true),
            (Reply::gzip_bomb(100 * 1024 + 1), false),
            (Reply::gzip_bomb(16 * 1024 * 1024), false),
        ] {
            let host = CodeHost::start().await;
            host.on_everything(reply);
            let session = session(&host, dialect, &shared(settings.clone()), "t0k3n");
            match session.read(&url(&host, "/x")).await {
                Ok(answer) => assert!(fits && answer.body.len() == 100 * 1024),
                Err(error) => assert!(!fits && outage(&error) == Some(Outage::TooLarge)),
            }
        }
    }
}

#[tokio::test]
async fn a_broken_compression_is_a_broken_answer() {
    let host = CodeHost::start().await;
    let nonsense = Reply::bytes(200, "application/json", "not gzip at all");
    host.on_everything(nonsense.header("content-encoding", "gzip"));
    let session = session(&host, &DIALECTS[0], &shared(settings()), "t0k3n");
    let error = session.read(&url(&host, "/x")).await.err().unwrap();
    assert_eq!(outage(&error), Some(Outage::Truncated));
}

#[tokio::test]
async fn a_host_that_is_down() {
    for dialect in &DIALECTS {
        let host = CodeHost::start().await;
        let target = url(&host, "/secret-path?q=secret-query");
        let session = session(&host, dialect, &shared(settings()), "t0k3n");
        drop(host);
        tokio::task::yield_now().await;
        let error = session.read(&target).await.err().unwrap();
        assert_eq!(outage(&error), Some(Outage::Unreachable), "{error:?}");
        assert!(!error.is_definite());
        let text = chain(&error);
        for secret in ["secret-query", "secret-path", "t0k3n"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
