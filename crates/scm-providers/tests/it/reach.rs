//! Whether hosts can be reached, asked without a credential.

use std::{sync::Arc, time::Duration};

use scm_providers::{Outage, ProviderError, ProviderHost, Registry, TransportSettings};
use scm_testkit::code_host::{CodeHost, Reply};
use scm_types::{FixedClock, HostKind, WebHost};

use crate::support::{NOW, at};

fn private(base: &str) -> ProviderHost {
    ProviderHost {
        allow_private_addresses: true,
        ..ProviderHost::default_for(WebHost::parse(HostKind::Gitlab, base).unwrap())
    }
}

fn registry(hosts: Vec<ProviderHost>) -> Registry {
    let settings = TransportSettings {
        request_timeout: Duration::from_secs(3),
        ..TransportSettings::default()
    };
    Registry::new(hosts, settings, Arc::new(FixedClock::at(at(NOW)))).unwrap()
}

#[tokio::test]
async fn any_answer_counts_and_its_clock_is_read() {
    let refuses = CodeHost::start().await;
    let date = "Sun, 31 Jan 2027 09:00:00 GMT";
    refuses.on_everything(Reply::text(401, "no").header("date", date));
    let mute = CodeHost::start().await;
    mute.on_everything(Reply::never());
    let gone = CodeHost::start().await;
    let hosts = vec![
        private(&refuses.base_url()),
        private(&mute.base_url()),
        private(&gone.base_url()),
        ProviderHost {
            allow_private_addresses: false,
            ..private("http://127.0.0.1:9")
        },
    ];
    drop(gone);
    let found = registry(hosts).reach_all().await;
    assert_eq!(found.len(), 4);

    let answer = found[0].answer.as_ref().unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.date, Some(at("2027-01-31T09:00:00Z")));
    assert_eq!(answer.seen, at(NOW));
    assert!(!found[0].encrypted);
    let sent = refuses.requests();
    assert_eq!(sent.len(), 1, "once, whatever comes of it");
    assert!(sent[0].header("authorization").is_none());

    let outage = |index: usize| match &found[index].answer {
        Err(ProviderError::Unavailable { outage, .. }) => *outage,
        other => panic!("{other:?}"),
    };
    assert_eq!(outage(1), Outage::Timeout);
    assert_eq!(outage(2), Outage::Unreachable);
    assert!(matches!(found[3].answer, Err(ProviderError::EgressDenied)));
}
