//! What all hosts have in common: faults, the limit, archives, concurrency.

use std::time::Duration;

use serde_json::json;

use super::client::{get, post, send};
use crate::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};

/// The call that makes a branch at a commit.
async fn create(host: &GitHost, name: &str, sha: &str) -> u16 {
    let (path, body) = match host.dialect() {
        Dialect::Github => (
            "/repos/octo/app/git/refs",
            json!({"ref": format!("refs/heads/{name}"), "sha": sha}),
        ),
        Dialect::Gitlab => (
            "/projects/4/repository/branches",
            json!({"branch": name, "ref": sha}),
        ),
        Dialect::Bitbucket => (
            "/repositories/ws/app/refs/branches",
            json!({"name": name, "target": {"hash": sha}}),
        ),
        Dialect::DataCenter => (
            "/api/latest/projects/KEY/repos/app/branches",
            json!({"name": name, "startPoint": sha}),
        ),
    };
    post(host, path, body).await.status
}

fn route(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Github => "/repos/octo/app",
        Dialect::Gitlab => "/projects/group%2Fsub%2Fdeep%2Fapp",
        Dialect::Bitbucket => "/repositories/ws/app",
        Dialect::DataCenter => "/api/latest/projects/KEY/repos/app",
    }
}

#[tokio::test]
async fn a_repository_is_described() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let answer = get(&host, route(dialect)).await.expect(200);
        let name = ["/full_name", "/path_with_namespace", "/project/key"];
        let name = name.iter().find_map(|it| answer.json.pointer(it));
        let path = dialect.repository();
        let wanted = if dialect == Dialect::DataCenter {
            "KEY"
        } else {
            path
        };
        assert_eq!(name.unwrap(), wanted);
        assert_eq!(
            send(&host, "GET", route(dialect), &[], None).await.status,
            401
        );
        assert_eq!(host.calls(), 2);
        host.forget_requests();
        assert_eq!(host.calls(), 0);
    }
}

#[tokio::test]
async fn faults_and_lost_answers() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let repo = host.repo();
        let head = repo.rev_parse("main").unwrap();
        host.instead("POST", "", [Reply::html(502), Reply::close()]);
        assert_eq!(create(&host, "one", &head).await, 502);
        assert_eq!(create(&host, "one", &head).await, 0);
        assert_eq!(repo.branch_names(), ["main"]);
        host.lose("POST", "app", Reply::html(504));
        // GitLab names the project by its number here.
        host.lose("POST", "/4/", Reply::html(504));
        assert_eq!(create(&host, "one", &head).await, 504);
        assert_eq!(repo.branch_names(), ["main", "one"]);
        host.heal();
        assert_eq!(host.writes().len(), 3);
        host.always("", "", Reply::text(503, "down"));
        for _ in 0..3 {
            assert_eq!(get(&host, route(dialect)).await.status, 503);
        }
        host.heal();
        get(&host, route(dialect)).await.expect(200);
    }
}

#[tokio::test]
async fn of_two_creators_one_is_refused() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let head = host.repo().rev_parse("main").unwrap();
        host.set_latency(Duration::from_millis(800));
        let both = tokio::join!(create(&host, "x", &head), create(&host, "x", &head));
        assert_eq!(host.most_at_once(), 2, "one after the other");
        let (good, bad) = (both.0.min(both.1), both.0.max(both.1));
        assert!(good < 300 && bad >= 400, "{both:?}");
    }
}

#[tokio::test]
async fn who_may_not_write() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let repo = host.repo();
        let head = repo.rev_parse("main").unwrap();
        host.protect("refs/heads/p");
        assert!(create(&host, "p", &head).await >= 400);
        host.set_read_only_token(true);
        let refused = if dialect == Dialect::DataCenter {
            401
        } else {
            403
        };
        assert_eq!(create(&host, "x", &head).await, refused);
        host.set_read_only_token(false);
        if dialect != Dialect::Bitbucket {
            host.set_archived(true);
            assert!(create(&host, "x", &head).await >= 400);
            host.set_archived(false);
        }
        assert_eq!(repo.branch_names(), ["main"]);
        assert!(create(&host, "x", &head).await < 300);
        // git decides: a branch beside `x/y`, twice the same, no such commit.
        for (name, sha) in [
            ("x/y", &*head),
            ("x", &*head),
            ("a..b", &*head),
            ("z", &"0".repeat(40)),
        ] {
            assert!(create(&host, name, sha).await >= 400, "{name}");
        }
        assert_eq!(repo.branch_names(), ["main", "x"]);
    }
}

#[tokio::test]
async fn the_limit_and_what_is_unchanged() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        host.set_rate_limit(2);
        let answer = get(&host, route(dialect)).await.expect(200);
        let left = ["x-ratelimit-remaining", "ratelimit-remaining"];
        let left = left.iter().find_map(|it| answer.header(it));
        let tells = matches!(dialect, Dialect::Github | Dialect::Gitlab);
        assert_eq!(left, tells.then_some("1"));
        if let Some(tag) = answer.header("etag") {
            let authorization = format!("Bearer {}", dialect.token());
            let headers = [("if-none-match", tag), ("authorization", &authorization)];
            let again = send(&host, "GET", route(dialect), &headers, None).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""));
        }
        // On GitHub the 304 was free.
        if matches!(
            dialect,
            Dialect::Github | Dialect::Bitbucket | Dialect::DataCenter
        ) {
            get(&host, route(dialect)).await.expect(200);
        }
        let refused = get(&host, route(dialect)).await.status;
        assert_eq!(refused, if dialect == Dialect::Github { 403 } else { 429 });
        host.set_rate_limit(10);
        get(&host, route(dialect)).await.expect(200);
    }
}

#[tokio::test]
async fn an_empty_repository_has_no_branches() {
    for dialect in Dialect::ALL {
        let host = GitHost::empty(dialect).await;
        get(&host, route(dialect)).await.expect(200);
        assert!(create(&host, "x", &"1".repeat(40)).await >= 400);
        assert_eq!(host.repo().tag_names().len(), 0);
    }
}
