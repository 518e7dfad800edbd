//! Answers that get lost and processes that die between two calls: the same request again
//! completes the work, and nothing is there twice.

use scm_testkit::{code_host::Reply, git_host::Dialect};
use serde_json::{Value, json};

use super::Bench;

/// What a client may see of a write that was carried out.
fn losses() -> [(&'static str, Reply); 5] {
    [
        ("502", Reply::html(502)),
        ("500", Reply::json(500, &json!({"message": "Server Error"}))),
        ("closed", Reply::close()),
        (
            "broken off",
            Reply::json(201, &json!({"ref": "refs/heads/x"})).truncated(),
        ),
        ("silence", Reply::never()),
    ]
}

/// The writes that make something: their body, and the part of the path that decides.
fn writes() -> [(&'static str, Value, &'static str); 3] {
    [
        (
            "/branches",
            json!({"name": "release/1", "from": "main"}),
            "/git/refs",
        ),
        (
            "/tags",
            json!({"name": "v1.0.0", "branch": "main"}),
            "/git/refs",
        ),
        (
            "/releases",
            json!({"tag": "v1.0.0", "branch": "main", "notes": "All"}),
            "/releases",
        ),
    ]
}

#[tokio::test]
async fn a_lost_answer_is_read_back() {
    for (name, reply) in losses() {
        // Not all cases at once: a machine that is busy looks like a host that is slow.
        let cases = writes().map(|(path, body, part)| {
            let reply = reply.clone();
            async move {
                let bench = Bench::new(Dialect::Github).await;
                bench.git.lose("POST", part, reply);
                let made = bench.post(path, &body).await;
                assert_eq!(made.status, 201, "{name} {path}: {}", made.json);
                let again = bench.post(path, &body).await.expect(200);
                assert_eq!(again.json["existing"], true, "{name} {path}");
                once(&bench, path, part);
            }
        });
        futures::future::join_all(cases).await;
    }
}

/// Git has what was asked for, once, and the write that decides was sent once.
fn once(bench: &Bench, path: &str, part: &str) {
    let repo = bench.git.repo();
    let (branches, tags): (&[&str], &[&str]) = match path {
        "/branches" => (&["main", "release/1"], &[]),
        _ => (&["main"], &["v1.0.0"]),
    };
    assert_eq!(repo.branch_names(), branches, "{path}");
    assert_eq!(repo.tag_names(), tags, "{path}");
    let sent = bench.git.writes();
    let sent = sent.iter().filter(|request| request.path.ends_with(part));
    assert_eq!(sent.count(), 1, "{path}");
}

#[tokio::test]
async fn a_process_that_died_in_between_is_caught_up() {
    for (path, body, part) in writes() {
        let bench = Bench::new(Dialect::Github).await;
        let head = bench.git.repo().peel("main");
        bench.git.instead("POST", part, Reply::html(503));
        let failed = bench.post(path, &body).await.expect(503);
        assert_eq!(failed.failure().0, "provider_unavailable", "{path}");
        assert!(failed.header("retry-after").is_some());
        let made = bench.post(path, &body).await.expect(201);
        assert_eq!(made.json["existing"], false, "{path}");
        bench.post(path, &body).await.expect(200);
        let (branches, tags) = (
            bench.git.repo().branch_names(),
            bench.git.repo().tag_names(),
        );
        if path == "/branches" {
            assert_eq!((branches.len(), tags.len()), (2, 0));
        } else {
            assert_eq!((branches.len(), tags.len()), (1, 1));
            assert_eq!(bench.git.repo().peel("refs/tags/v1.0.0"), head);
            let kind = bench.git.repo().object_type("refs/tags/v1.0.0");
            assert_eq!(kind.as_deref(), Some("tag"), "{path}");
        }
    }
}

#[tokio::test]
async fn many_at_once_make_one() {
    let bench = Bench::new(Dialect::Github).await;
    for (path, body, _) in writes() {
        let posts = (0..8).map(|_| bench.post(path, &body));
        let answers = futures::future::join_all(posts).await;
        let count = |status| {
            answers
                .iter()
                .filter(|answer| answer.status == status)
                .count()
        };
        assert!(count(201) >= 1, "{path}");
        assert_eq!(count(200) + count(201), 8, "{path}");
    }
    assert_eq!(bench.git.repo().branch_names(), ["main", "release/1"]);
    assert_eq!(bench.git.repo().tag_names(), ["v1.0.0"]);
}

#[tokio::test]
async fn without_the_look_back_it_stays_open_until_the_next_request() {
    let bench = Bench::new(Dialect::Github).await;
    let body = json!({"name": "release/1", "from": "main"});
    bench.git.lose("POST", "/git/refs", Reply::close());
    let fails = || Reply::html(502);
    let looks = [
        Reply::fixture("github/branch_404"),
        fails(),
        fails(),
        fails(),
        fails(),
    ];
    bench.git.instead("GET", "/branches/release", looks);
    let open = bench.post("/branches", &body).await.expect(503);
    assert_eq!(open.failure().0, "provider_unavailable");
    bench.git.heal();
    let settled = bench.post("/branches", &body).await.expect(200);
    assert_eq!(settled.json["existing"], true, "it had been made");
    once(&bench, "/branches", "/git/refs");
}
