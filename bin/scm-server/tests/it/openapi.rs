//! The OpenAPI document of the server: printed, committed, served, shown. `docs/openapi.json` holds it;
//! `SCM_UPDATE_OPENAPI=1` writes it anew.

use std::path::Path;

use serde_json::Value;

use crate::server::{BASE, Place};

fn printed() -> String {
    let output = Place::new().run(&["openapi"]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the switch of the test is in the environment"
)]
fn the_committed_document_is_the_one_that_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let printed = printed();
    if std::env::var("SCM_UPDATE_OPENAPI").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    // Not assert_eq: a difference of one line would print twenty thousand.
    assert!(
        committed == printed,
        "the document is not that of docs/openapi.json: SCM_UPDATE_OPENAPI=1 writes it"
    );
}

#[test]
fn the_server_serves_it_and_a_page_that_loads_nothing_from_elsewhere() {
    let running = Place::new().start();
    let client = running.client();
    let (status, served) = client.get("/openapi.json");
    let printed: Value = serde_json::from_str(&printed()).unwrap();
    assert_eq!((status, served), (200, printed.clone()));

    // What stands at the root is there, and told to be.
    for (path, item) in printed["paths"].as_object().unwrap() {
        if !path.starts_with(BASE) {
            let head = client.raw(&format!(
                "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ));
            let status = head.split(' ').nth(1).unwrap();
            let told = &item["get"]["responses"][status];
            assert!(status != "404" && told.is_object(), "{path}: {head}");
        }
    }

    let page = client.raw("GET /docs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let (head, page) = page.split_once("\r\n\r\n").unwrap();
    let policy =
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';";
    assert!(head.to_lowercase().contains(policy), "{head}");
    let mut loaded = 0;
    for attribute in ["src=\"", "href=\""] {
        for at in page.split(attribute).skip(1) {
            let address = at.split('"').next().unwrap();
            assert!(
                !address.contains(':') && !address.starts_with('/'),
                "{address}"
            );
            let request =
                format!("GET /{address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let answer = client.raw(&request);
            assert!(
                answer.starts_with("HTTP/1.1 200 "),
                "{address}: {answer:.200}"
            );
            loaded += 1;
        }
    }
    assert!(loaded >= 4, "{page}");
    assert!(
        !page.contains("<style") && !page.contains("<script>") && !page.contains(" style="),
        "{page}"
    );
    assert_eq!(client.get("/docs/other.js").0, 404);
}

#[test]
fn the_page_can_be_switched_off() {
    let place = Place::new();
    place.write("scm.toml", "[docs]\nenabled = false\n");
    let server = place.start();
    for path in ["/docs", "/docs/start.js", "/docs/swagger-ui.css"] {
        let (status, answer) = server.client().get(path);
        assert_eq!(
            (status, &answer["code"]),
            (404, &"unknown_route".into()),
            "{path}"
        );
    }
    assert_eq!(server.client().get("/openapi.json").0, 200);
}
