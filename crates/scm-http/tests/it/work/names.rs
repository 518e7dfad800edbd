//! Names that are easily sent wrongly: in a path, in a body and in a query they are the same name.

use scm_testkit::git_host::{Dialect, GitHost};
use serde_json::json;

use super::Bench;

/// A name, as a path holds it with its slashes raw, and with nothing raw that can be encoded.
const NAMES: &[(&str, &str)] = &[
    ("release/v1.0.0", "release/v1.0.0"),
    ("feature/a#b", "feature/a%23b"),
    ("100%", "100%25"),
    ("%2F", "%252F"),
    ("ünïcode", "%C3%BCn%C3%AFcode"),
    ("日本/🚀", "%E6%97%A5%E6%9C%AC/%F0%9F%9A%80"),
    ("q'&+=;,@!$()", "q'&+=;,@!$()"),
    ("a\"<b>|{c}", "a%22%3Cb%3E%7C%7Bc%7D"),
    ("latest", "refs/tags/latest"),
];

fn encoded(name: &str) -> String {
    name.bytes()
        .fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

#[tokio::test]
async fn each_is_one_name_everywhere() {
    let bench = Bench::new(Dialect::Github).await;
    let head = bench.git.repo().peel("main").unwrap();
    for (name, path) in NAMES {
        let path = path.to_string();
        let branch = json!({"name": name, "from": "main"});
        bench.post("/branches", &branch).await.expect(201);
        let tag = json!({"name": name, "branch": name});
        bench.post("/tags", &tag).await.expect(201);
        let whole = encoded(name);
        let full = format!("refs/tags/{whole}");
        let paths = [
            format!("/branches/{}", path.replace("refs/tags/", "")),
            format!("/branches/{whole}"),
            format!("/branches/refs/heads/{whole}"),
            format!("/branches/{}{whole}", encoded("refs/heads/")),
            format!("/tags/{path}"),
            format!("/tags/{full}"),
            format!("/tags/{}", encoded(&format!("refs/tags/{name}"))),
        ];
        for path in paths {
            let answer = bench.get(&path).await.expect(200);
            assert_eq!(answer.data()["name"], *name, "{path}");
            assert_eq!(answer.data()["commitSha"], head, "{path}");
        }
        let found = bench
            .get(&format!("/branches?search={whole}"))
            .await
            .expect(200);
        assert_eq!(found.data()[0]["name"], *name);
        let query = format!("base=refs/tags/{whole}&head=refs/heads/{whole}");
        let compared = bench.get(&format!("/compare?{query}")).await.expect(200);
        assert_eq!(compared.data()["count"], 0, "{name}");
        let picks = bench
            .get(&format!("/cherry-picks?branch={whole}&tag={whole}"))
            .await;
        assert_eq!(picks.expect(200).data()["hasCherryPicks"], false, "{name}");
    }
    let mut want: Vec<_> = NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    want.sort();
    assert_eq!(
        bench.git.repo().tag_names(),
        want,
        "exactly these, and none mangled"
    );
}

#[tokio::test]
async fn the_word_latest_can_be_a_tag() {
    let git = GitHost::start(Dialect::Github).await;
    git.repo().tag("latest", "main");
    git.repo().tag("v2.0.0", "main");
    let bench = Bench::with(git).await;
    for (path, name) in [("latest", "v2.0.0"), ("refs/tags/latest", "latest")] {
        let answer = bench.get(&format!("/tags/{path}")).await.expect(200);
        assert_eq!(answer.data()["name"], name);
    }
}
