//! What each route answers.

use scm_testkit::git_host::{Dialect, GitHost};
use serde_json::json;

use super::Bench;

#[tokio::test]
async fn explore() {
    let git = GitHost::start(Dialect::Github).await;
    git.repo().annotated_tag("v1.0.0", "main", "One\n");
    git.repo().commit("main", "Second (#12)");
    git.repo().commit("main", "Third @dev");
    git.repo().branch("release/1", "main");
    let bench = Bench::with(git).await;
    for path in ["/branches","/branches/main","/branches/release/1","/branches/none","/tags","/tags/latest","/tags/latest?prefix=zz","/tags/v1.0.0","/compare?base=v1.0.0&head=main","/cherry-picks?branch=main&tag=v1.0.0","/urls?branch=main&tag=v1.0.0&base=v1.0.0&head=main"] {
        let answer = bench.get(path).await;
        println!("GET {path} {} {:#}", answer.status, answer.json);
    }
    for (path, body) in [
        ("/branches", json!({"name": "release/2", "from": "main"})),
        ("/branches", json!({"name": "release/2", "from": "main"})),
        ("/branches", json!({"name": "release/2", "from": "v1.0.0"})),
        ("/tags", json!({"branch": "main", "targets": ["WEB", "PLAY_STORE"], "version": "1.1.0"})),
        ("/tags", json!({"branch": "main", "targets": ["WEB", "PLAY_STORE"], "version": "1.1.0"})),
        ("/release-notes", json!({"currentTag": "wps_1.1.0", "releaseDate": "2026-11-23"})),
        ("/releases", json!({"tag": "wps_1.1.0"})),
        ("/releases", json!({"tag": "wps_1.1.0"})),
        ("/releases", json!({"tag": "wps_1.1.0", "notes": "Other"})),
    ] {
        let answer = bench.post(path, &body).await;
        println!("POST {path} {body} {} {:#}", answer.status, answer.json);
    }
    println!("{:#}", bench.app.verify(&bench.id).await.json);
    panic!()
}
