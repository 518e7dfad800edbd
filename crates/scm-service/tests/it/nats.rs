//! Events that are published to NATS JetStream: to a real one where there is one, and to brokers that
//! fail in every way.

mod broker;

use std::{sync::Arc, time::Duration};

use scm_service::{
    EventSink, NatsLogin, NatsPrefix, NatsServers, NatsSettings, NatsSink, PushSettings,
};
use scm_testkit::{
    nats::{Message, Stream},
    until,
};
use scm_types::{
    EventCursor, EventKind, IntegrationId, PageLimit, ScmEvent, TenantEvent, TenantId, Timestamp,
};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use self::broker::{Broker, Doing};
use crate::{
    bench::platform,
    push::{Pushing, Told, settings},
};

/// A user of nobody's.
const CREDENTIALS: &str = "-----BEGIN NATS USER JWT-----\n\
    eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2lnbmF0dXJl\n\
    ------END NATS USER JWT------\n\n\
    -----BEGIN USER NKEY SEED-----\n\
    SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n\
    ------END USER NKEY SEED------\n";

fn nats(url: &str, prefix: &str, login: NatsLogin) -> Arc<NatsSink> {
    Arc::new(NatsSink::new(NatsSettings {
        servers: NatsServers::parse(url).unwrap(),
        prefix: NatsPrefix::parse(prefix).unwrap(),
        login,
        ca_file: None,
    }))
}

fn on(stream: &Stream) -> Arc<NatsSink> {
    nats(&stream.url, &stream.prefix, NatsLogin::nobody())
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn event(id: &str) -> TenantEvent {
    TenantEvent {
        id: id.to_owned(),
        tenant_id: TenantId::parse("t1").unwrap(),
        integration_id: IntegrationId::parse("i1").unwrap(),
        delivery_id: None,
        occurred_at: Timestamp::EPOCH,
        event: ScmEvent {
            kind: EventKind::Ping,
            repository: None,
            actor: None,
            reconciled: false,
        },
    }
}

/// What the feed has of a tenant.
async fn feed(told: &Told, tenant: &str) -> Vec<TenantEvent> {
    let tenant = TenantId::parse(tenant).unwrap();
    let (caller, first) = (platform(), EventCursor::default());
    let feed = &told.bench.services;
    let page = feed.events(
        &caller,
        Some(&tenant),
        first,
        PageLimit::MAX,
        Duration::ZERO,
    );
    page.await.unwrap().items
}

#[tokio::test]
async fn events_are_messages_in_their_order_under_the_subject_of_their_tenant() {
    let Some(stream) = Stream::made() else {
        return;
    };
    let told = Told::new().await;
    told.tell("t1", &["a", "b"]).await;
    // An id that would be two tokens, or stand for many, if it were written as it is.
    for odd in ["t.1", "*", ">"] {
        told.tell(odd, &["x"]).await;
    }
    let pushing = Pushing::start(&told.server(on(&stream)).await, settings());
    told.all_pushed(&["t1", "t.1", "*", ">"]).await;
    told.tell("t1", &["c"]).await;
    told.all_pushed(&["t1"]).await;
    pushing.stop().await;

    let messages = stream.messages();
    for (tenant, token, many) in [
        ("t1", "t1", 3),
        ("t.1", "t%2E1", 1),
        ("*", "%2A", 1),
        (">", "%3E", 1),
    ] {
        let subject = format!("{}.{token}.unknown", stream.prefix);
        let got: Vec<_> = messages
            .iter()
            .filter(|it| it.subject == subject)
            .cloned()
            .map(|mut message| {
                // Each is a part of a trace.
                let parent = message.traceparent.take().unwrap();
                assert!(parent.starts_with("00-") && parent.len() == 55, "{parent}");
                message
            })
            .collect();
        let want: Vec<_> = feed(&told, tenant)
            .await
            .into_iter()
            .map(|event| Message {
                subject: subject.clone(),
                id: Some(event.id.clone()),
                traceparent: None,
                body: serde_json::to_vec(&event).unwrap(),
            })
            .collect();
        assert_eq!(got, want, "{tenant}");
        assert_eq!(got.len(), many, "{tenant}");
    }
    assert_eq!(messages.len(), 6);
}

#[tokio::test]
async fn a_repetition_is_kept_once() {
    let Some(stream) = Stream::made() else {
        return;
    };
    // Two servers, and the second knows nothing of the first.
    for sink in [on(&stream), on(&stream)] {
        for id in ["e1", "e1", "e2"] {
            sink.deliver(&event(id)).await.unwrap();
        }
    }
    let ids: Vec<_> = stream
        .messages()
        .into_iter()
        .map(|message| message.id.unwrap())
        .collect();
    assert_eq!(ids, ["e1", "e2"]);
}

#[tokio::test]
async fn without_a_stream_events_wait_until_there_is_one() {
    let Some(stream) = Stream::reserved() else {
        return;
    };
    let told = Told::new().await;
    told.tell("t1", &["a", "b"]).await;
    let sink = on(&stream);
    let refused = sink
        .deliver(&feed(&told, "t1").await[0])
        .await
        .unwrap_err()
        .to_string();
    let all = format!("{}.>", stream.prefix);
    let want = format!(
        "no stream of NATS JetStream takes {all}; make one, such as with: nats stream add SCM_EVENTS --subjects '{all}'"
    );
    assert!(refused.ends_with(&want), "{refused}");

    let pushing = Pushing::start(&told.server(sink).await, settings());
    stream.make();
    told.all_pushed(&["t1"]).await;
    pushing.stop().await;
    assert_eq!(stream.messages().len(), 2);
}

#[tokio::test]
async fn what_is_not_acknowledged_is_not_taken() {
    for (doing, want) in [
        (Doing::LetNobodyIn, "NATS lets nobody in with this login"),
        (
            Doing::NoResponders,
            "no stream of NATS JetStream takes p.>; make one",
        ),
        (
            Doing::Answer(
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}"#,
            ),
            "maximum messages exceeded",
        ),
        // Somebody listens who is no stream.
        (Doing::Answer("thanks"), "NATS JetStream did not take it"),
        (Doing::Answer("{}"), "NATS JetStream did not take it"),
        (Doing::Answer(""), "NATS JetStream did not take it"),
    ] {
        let broker = Broker::start(doing).await;
        let sink = nats(&broker.url(), "p", NatsLogin::nobody());
        let refused = sink.deliver(&event("e1")).await.unwrap_err().to_string();
        assert!(refused.contains(want), "{doing:?}: {refused}");
    }
    let closed = Broker::nobody_there().await;
    let sink = nats(&closed, "p", NatsLogin::nobody());
    let refused = sink.deliver(&event("e1")).await.unwrap_err().to_string();
    assert!(refused.contains("NATS cannot be reached: "), "{refused}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_none() {
    let broker = Broker::start(Doing::Silent).await;
    let sink = nats(&broker.url(), "p", NatsLogin::nobody());
    let event = event("e1");
    let a_little_longer = async {
        until(|| !broker.published().is_empty()).await;
        sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        taken = sink.deliver(&event) => panic!("taken without an answer: {taken:?}"),
        () = a_little_longer => {}
    }
    assert_eq!(broker.published(), ["e1"]);
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_nothing_comes_out_of_order() {
    let told = Told::new().await;
    told.tell("t1", &["a", "b", "c"]).await;
    let broker = Broker::start(Doing::CloseOnce).await;
    let sink = nats(&broker.url(), "p", NatsLogin::nobody());
    let hasty = PushSettings {
        time_limit: Duration::from_millis(500),
        ..settings()
    };
    let pushing = Pushing::start(&told.server(sink).await, hasty);
    told.all_pushed(&["t1"]).await;
    pushing.stop().await;
    let ids: Vec<_> = feed(&told, "t1")
        .await
        .into_iter()
        .map(|event| event.id)
        .collect();
    let mut published = broker.published();
    assert_eq!(published[0], ids[0]);
    published.dedup();
    assert_eq!(published, ids);
    assert!(
        broker.logins().len() >= 2,
        "the connection was not made again"
    );
}

#[tokio::test]
async fn while_the_connection_is_down_nothing_is_kept_to_be_published_later() {
    let broker = Broker::start(Doing::Acknowledge).await;
    let sink = nats(&broker.url(), "p", NatsLogin::nobody());
    sink.deliver(&event("e1")).await.unwrap();
    broker.stop().await;
    let lost = async {
        loop {
            if let Err(error) = timeout(Duration::from_millis(50), sink.deliver(&event("e2")))
                .await
                .unwrap_or(Ok(()))
            {
                let error = error.to_string();
                if error.contains("the connection to NATS is lost") {
                    break error;
                }
            }
        }
    };
    let error = timeout(Duration::from_mins(3), lost).await.unwrap();
    assert!(error.ends_with("and being made again"), "{error}");
}

#[tokio::test]
async fn each_login_is_presented_in_its_own_way() {
    let user = NatsLogin::user("scm".to_owned(), secret("hunter2")).unwrap();
    for (login, want) in [
        (NatsLogin::nobody(), &[][..]),
        (
            NatsLogin::token(secret("hunter2")).unwrap(),
            &[("auth_token", "hunter2")],
        ),
        (user, &[("user", "scm"), ("pass", "hunter2")]),
        (
            NatsLogin::credentials(secret(CREDENTIALS)).unwrap(),
            &[(
                "jwt",
                "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2lnbmF0dXJl",
            )],
        ),
    ] {
        let broker = Broker::start(Doing::Acknowledge).await;
        nats(&broker.url(), "p", login)
            .deliver(&event("e1"))
            .await
            .unwrap();
        let shown = broker.logins().remove(0);
        for name in ["auth_token", "user", "pass", "jwt"] {
            let want = want
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value);
            assert_eq!(shown[name].as_str(), want, "{name}: {shown}");
        }
        let is_signed = shown["sig"].as_str().is_some();
        assert_eq!(
            is_signed,
            want.iter().any(|(name, _)| *name == "jwt"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn with_tls_nothing_is_presented_in_clear() {
    let broker = Broker::start(Doing::Acknowledge).await;
    let url = broker.url().replace("nats://", "tls://");
    let login = NatsLogin::token(secret("hunter2")).unwrap();
    let refused = nats(&url, "p", login)
        .deliver(&event("e1"))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("NATS cannot be reached"),
        "{refused}"
    );
    assert_eq!(broker.logins(), Vec::<Value>::new());
    assert!(!broker.heard().windows(7).any(|window| window == b"hunter2"));
}
