//! How much is let in, and what is told of it.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use actix_web::{http::Method, test::TestRequest};
use scm_http::{ForwardedHeader, Limits, TrustedProxies};
use scm_testkit::db::{Backend, TestDb};

use crate::app::{Answer, Mode, TestApp};

fn some(limit: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(limit)
}

async fn app(limits: Limits) -> (TestDb, TestApp) {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::with_limits(&db.url, Mode::Keys, limits).await;
    (db, app)
}

/// A request from an address.
fn from(request: TestRequest, address: &str) -> TestRequest {
    let address = SocketAddr::new(address.parse().unwrap(), 40_000);
    request.peer_addr(address)
}

impl TestApp {
    async fn list(&self, caller: &str, address: &str) -> Answer {
        let request = self.request(Method::GET, "", Some(caller));
        self.send(from(request, address)).await
    }

    async fn guess(&self, address: &str) -> Answer {
        let request = self.request(Method::GET, "", None);
        let request = request.insert_header(("Authorization", "Bearer scm_guess_00"));
        self.send(from(request, address)).await
    }
}

fn told(answer: &Answer) -> [Option<&str>; 4] {
    [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
    ]
    .map(|name| answer.header(name))
}

#[tokio::test]
async fn who_guesses_is_asked_to_wait_and_nobody_else() {
    let limits = Limits {
        failed_attempts: some(3),
        ..Limits::default()
    };
    let (_db, app) = app(limits).await;
    let (guesser, other) = ("192.0.2.1", "192.0.2.2");
    for _ in 0..3 {
        app.guess(guesser).await.expect(401);
    }
    for _ in 0..3 {
        let waits = app.guess(guesser).await.expect(429);
        assert_eq!(waits.failure().0, "too_many_failed_attempts");
        assert_eq!(waits.header("retry-after"), Some("20"));
    }
    app.list("t1-owner", guesser).await.expect(200);
    app.guess(other).await.expect(401);
    let nothing = app.request(Method::GET, "", None);
    let nothing = app.send(from(nothing, guesser)).await.expect(401);
    assert!(
        nothing.header("www-authenticate").is_some(),
        "no credential is no guess"
    );
    app.clock.advance(Duration::from_secs(20));
    app.guess(guesser).await.expect(401);
    app.guess(guesser).await.expect(429);
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_address() {
    let limits = Limits {
        failed_attempts: some(1),
        ..Limits::default()
    };
    let (_db, app) = app(limits).await;
    app.guess("2001:db8::1").await.expect(401);
    app.guess("2001:db8::ffff:2").await.expect(429);
    app.guess("2001:db8:0:1::1").await.expect(401);
}

#[tokio::test]
async fn only_trusted_proxies_speak_for_others() {
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    let limits = Limits {
        failed_attempts: some(1),
        proxies: TrustedProxies::new(networks, ForwardedHeader::XForwardedFor),
        ..Limits::default()
    };
    let (_db, app) = app(limits).await;
    let guess = async |peer: &str, forwarded: &str| {
        let request = app.request(Method::GET, "", None);
        let request = request
            .insert_header(("Authorization", "Bearer scm_guess_00"))
            .insert_header(("X-Forwarded-For", forwarded))
            .insert_header(("Forwarded", "for=203.0.113.77"))
            .insert_header(("X-Real-IP", "203.0.113.78"));
        app.send(from(request, peer)).await.status.as_u16()
    };
    assert_eq!(guess("10.0.0.1", "192.0.2.1").await, 401);
    assert_eq!(
        guess("10.0.0.2", "192.0.2.1").await,
        429,
        "the same by another proxy"
    );
    assert_eq!(
        guess("10.0.0.1", "198.51.100.1, 192.0.2.1").await,
        429,
        "forged in front"
    );
    assert_eq!(guess("10.0.0.1", "192.0.2.2").await, 401);
    assert_eq!(guess("203.0.113.5", "192.0.2.3").await, 401);
    assert_eq!(
        guess("203.0.113.5", "192.0.2.4").await,
        429,
        "it speaks for nobody"
    );
}

#[tokio::test]
async fn requests_are_counted_and_told() {
    let limits = Limits {
        address: some(6),
        tenant: some(4),
        account: some(3),
        ..Limits::default()
    };
    let (_db, app) = app(limits).await;
    let first = app.list("t1-owner", "192.0.2.1").await.expect(200);
    assert_eq!(
        told(&first),
        [Some("3"), Some("2"), Some("20"), None],
        "the closest one"
    );
    app.list("t1-owner", "192.0.2.1").await.expect(200);
    app.list("t1-owner", "192.0.2.1").await.expect(200);
    let over = app.list("t1-owner", "192.0.2.9").await.expect(429);
    assert_eq!(over.failure().0, "rate_limited");
    assert_eq!(told(&over), [Some("3"), Some("0"), Some("60"), Some("20")]);

    // Another account of the tenant has what is left to the tenant.
    app.list("t1-viewer", "192.0.2.9").await.expect(200);
    let tenant = app.list("t1-viewer", "192.0.2.9").await.expect(429);
    assert_eq!(
        told(&tenant),
        [Some("4"), Some("0"), Some("60"), Some("15")]
    );
    // Another tenant does not notice.
    app.list("t2-viewer", "192.0.2.9").await.expect(200);
    app.clock.advance(Duration::from_secs(20));
    app.list("t1-owner", "192.0.2.1").await.expect(200);

    // Before anything is looked at, for whom it may be.
    for _ in 0..6 {
        app.guess("192.0.2.50").await.expect(401);
    }
    let over = app.guess("192.0.2.50").await.expect(429);
    assert_eq!(over.failure().0, "rate_limited");
    let problem = app.request(Method::GET, "", None);
    let problem = problem.insert_header(("Accept", "application/problem+json"));
    let problem = app.send(from(problem, "192.0.2.50")).await.expect(429);
    assert_eq!(
        problem.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(problem.json["code"], "rate_limited");
}

#[tokio::test]
async fn deliveries_are_counted_for_themselves() {
    let limits = Limits {
        address: some(1),
        deliveries: some(2),
        ..Limits::default()
    };
    let (_db, app) = app(limits).await;
    let deliver = async || {
        let request = app.request(Method::POST, "/webhooks/nobody", None);
        app.send(from(request.set_payload("{}"), "192.0.2.1")).await
    };
    for _ in 0..2 {
        deliver().await.expect(404);
    }
    let over = deliver().await.expect(429);
    assert_eq!(over.failure().0, "rate_limited");
    app.list("t1-owner", "192.0.2.1").await.expect(200);
    app.list("t1-owner", "192.0.2.1").await.expect(429);
}

#[tokio::test]
async fn what_is_too_much_at_once_is_shed() {
    let limits = Limits {
        concurrent: some(1),
        ..Limits::default()
    };
    let (_db, app) = app(limits).await;
    let waiting = app.request(Method::GET, "/events?wait=1", Some("t1-owner"));
    let waiting = app.send(waiting);
    let other = async {
        // The first one is inside.
        tokio::task::yield_now().await;
        app.list("t1-owner", "192.0.2.1").await
    };
    let (waited, shed) = futures::future::join(waiting, other).await;
    waited.expect(200);
    let shed = shed.expect(503);
    assert_eq!(shed.failure().0, "overloaded");
    assert_eq!(shed.header("retry-after"), Some("1"));
    app.list("t1-owner", "192.0.2.1").await.expect(200);
}
