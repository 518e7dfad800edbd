//! Requests that two readers can read in two ways, written to the socket byte for byte: each has one
//! answer, and what hides in one is never answered as a request of its own.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use scm_http::{Limits, configure_with, fallback};
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::app::{BASE, Mode, TestApp};

/// Longer than any answer takes, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the rows of the two tenants are called.
const FIRST: &str = "row-of-the-first";
const SECOND: &str = "row-of-the-second";

/// A server with a row of each of two tenants.
struct Listening {
    app: TestApp,
    address: SocketAddr,
    handle: ServerHandle,
    _db: TestDb,
}

impl Listening {
    async fn new(mode: Mode) -> Self {
        let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
        let app = TestApp::new(&db.url, mode).await;
        for (tenant, name) in [("t1", FIRST), ("t2", SECOND)] {
            let mut body = app.body(tenant, Standard::Github);
            body["displayName"] = json!(name);
            let caller = (mode != Mode::Open).then_some("platform");
            let request = app.request(actix_web::http::Method::POST, "", caller);
            app.send(request.set_json(&body)).await.expect(201);
        }
        let limits = Limits::default();
        let api = configure_with(app.services.clone(), app.authentication.clone(), limits);
        let server = HttpServer::new(move || {
            App::new()
                .service(web::scope(BASE).configure(api.clone()))
                .default_service(web::to(fallback))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0));
        let server = server.unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            app,
            address,
            handle,
            _db: db,
        }
    }

    /// The statuses of all answers to these bytes, and their text.
    async fn answers(&self, request: &str) -> (Vec<u16>, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        match read.expect("the connection is closed behind the last answer") {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
        let text = String::from_utf8(bytes).unwrap();
        let status = |answer: &str| answer.split(' ').nth(1)?.parse().ok();
        let statuses = text.split("HTTP/1.").skip(1).filter_map(status).collect();
        (statuses, text)
    }

    /// Fails unless the bytes get these answers, and only rows of the tenants in `rows`.
    async fn expect(&self, name: &str, request: &str, statuses: &[u16], rows: &[&str]) {
        let (got, text) = self.answers(request).await;
        assert_eq!(got, statuses, "{name}:\n{request}\n---\n{text}");
        for row in [FIRST, SECOND] {
            assert_eq!(
                text.contains(row),
                rows.contains(&row),
                "{name}: {row}\n{text}"
            );
        }
    }

    async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// A list, with these lines below its first one.
fn list(lines: &str) -> String {
    format!("GET {BASE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n")
}

#[tokio::test]
async fn a_credential_that_can_be_read_in_two_ways_is_none() {
    let server = Listening::new(Mode::Keys).await;
    let (one, two) = (server.app.key("t1-owner"), server.app.key("t2-owner"));
    let platform = server.app.key("platform");
    let cases = [
        (
            "the other's behind it",
            format!("Authorization: Bearer {one}\r\nAuthorization: Bearer {two}\r\n"),
        ),
        (
            "the other's before it",
            format!("authorization: Bearer {two}\r\nAUTHORIZATION: Bearer {one}\r\n"),
        ),
        (
            "the same twice",
            format!("Authorization: Bearer {one}\r\nAuthorization: Bearer {one}\r\n"),
        ),
        (
            "an empty one behind it",
            format!("Authorization: Bearer {one}\r\nAuthorization:\r\n"),
        ),
        (
            "another scheme behind it",
            format!("Authorization: Bearer {one}\r\nAuthorization: Basic eDp5\r\n"),
        ),
        (
            "two in one line",
            format!("Authorization: Bearer {one}, Bearer {two}\r\n"),
        ),
        (
            "two behind one word",
            format!("Authorization: Bearer {one} {two}\r\n"),
        ),
        (
            "in the place of a proxy's",
            format!("Proxy-Authorization: Bearer {one}\r\n"),
        ),
        (
            "in a cookie",
            format!("Cookie: Authorization=Bearer {one}\r\n"),
        ),
        (
            "another name",
            format!("X-Forwarded-Authorization: Bearer {platform}\r\n"),
        ),
    ];
    for (name, lines) in cases {
        server.expect(name, &list(&lines), &[401], &[]).await;
    }
    for (name, lines) in [
        (
            "a folded line",
            format!("Authorization: Bearer\r\n {one}\r\n"),
        ),
        (
            "a folded second",
            format!("Authorization: Bearer {one}\r\n\tAuthorization: Bearer {two}\r\n"),
        ),
        (
            "a blank behind the name",
            format!("Authorization : Bearer {one}\r\n"),
        ),
        (
            "a tab behind the name",
            format!("Authorization\t: Bearer {one}\r\n"),
        ),
        (
            "a blank before the name",
            format!(" Authorization: Bearer {one}\r\n"),
        ),
        ("no name", format!(": x\r\nAuthorization: Bearer {one}\r\n")),
        ("no colon", format!("Authorization Bearer {one}\r\n")),
        (
            "a bare CR in a value",
            format!("X-Note: a\rAuthorization: Bearer {two}\r\nAuthorization: Bearer {one}\r\n"),
        ),
        (
            "a NUL in a value",
            format!("Authorization: Bearer {one}\0{two}\r\n"),
        ),
        (
            "a letter beyond ASCII in a name",
            format!("Authorizatïon: x\r\nAuthorization: Bearer {one}\r\n"),
        ),
    ] {
        server.expect(name, &list(&lines), &[400], &[]).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_tenant_is_named_once() {
    let server = Listening::new(Mode::Keys).await;
    let one = format!("Authorization: Bearer {}\r\n", server.app.key("t1-owner"));
    for (name, lines, status) in [
        (
            "the other's behind it",
            "Scm-Tenant: t1\r\nScm-Tenant: t2\r\n",
            400,
        ),
        (
            "the other's before it",
            "Scm-Tenant: t2\r\nscm-tenant: t1\r\n",
            400,
        ),
        (
            "the same twice",
            "Scm-Tenant: t1\r\nScm-Tenant: t1\r\n",
            400,
        ),
        ("two in one line", "Scm-Tenant: t1, t2\r\n", 400),
        ("nobody's", "Scm-Tenant:\r\n", 400),
        ("a folded line", "Scm-Tenant: t1\r\n t2\r\n", 400),
        ("the other's", "Scm-Tenant: t2\r\n", 403),
    ] {
        let request = list(&format!("{one}{lines}"));
        server.expect(name, &request, &[status], &[]).await;
    }
    for (name, lines) in [
        ("the own", "Scm-Tenant: t1\r\n"),
        ("an underscore", "Scm_Tenant: t2\r\n"),
        ("another name", "X-Scm-Tenant: t2\r\n"),
        ("another method", "X-HTTP-Method-Override: DELETE\r\n"),
        (
            "another path",
            "X-Original-URL: /livez\r\nX-Rewrite-URL: /livez\r\n",
        ),
        (
            "a credential that is not to be passed on",
            "Connection: Authorization\r\n",
        ),
    ] {
        let request = list(&format!("{one}{lines}"));
        server.expect(name, &request, &[200], &[FIRST]).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_length_that_can_be_read_in_two_ways_ends_the_connection() {
    let server = Listening::new(Mode::Keys).await;
    let (one, two) = (server.app.key("t1-owner"), server.app.key("t2-owner"));
    let hidden = list(&format!("Authorization: Bearer {two}\r\n"));
    let length = hidden.len();
    let cases = [
        (
            "two lengths",
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        ),
        (
            "one length twice",
            format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
        ),
        (
            "two lengths in a line",
            format!("Content-Length: 0, {length}\r\n"),
        ),
        (
            "a length with a sign",
            format!("Content-Length: +{length}\r\n"),
        ),
        ("a negative length", "Content-Length: -1\r\n".to_owned()),
        (
            "a length in another base",
            format!("Content-Length: 0x{length:x}\r\n"),
        ),
        (
            "a length beyond all",
            "Content-Length: 18446744073709551616\r\n".to_owned(),
        ),
        ("no length", "Content-Length:\r\n".to_owned()),
        (
            "a blank behind the length's name",
            format!("Content-Length : {length}\r\n"),
        ),
        (
            "a length and chunks",
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        ),
        (
            "chunks and a length",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n".to_owned(),
        ),
        (
            "chunks twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        ),
        (
            "chunks and something else",
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        ),
        (
            "something else and chunks",
            "Transfer-Encoding: identity, chunked\r\n".to_owned(),
        ),
        (
            "two encodings",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        ),
        ("no encoding", "Transfer-Encoding: identity\r\n".to_owned()),
        (
            "an unknown encoding",
            "Transfer-Encoding: xchunked\r\n".to_owned(),
        ),
        (
            "a control character in it",
            "Transfer-Encoding: \u{b}chunked\r\n".to_owned(),
        ),
        (
            "a quoted encoding",
            "Transfer-Encoding: \"chunked\"\r\n".to_owned(),
        ),
        (
            "a folded encoding",
            "Transfer-Encoding:\r\n chunked\r\n".to_owned(),
        ),
        (
            "a blank behind the encoding's name",
            "Transfer-Encoding : chunked\r\n".to_owned(),
        ),
        ("two hosts", "Host: elsewhere.example\r\n".to_owned()),
    ];
    for (name, lines) in cases {
        let request = format!(
            "POST {BASE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {one}\r\n\
             Content-Type: application/json\r\n{lines}\r\n0\r\n\r\n{hidden}"
        );
        server.expect(name, &request, &[400], &[]).await;
    }
    let head = format!("POST {BASE} HTTP/1.0\r\nAuthorization: Bearer {one}\r\n");
    for (name, lines) in [
        (
            "chunks before there were any",
            "Transfer-Encoding: chunked\r\n",
        ),
        ("a body of no length", ""),
    ] {
        let request = format!("{head}{lines}\r\n0\r\n\r\n{hidden}");
        server.expect(name, &request, &[400], &[]).await;
    }
    let nowhere = hidden.replace("Host: localhost\r\n", "");
    server.expect("no host", &nowhere, &[400], &[]).await;
    server.stop().await;
}

#[tokio::test]
async fn a_broken_chunk_ends_the_connection() {
    let server = Listening::new(Mode::Keys).await;
    let (one, two) = (server.app.key("t1-owner"), server.app.key("t2-owner"));
    let hidden = list(&format!("Authorization: Bearer {two}\r\n"));
    for (name, chunk) in [
        ("no number", "x\r\n\r\n"),
        ("a sign", "+0\r\n\r\n"),
        ("a number in another form", "0x0\r\n\r\n"),
        ("a number beyond all", "fffffffffffffffff\r\n\r\n"),
        ("nothing", "\r\n\r\n"),
        ("more than was said", "1\r\n{}\r\n0\r\n\r\n"),
        ("a bare CR behind the number", "0\r\r\n\r\n"),
    ] {
        let request = format!(
            "POST {BASE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {one}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{hidden}"
        );
        server.expect(name, &request, &[400], &[]).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_in_a_body_stays_in_it() {
    let server = Listening::new(Mode::Keys).await;
    let (one, two) = (server.app.key("t1-owner"), server.app.key("t2-owner"));
    let hidden = list(&format!("Authorization: Bearer {two}\r\n"));
    let last = list(&format!("Authorization: Bearer {one}\r\n"));
    let length = hidden.len();
    let credential = format!("Host: localhost\r\nAuthorization: Bearer {one}\r\n");
    let sized = format!("Content-Length: {length}\r\n\r\n{hidden}");
    let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    for (name, body) in [("a length", &sized), ("chunks", &chunked)] {
        let get = format!("GET {BASE} HTTP/1.1\r\n{credential}{body}{last}");
        let (statuses, text) = server.answers(&get).await;
        assert!(
            statuses.iter().all(|status| *status == 200),
            "{name}: {text}"
        );
        assert!((1..=2).contains(&statuses.len()), "{name}: {text}");
        assert!(
            text.contains(FIRST) && !text.contains(SECOND),
            "{name}: {text}"
        );
        let json = "Content-Type: application/json\r\n";
        let post = format!("POST {BASE}/verify HTTP/1.1\r\n{credential}{json}{body}{last}");
        let (statuses, text) = server.answers(&post).await;
        assert_eq!(statuses[0], 400, "{name}: {text}");
        assert!(
            statuses.len() <= 2 && !text.contains(SECOND),
            "{name}: {text}"
        );
    }
    // What is no upgrade here is a request like any other, and the next one has its own caller.
    let upgrade = format!(
        "GET {BASE} HTTP/1.1\r\n{credential}Connection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n{hidden}"
    );
    server
        .expect("an upgrade", &upgrade, &[200], &[FIRST])
        .await;
    server.stop().await;
}

#[tokio::test]
async fn odd_heads_have_one_answer() {
    let server = Listening::new(Mode::Keys).await;
    let one = format!("Authorization: Bearer {}\r\n", server.app.key("t1-owner"));
    // A whole address names this server, whatever name that is: nothing is chosen by it.
    let whole = list(&one).replacen(BASE, &format!("http://elsewhere.example{BASE}"), 1);
    server
        .expect("a whole address", &whole, &[200], &[FIRST])
        .await;
    let bare = list(&one).replace("\r\n", "\n");
    server
        .expect("lines that end with LF", &bare, &[200], &[FIRST])
        .await;
    let long = format!("{one}X-Long: {}\r\n", "x".repeat(30_000));
    server
        .expect("a long line", &list(&long), &[200], &[FIRST])
        .await;
    for (name, request, status) in [
        (
            "no path",
            "GET  HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            400,
        ),
        (
            "no version",
            format!("GET {BASE}\r\nHost: localhost\r\n\r\n"),
            400,
        ),
        (
            "another version",
            format!("GET {BASE} HTTP/1.2\r\nHost: localhost\r\n\r\n"),
            400,
        ),
        (
            "the beginning of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            400,
        ),
        (
            "a blank in the path",
            list(&one).replacen(BASE, &format!("{BASE}/a b"), 1),
            400,
        ),
        (
            "a control character in the path",
            list(&one).replacen(BASE, &format!("{BASE}/a\u{1}b"), 1),
            400,
        ),
        (
            "a hundred lines",
            list(&format!("{one}{}", "X-More: 1\r\n".repeat(100))),
            431,
        ),
        (
            "a tunnel",
            format!(
                "CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{one}\r\n"
            ),
            404,
        ),
        (
            "the server itself",
            format!("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{one}\r\n"),
            404,
        ),
    ] {
        server.expect(name, &request, &[status], &[]).await;
    }
    // All that is read before it is refused, so that nothing is left which would cut the answer off.
    let head = list("");
    let endless = format!(
        "{}X-Long: ",
        head.trim_end_matches("\r\n").to_owned() + "\r\n"
    );
    let endless = format!("{endless}{}", "x".repeat(128 * 1024 - endless.len()));
    server
        .expect("a head without an end", &endless, &[431], &[])
        .await;
    server.stop().await;
}

#[tokio::test]
async fn without_authentication_only_this_machine_is_named() {
    let server = Listening::new(Mode::Open).await;
    for (name, target, lines, status) in [
        ("as usual", BASE.to_owned(), "Host: localhost\r\n", 200),
        (
            "a whole address",
            format!("http://127.0.0.1:8080{BASE}"),
            "Host: 127.0.0.1:8080\r\n",
            200,
        ),
        (
            "a rebound name",
            BASE.to_owned(),
            "Host: evil.example\r\n",
            403,
        ),
        (
            "another address behind this name",
            format!("http://evil.example{BASE}"),
            "Host: localhost\r\n",
            403,
        ),
        (
            "this name as a user's",
            format!("http://localhost@evil.example{BASE}"),
            "Host: localhost\r\n",
            403,
        ),
        (
            "this name behind another",
            format!("http://localhost{BASE}"),
            "Host: evil.example\r\n",
            403,
        ),
        (
            "another page",
            BASE.to_owned(),
            "Host: localhost\r\nOrigin: https://evil.example\r\n",
            403,
        ),
        (
            "two pages",
            BASE.to_owned(),
            "Host: localhost\r\nOrigin: http://localhost\r\nOrigin: https://evil.example\r\n",
            403,
        ),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
        let rows: &[&str] = if status == 200 { &[FIRST, SECOND] } else { &[] };
        server.expect(name, &request, &[status], rows).await;
    }
    server.stop().await;
}
