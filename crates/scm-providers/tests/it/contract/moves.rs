//! A repository that was renamed, and one that is known by its id.

use scm_testkit::code_host::{Reply, Standard};

use super::{by, definite, judge, no_list, passing};
use crate::support::Bench;

#[tokio::test]
async fn a_renamed_repository_by_redirect() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let host = &bench.host;
        let (old, new) = match standard {
            Standard::Github => ("/repos/octo/old", "/repositories/1296269"),
            Standard::Gitlab => ("/projects/group%2Fsub%2Fold", "/projects/4"),
            Standard::Bitbucket => ("/repositories/ws/old", "/repositories/ws/app"),
        };
        let location = format!("{}{new}", host.api_url());
        host.on("GET", old, Reply::redirect(301, &location));
        host.on("GET", new, host.repository_reply());
        let path = standard.repository().replace("app", "old");
        let provider = bench.open(&path, standard.token(), None).unwrap();
        let report = provider.check().await.unwrap();
        let moved_to = report.repository.moved_to.as_deref();
        assert_eq!(moved_to, Some(standard.repository()), "{standard:?}");
        assert_eq!(report.branches.len(), 2, "the new place is asked");
    }
}

#[tokio::test]
async fn a_renamed_repository_without_redirect_and_another_spelling() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let path = standard.repository();
        for (now, moved) in [
            (path.replace("app", "App"), false),
            (path.replace("app", "new"), true),
        ] {
            let hooks = standard
                .hooks_route()
                .replace("app", &now[path.len() - 3..]);
            let branches = standard
                .branches_route()
                .replace("app", &now[path.len() - 3..]);
            bench
                .host
                .on("GET", standard.repository_route(), bench.host.named(&now));
            bench
                .host
                .on("GET", &hooks, Reply::json(200, &no_list(standard)));
            bench
                .host
                .on("GET", &branches, Reply::json(200, &no_list(standard)));
            let report = bench.check().await.unwrap();
            assert_eq!(
                report.repository.moved_to,
                moved.then(|| now.clone()),
                "{standard:?}"
            );
            assert_eq!(
                report.repository.name,
                now[path.len() - 3..],
                "the host's spelling"
            );
            assert_eq!(report.has_webhooks, Some(false), "{standard:?}");
        }
    }
}

/// The id of the standard repository, and the route by it.
fn known(standard: Standard) -> (&'static str, &'static str) {
    match standard {
        Standard::Github => ("1296269", "/repositories/1296269"),
        Standard::Gitlab => ("4", "/projects/4"),
        Standard::Bitbucket => (
            "{c75687fb-e99d-4579-9087-190dbd406d30}",
            "/repositories/ws/%7Bc75687fb-e99d-4579-9087-190dbd406d30%7D",
        ),
    }
}

#[tokio::test]
async fn a_known_repository_is_asked_for_by_its_id() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let (id, by_id) = known(standard);
        let path = standard.repository();
        bench.host.on("GET", by_id, bench.host.repository_reply());
        let report = bench.check_known(path, id).await.unwrap();
        assert_eq!(report.repository.id, id, "{standard:?}");
        assert_eq!(report.repository.moved_to, None, "{standard:?}");
        let by_path = standard.repository_route();
        assert_eq!(bench.host.calls_to("GET", by_id), 1, "{standard:?}");
        assert_eq!(bench.host.calls_to("GET", by_path), 0, "{standard:?}");

        // Renamed, and somebody else has the old name.
        let old = path.replace("app", "old");
        let report = bench.check_known(&old, id).await.unwrap();
        let moved_to = report.repository.moved_to.as_deref();
        assert_eq!(moved_to, Some(path), "{standard:?}");
        assert_eq!(report.branches.len(), 2, "the new place is asked");
    }
}

#[tokio::test]
async fn an_id_that_is_gone_leaves_the_path() {
    for standard in Standard::ALL {
        let (id, by_id) = known(standard);
        let path = standard.repository();
        let gone = || by(standard, "repo_404", "project_404", "repo_404");
        // GitLab's standard host answers for its id; this is another's.
        let (id, by_id) = match standard {
            Standard::Gitlab => ("5", "/projects/5"),
            _ => (id, by_id),
        };
        let bench = Bench::of(standard).await;
        bench.host.on("GET", by_id, gone());
        let report = bench.check_known(path, id).await.unwrap();
        assert_eq!(bench.host.calls_to("GET", by_id), 1, "{standard:?}");
        assert_eq!(report.repository.id, known(standard).0, "what is there");

        let by_path = standard.repository_route();
        bench.host.on("GET", by_path, gone());
        let got = bench.check_known(path, id).await;
        judge("both gone", standard, &got, &definite("not_found"));

        // What is no answer about the repository ends it.
        bench.host.forget_requests();
        bench
            .host
            .on("GET", by_id, Reply::text(401, "Unauthorized"));
        let got = bench.check_known(path, id).await;
        judge("in between", standard, &got, &passing("unavailable"));
        assert_eq!(bench.host.calls_to("GET", by_path), 0, "{standard:?}");
    }
}

#[tokio::test]
async fn an_id_of_another_form_is_not_used() {
    for standard in Standard::ALL {
        for id in ["", "..", "4/../5", "x", "{x}", "4%2F", "-1"] {
            let bench = Bench::of(standard).await;
            let report = bench.check_known(standard.repository(), id).await;
            assert_eq!(report.unwrap().branches.len(), 2, "{standard:?} {id:?}");
            let by_path = standard.repository_route();
            assert_eq!(bench.host.calls_to("GET", by_path), 1, "{standard:?} {id}");
            let asked = bench.host.requests().len();
            let plain = Bench::of(standard).await;
            plain.check().await.unwrap();
            assert_eq!(asked, plain.host.calls(), "{standard:?} {id:?}");
        }
    }
}
