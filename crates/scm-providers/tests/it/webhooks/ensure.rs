//! Exactly one webhook with our URL, whatever was there before.

use scm_testkit::git_host::Dialect;
use scm_types::SignatureScheme;

use super::{
    OURS, assert_as_wanted, change, ensure, no_repository, ours, part, url, wanted, wanted_at,
};
use crate::work::on_every_dialect;

fn scheme(dialect: Dialect) -> SignatureScheme {
    match dialect {
        Dialect::Github => SignatureScheme::Github,
        Dialect::Gitlab => SignatureScheme::GitlabSignature,
        Dialect::Bitbucket => SignatureScheme::Bitbucket,
        Dialect::DataCenter => SignatureScheme::BitbucketDataCenter,
    }
}

#[tokio::test]
async fn a_webhook_is_made_once_and_adopted_with_a_fresh_secret() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let first = wanted();
        let made = ensure(&*provider, &info, &first).await.unwrap();
        assert_eq!((made.existing, made.scheme), (false, scheme(dialect)));
        assert_eq!(bench.host.writes().len(), 1, "{dialect:?}");
        let [held] = &bench.host.hooks()[..] else {
            panic!("{dialect:?}")
        };
        assert_eq!(held.id, made.id);
        assert_as_wanted(dialect, held, &first);

        let second = wanted();
        let adopted = ensure(&*provider, &info, &second).await.unwrap();
        assert!(adopted.existing, "{dialect:?}");
        assert_eq!((&adopted.id, adopted.scheme), (&made.id, made.scheme));
        assert_eq!(bench.host.writes().len(), 2, "{dialect:?}");
        let [held] = &bench.host.hooks()[..] else {
            panic!("{dialect:?}")
        };
        assert_as_wanted(dialect, held, &second);

        let found = provider.webhook(&info, &made.id).await.unwrap().unwrap();
        assert_eq!(found.url, OURS);
        assert!(found.active && found.complete, "{dialect:?}: {found:?}");
        assert_eq!(found.scheme, made.scheme);
    })
    .await;
}

#[tokio::test]
async fn one_that_somebody_made_is_adopted_wherever_it_stands_and_others_are_left_alone() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        for number in 0..130 {
            let _ = bench
                .host
                .add_hook(&format!("https://other.example/{number}"));
        }
        // Spelled another way.
        let id = bench
            .host
            .add_hook("https://SCM.example:443/hooks/scm_int_1");
        bench.host.edit_hook(&id, |hook| {
            // GitLab has no switch.
            hook.active = dialect == Dialect::Gitlab;
            // Bitbucket always verifies.
            hook.verifies_tls = dialect == Dialect::Bitbucket;
            hook.json = dialect != Dialect::Github;
        });
        let others: Vec<_> = bench.host.hooks().drain(..130).collect();
        let (provider, info) = bench.work().await;
        let wanted = wanted();
        let adopted = ensure(&*provider, &info, &wanted).await.unwrap();
        assert_eq!((adopted.existing, adopted.id), (true, id), "{dialect:?}");
        let held = bench.host.hooks();
        assert_eq!(held[..130], others);
        assert_as_wanted(dialect, &held[130], &wanted);
    })
    .await;
}

#[tokio::test]
async fn of_several_with_the_same_url_the_known_one_or_the_oldest_is_kept() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let ids: Vec<_> = (0..3).map(|_| bench.host.add_hook(OURS)).collect();
        let (provider, info) = bench.work().await;
        let known = provider
            .ensure_webhook(&info, &wanted(), Some(&ids[1]))
            .await
            .unwrap();
        assert_eq!(known.id, ids[1], "{dialect:?}");
        assert_eq!(bench.host.hooks().len(), 1, "{dialect:?}");

        let second = bench.host.add_hook(OURS);
        let last = wanted();
        let kept = ensure(&*provider, &info, &last).await.unwrap();
        assert_eq!(kept.id, ids[1], "{dialect:?}, not {second}");
        let [held] = &bench.host.hooks()[..] else {
            panic!("{dialect:?}")
        };
        assert_as_wanted(dialect, held, &last);
    })
    .await;
}

#[tokio::test]
async fn the_known_one_follows_our_url() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let before = wanted_at("https://old.example/hooks/scm_int_1");
        let made = ensure(&*provider, &info, &before).await.unwrap();
        // And somebody has put in the new one by hand.
        let _ = bench.host.add_hook(OURS);
        let after = wanted();
        let kept = provider
            .ensure_webhook(&info, &after, Some(&made.id))
            .await
            .unwrap();
        assert_eq!((kept.existing, &kept.id), (true, &made.id), "{dialect:?}");
        let [held] = &bench.host.hooks()[..] else {
            panic!("{dialect:?}: {:?}", bench.host.hooks())
        };
        assert_as_wanted(dialect, held, &after);
        // An id that is nobody's changes nothing.
        let same = provider
            .ensure_webhook(&info, &wanted(), Some("../../4"))
            .await
            .unwrap();
        assert_eq!(same.id, made.id);
    })
    .await;
}

#[tokio::test]
async fn another_secret_leaves_the_rest_as_it_is() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        bench.host.edit_hook(&made.id, |hook| {
            hook.active = false;
            hook.events.pop();
        });
        let before = bench.host.hooks().remove(0);
        let second = wanted();
        let set = provider.set_webhook_secret(&info, &made.id, &second).await;
        let set = set.unwrap().unwrap();
        assert_eq!((&set.id, set.scheme), (&made.id, made.scheme));
        let after = bench.host.hooks().remove(0);
        assert_eq!(after.secret.as_deref(), Some(second.secret.expose()));
        assert_eq!(
            (after.active, &after.events),
            (false, &before.events),
            "{dialect:?}"
        );
        if dialect == Dialect::Github {
            let last = bench.host.writes().pop().unwrap();
            assert!(last.path.ends_with("/config"), "{}", last.path);
        }
        bench.host.drop_hook(&made.id);
        let gone = provider.set_webhook_secret(&info, &made.id, &second).await;
        assert_eq!(gone.unwrap(), None, "{dialect:?}");
        assert_eq!(bench.asked(change(dialect), part(dialect)), 1);
    })
    .await;
}

#[tokio::test]
async fn only_what_is_ours_is_removed() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        let other = bench.host.add_hook("https://other.example/");
        let at = url(OURS);
        assert!(!provider.remove_webhook(&other, &at).await.unwrap());
        for id in [
            "",
            "..",
            "404404",
            "a/b",
            "{d3a5e1f0-0000-4222-8333-000000000000}",
        ] {
            assert!(!provider.remove_webhook(id, &at).await.unwrap(), "{id}");
        }
        assert_eq!(bench.asked("DELETE", ""), 0, "{dialect:?}");
        assert!(provider.remove_webhook(&made.id, &at).await.unwrap());
        assert!(ours(&bench).is_empty());
        assert!(!provider.remove_webhook(&made.id, &at).await.unwrap());
        assert_eq!(bench.host.hooks().len(), 1, "{dialect:?}");
        bench.host.always("", "", no_repository(dialect));
        assert!(
            !bench
                .provider()
                .remove_webhook(&made.id, &at)
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn two_at_once_end_with_one() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (one, info) = bench.work().await;
        let two = bench.provider();
        let (first, second) = (wanted(), wanted());
        let (one, two) = tokio::join!(ensure(&*one, &info, &first), ensure(&*two, &info, &second),);
        assert!(one.is_ok() || two.is_ok(), "{dialect:?}: {one:?} {two:?}");
        let [held] = &bench.host.hooks()[..] else {
            panic!("{dialect:?}: {:?}", bench.host.hooks())
        };
        let secret = held.secret.as_deref().unwrap();
        let is_known = [first, second]
            .iter()
            .any(|it| it.secret.expose() == secret);
        assert!(is_known, "{dialect:?}");
    })
    .await;
}
