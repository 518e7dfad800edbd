//! Bad input: 400, every wrong field named, and no code host asked.

use actix_web::http::Method;
use scm_testkit::git_host::Dialect;
use serde_json::{Value, json};

use super::Bench;

const SHA: &str = "0123456789012345678901234567890123456789";

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[tokio::test]
async fn bodies() {
    let bench = Bench::new(Dialect::Github).await;
    let many: Vec<String> = (0..17).map(|_| "A".to_owned()).collect();
    let cases: Vec<(&str, Value, Vec<&str>)> = vec![
        ("/branches", json!({}), vec!["name", "from"]),
        (
            "/branches",
            json!({"name": "", "from": null}),
            vec!["name", "from"],
        ),
        (
            "/branches",
            json!({"name": "a..b", "from": "a..b"}),
            vec!["name", "from"],
        ),
        (
            "/branches",
            json!({"name": 1, "from": ["main"]}),
            vec!["name", "from"],
        ),
        (
            "/branches",
            json!({"name": "refs/heads/a", "from": "main"}),
            vec!["name"],
        ),
        (
            "/branches",
            json!({"name": long(245), "from": "main"}),
            vec!["name"],
        ),
        (
            "/branches",
            json!({"name": "-a", "from": "refs/heads/-a"}),
            vec!["name", "from"],
        ),
        (
            "/branches",
            json!({"name": SHA, "from": "refs/x/y"}),
            vec!["name", "from"],
        ),
        (
            "/branches",
            json!({"name": "a", "from": "main", "expectedSha": "abc", "force": true}),
            vec!["expectedSha", "force"],
        ),
        ("/tags", json!({}), vec!["name", "branch"]),
        ("/tags", json!({"name": "v1"}), vec!["branch"]),
        ("/tags", json!({"branch": "main"}), vec!["name"]),
        (
            "/tags",
            json!({"branch": "", "name": ""}),
            vec!["name", "branch"],
        ),
        (
            "/tags",
            json!({"branch": "a..b", "name": "v1"}),
            vec!["branch"],
        ),
        (
            "/tags",
            json!({"expectedSha": "main", "name": "v1"}),
            vec!["expectedSha"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "refs/tags/v1"}),
            vec!["name"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "v1", "targets": ["A"], "version": "1"}),
            vec!["name"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "v1", "version": "1"}),
            vec!["name"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": ["A"]}),
            vec!["version"],
        ),
        (
            "/tags",
            json!({"branch": "main", "version": "1"}),
            vec!["targets"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": "A", "version": "1"}),
            vec!["targets"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": [1], "version": "1"}),
            vec!["targets"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": [], "version": "1"}),
            vec!["targets"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": many, "version": "1"}),
            vec!["targets"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": ["A B"], "version": "1"}),
            vec!["targets"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": ["A"], "version": "1/2"}),
            vec!["version"],
        ),
        (
            "/tags",
            json!({"branch": "main", "targets": ["A"], "version": 1}),
            vec!["version"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "v1", "message": " \n"}),
            vec!["message"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "v1", "message": "a\0"}),
            vec!["message"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "v1", "message": long(64 * 1024 + 1)}),
            vec!["message"],
        ),
        (
            "/tags",
            json!({"branch": "main", "name": "v1", "sha": SHA}),
            vec!["sha"],
        ),
        ("/release-notes", json!({}), vec!["currentTag"]),
        (
            "/release-notes",
            json!({"currentTag": "a b"}),
            vec!["currentTag"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "previousTag": "a b"}),
            vec!["previousTag"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "previousTag": "v1", "parentTargets": ["A"]}),
            vec!["previousTag"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "previousTag": "v2"}),
            vec!["previousTag"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "a_2", "parentTargets": ["A"], "baseVersion": "2"}),
            vec!["baseVersion"],
        ),
        (
            "/releases",
            json!({"targets": ["A"], "version": "2", "previousTag": "a_2"}),
            vec!["previousTag"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "parentTargets": ["A"]}),
            vec!["baseVersion"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "parentTargets": ["-"], "baseVersion": "1"}),
            vec!["parentTargets"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "parentTargets": ["A"], "baseVersion": " "}),
            vec!["baseVersion"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "releaseDate": "soon"}),
            vec!["releaseDate"],
        ),
        (
            "/release-notes",
            json!({"currentTag": "v2", "notes": "x"}),
            vec!["notes"],
        ),
        ("/releases", json!({}), vec!["tag"]),
        (
            "/releases",
            json!({"tag": "a..b", "branch": "a..b"}),
            vec!["tag", "branch"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "targets": ["A"], "version": "1"}),
            vec!["tag"],
        ),
        ("/releases", json!({"tag": "v1", "name": ""}), vec!["name"]),
        (
            "/releases",
            json!({"tag": "v1", "name": "a\nb"}),
            vec!["name"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "name": long(256)}),
            vec!["name"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "notes": ""}),
            vec!["notes"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "notes": long(120_001)}),
            vec!["notes"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "prerelease": "yes"}),
            vec!["prerelease"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "expectedSha": "x"}),
            vec!["expectedSha"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "releaseDate": "2026-13-01"}),
            vec!["releaseDate"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "notes": "x", "previousTag": "v0", "releaseDate": "2026-01-01"}),
            vec!["previousTag", "releaseDate"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "notes": "x", "parentTargets": ["A"], "baseVersion": "1"}),
            vec!["parentTargets", "baseVersion"],
        ),
        (
            "/releases",
            json!({"tag": "v1", "draft": true}),
            vec!["draft"],
        ),
        (
            "/branches?x=1",
            json!({"name": "a", "from": "main"}),
            vec!["x"],
        ),
        ("/releases?dry=1", json!({"tag": "v1"}), vec!["dry"]),
    ];
    for (path, body, mut fields) in cases {
        let shown: String = body.to_string().chars().take(90).collect();
        let answer = bench.post(path, &body).await;
        assert_eq!(answer.status, 400, "{path} {shown}: {}", answer.json);
        let (code, mut named) = answer.failure();
        assert_eq!(code, "validation_failed");
        named.sort();
        fields.sort_unstable();
        assert_eq!(named, fields, "{path} {shown}");
    }
    for (path, body) in [("/branches", "[]"), ("/tags", "{"), ("/releases", "null")] {
        let request = bench.app.request(Method::POST, &bench.path(path), None);
        let request = request.insert_header(("Content-Type", "application/json"));
        bench.app.send(request.set_payload(body)).await.expect(400);
    }
    let request = bench
        .app
        .request(Method::POST, &bench.path("/branches"), None)
        .insert_header(("Content-Type", "application/json"))
        .set_payload(r#"{"name":"a","from":"main","name":"b"}"#);
    let answer = bench.app.send(request).await.expect(400);
    let named = ("validation_failed".to_owned(), vec!["name".to_owned()]);
    assert_eq!(answer.failure(), named);
    assert_eq!(bench.git.calls(), 0, "nobody was asked");
}

#[tokio::test]
async fn queries() {
    let bench = Bench::new(Dialect::Github).await;
    let name = long(245);
    for (path, mut fields) in [
        ("/branches?limit=0", vec!["limit"]),
        ("/branches?limit=1001&search=", vec!["limit", "search"]),
        (
            "/branches?limit=x&cursor=x&page=2",
            vec!["limit", "cursor", "page"],
        ),
        ("/branches?search=a%20b", vec!["search"]),
        ("/branches?search=a&search=b", vec!["search"]),
        ("/branches/main?x=1", vec!["x"]),
        (
            "/tags?limit=0&cursor=x&prefix=&search=%00",
            vec!["limit", "cursor", "prefix", "search"],
        ),
        ("/tags/latest?prefix=a%20b&limit=1", vec!["prefix", "limit"]),
        ("/tags/v1?prefix=v", vec!["prefix"]),
        ("/compare", vec!["base", "head"]),
        ("/compare?base=&head=main", vec!["base"]),
        ("/compare?base=a..b&head=a%20b", vec!["base", "head"]),
        ("/compare?base=main&head=v1&three=dots", vec!["three"]),
        ("/cherry-picks", vec!["branch", "tag"]),
        (
            "/cherry-picks?branch=refs/heads/main&tag=refs/tags/v1",
            vec!["branch", "tag"],
        ),
        ("/urls?base=main", vec!["head"]),
        (
            "/urls?head=main&branch=a..b&tag=a..b&commit=x",
            vec!["base", "branch", "tag", "commit"],
        ),
        ("/urls?release=1", vec!["release"]),
        (&format!("/compare?base={name}&head=main"), vec!["base"]),
    ] {
        let answer = bench.get(path).await.expect(400);
        let mut named = answer.failure().1;
        named.sort();
        fields.sort_unstable();
        assert_eq!(named, fields, "{path}");
    }
    for path in [
        "/compare?base=%ff&head=main",
        "/compare?base=100%&head=main",
        "/branches?search=%zz",
        "/branches?%ff=1",
    ] {
        let answer = bench.get(path).await.expect(400);
        assert_eq!(answer.failure().0, "malformed_query", "{path}");
    }

    assert_eq!(bench.git.calls(), 0, "nobody was asked");

    // The one product whose addresses say what a name is.
    let bench = Bench::new(Dialect::DataCenter).await;
    let answer = bench.get("/urls?base=main&head=refs/tags/v1").await;
    assert_eq!(answer.expect(400).failure().1, ["base"]);
    assert_eq!(bench.git.calls(), 0, "nobody was asked");
}

#[tokio::test]
async fn names_in_paths() {
    let bench = Bench::new(Dialect::Github).await;
    for name in [
        "a..b",
        "a%2E%2Eb",
        "",
        "/",
        "a//b",
        "a/",
        "%",
        "a%2",
        "%zz",
        "%ff",
        "%C3%28",
        "a%20b",
        "a%00b",
        "a%0Ab",
        "a~1",
        "%5E",
        "a%3Ab",
        "a%5Cb",
        "a.lock",
        "@",
        "refs/heads/",
        "x%40%7B1",
        SHA,
    ] {
        for kind in ["branches", "tags"] {
            let answer = bench.get(&format!("/{kind}/{name}")).await;
            assert_eq!(answer.status, 400, "{kind} {name}: {}", answer.json);
            assert_eq!(answer.failure().1, ["name"], "{kind} {name}");
        }
    }
    for name in ["HEAD", "-a", "refs/tags/v1"] {
        let answer = bench.get(&format!("/branches/{name}")).await.expect(400);
        assert_eq!(answer.failure().1, ["name"], "{name}");
    }
    assert_eq!(bench.git.calls(), 0, "nobody was asked");
}
