//! What credentials, repositories and addresses do not allow: told as what it is, and nothing made.

use scm_testkit::{code_host::Reply, git_host::Dialect};
use serde_json::json;

use super::{OURS, ensure, part, url, wanted, wanted_at};
use crate::{support::git::GitBench, work::on_every_dialect};

/// A refusal of a status, with a body of the product's form.
fn refusal(dialect: Dialect, status: u16) -> Reply {
    let body = match dialect {
        Dialect::Github | Dialect::Gitlab => json!({"message": "no"}),
        Dialect::Bitbucket => json!({"type": "error", "error": {"message": "no"}}),
        Dialect::DataCenter => json!({"errors": [{"context": null, "message": "no"}]}),
    };
    Reply::json(status, &body)
}

#[tokio::test]
async fn refusals_of_the_list_and_of_the_webhook() {
    let table = [
        (401, "token_invalid"),
        (403, "insufficient_scope"),
        (404, "insufficient_scope"),
        (429, "rate_limited"),
        (503, "unavailable"),
    ];
    for dialect in Dialect::ALL {
        for method in ["GET", "POST"] {
            for (status, code) in table {
                let bench = GitBench::start(dialect).await;
                let (provider, info) = bench.work().await;
                let reply = refusal(dialect, status);
                bench.host.always(method, part(dialect), reply);
                let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
                let name = format!("{dialect:?}, {method}, {status}");
                assert_eq!(error.code(), code, "{name}: {error:?}");
                if code == "insufficient_scope" {
                    let text = error.to_string();
                    assert!(text.contains("lacks: the "), "{name}: {text}");
                }
                assert!(bench.host.hooks().is_empty(), "{name}");
                let posts = usize::from(method == "POST");
                assert_eq!(bench.host.writes().len(), posts, "{name}: never sent again");
            }
            let bench = GitBench::start(dialect).await;
            let (provider, info) = bench.work().await;
            bench.host.always(method, part(dialect), Reply::html(403));
            let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
            assert_eq!(
                error.code(),
                "unavailable",
                "{dialect:?}: a page is no answer"
            );
        }
    }
}

#[tokio::test]
async fn a_credential_that_may_not_manage_webhooks_is_told_so_and_not_that_there_are_none() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        bench.host.set_read_only_token(true);
        let wanted = wanted();
        let codes = [
            ensure(&*provider, &info, &wanted).await.map(|_| ()),
            provider.webhook(&info, &made.id).await.map(|_| ()),
            provider.test_webhook(&info, &made.id).await.map(|_| ()),
            provider
                .set_webhook_secret(&info, &made.id, &wanted)
                .await
                .map(|_| ()),
            provider
                .remove_webhook(&made.id, &url(OURS))
                .await
                .map(|_| ()),
        ];
        for error in codes.map(Result::unwrap_err) {
            assert_eq!(error.code(), "insufficient_scope", "{dialect:?}: {error:?}");
            assert!(
                error.to_string().contains("lacks: "),
                "{dialect:?}: {error}"
            );
        }
        assert_eq!(bench.host.hooks().len(), 1, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_may_be_seen_and_not_changed() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        // A host that hides what may not be changed.
        for method in ["PATCH", "PUT", "DELETE"] {
            bench
                .host
                .always(method, part(dialect), refusal(dialect, 404));
        }
        let errors = [
            ensure(&*provider, &info, &wanted()).await.map(|_| ()),
            provider
                .set_webhook_secret(&info, &made.id, &wanted())
                .await
                .map(|_| ()),
            provider
                .remove_webhook(&made.id, &url(OURS))
                .await
                .map(|_| ()),
        ];
        for error in errors.map(Result::unwrap_err) {
            assert_eq!(error.code(), "insufficient_scope", "{dialect:?}: {error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_goes_away_while_it_is_set_is_no_missing_right() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        let list = match dialect {
            Dialect::Github | Dialect::Gitlab => json!([]),
            _ => json!({"values": [], "isLastPage": true}),
        };
        let method = super::change(dialect);
        bench
            .host
            .always(method, part(dialect), refusal(dialect, 404));
        // It is in the first list, and nowhere afterwards.
        let shown = provider.webhook(&info, &made.id).await.unwrap();
        assert!(shown.is_some());
        bench.host.forget_requests();
        let id = made.id.trim_matches(['{', '}']);
        bench.host.always("GET", id, refusal(dialect, 404));
        let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{dialect:?}: {error:?}");
        bench
            .host
            .always("GET", part(dialect), Reply::json(200, &list));
        bench.host.always("GET", id, refusal(dialect, 404));
        let set = provider
            .set_webhook_secret(&info, &made.id, &wanted())
            .await;
        assert_eq!(set.unwrap(), None, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn an_address_that_the_host_does_not_deliver_to() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        bench.host.set_public_hooks_only(true);
        let local = wanted_at("http://127.0.0.1:8080/hooks/scm_int_1");
        let error = ensure(&*provider, &info, &local).await.unwrap_err();
        assert_eq!(
            error.code(),
            "webhook_url_refused",
            "{dialect:?}: {error:?}"
        );
        assert!(!error.is_definite(), "it says nothing about the connection");
        // Nor is one moved there.
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        let moved = provider.ensure_webhook(&info, &local, Some(&made.id)).await;
        assert_eq!(
            moved.unwrap_err().code(),
            "webhook_url_refused",
            "{dialect:?}"
        );
        assert_eq!(bench.host.hooks()[0].url, OURS);
    })
    .await;
}

#[tokio::test]
async fn an_archived_repository_takes_no_webhook() {
    for dialect in [Dialect::Github, Dialect::Gitlab, Dialect::DataCenter] {
        let bench = GitBench::start(dialect).await;
        bench.host.set_archived(true);
        let (provider, info) = bench.work().await;
        let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
        assert_eq!(error.code(), "read_only", "{dialect:?}: {error:?}");
        assert!(bench.host.writes().is_empty(), "{dialect:?}");
    }
}

#[tokio::test]
async fn no_answer_and_no_error_holds_a_secret() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let wanted = wanted();
        let made = ensure(&*provider, &info, &wanted).await.unwrap();
        let found = provider.webhook(&info, &made.id).await.unwrap();
        let secret = wanted.secret.expose();
        let echo = json!({"message": secret, "error": {"message": secret, "detail": secret}});
        bench
            .host
            .always("", part(dialect), Reply::json(403, &echo));
        let error = ensure(&*provider, &info, &wanted).await.unwrap_err();
        let told = format!("{made:?} {found:?} {}", crate::support::chain(&error));
        assert!(!told.contains(&secret[6..]), "{dialect:?}");
    })
    .await;
}
