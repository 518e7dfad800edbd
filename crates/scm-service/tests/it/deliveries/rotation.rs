//! Deliveries while the secret changes.

use std::{sync::Arc, time::Duration};

use scm_service::Received;

use super::{Hooked, Signed, assert_unknown, server};
use crate::bench::owner;

#[tokio::test]
async fn both_secrets_count_until_the_new_one_is_confirmed() {
    let on = Hooked::new().await;
    let before = on.secret.clone();
    // A server that has the secret of before in memory.
    let ping = |number: u32| format!("{{\"zen\":\"{number}\",\"hook_id\":1}}");
    on.accept(&ping(1), "ping", "one").await;
    let other = server(&on.bench).await;
    other.rotate_webhook(&owner(), on.id()).await.unwrap();
    let after = on.bench.git.hooks()[0].secret.clone().unwrap();
    assert_ne!(before, after);

    on.accept(&ping(2), "ping", "two").await;
    on.bench.clock.advance(Duration::from_secs(2));
    let signed = Signed::new(&after, "ping", "three", ping(3).as_bytes());
    assert_eq!(on.receive(&signed).await.unwrap(), Received::Accepted);
    // With that the one before is over.
    let signed = Signed::new(&before, "ping", "four", ping(4).as_bytes());
    assert_unknown(&on.receive(&signed).await);
    let signed = Signed::new(&after, "ping", "five", ping(5).as_bytes());
    assert_eq!(on.receive(&signed).await.unwrap(), Received::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn none_of_many_at_once_is_refused_for_the_secret_that_was() {
    let on = Hooked::new().await;
    let ping = |number: u32| format!("{{\"zen\":\"{number}\",\"hook_id\":1}}");
    on.accept(&ping(0), "ping", "zero").await;
    let other = server(&on.bench).await;
    other.rotate_webhook(&owner(), on.id()).await.unwrap();
    let after = on.bench.git.hooks()[0].secret.clone().unwrap();
    on.bench.clock.advance(Duration::from_secs(2));
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let start = Arc::new(tokio::sync::Barrier::new(keys.len()));
    let received = (1..).zip(keys).map(|(number, key)| {
        let signed = Signed::new(&after, "ping", key, ping(number).as_bytes());
        let (services, id, start) = (on.services.clone(), on.id().clone(), Arc::clone(&start));
        tokio::spawn(async move {
            start.wait().await;
            signed.to(&services, &id).await
        })
    });
    for received in futures::future::join_all(received).await {
        assert_eq!(received.unwrap().unwrap(), Received::Accepted);
    }
}
