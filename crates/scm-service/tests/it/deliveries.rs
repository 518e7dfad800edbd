//! Deliveries from the code host to the feed: verified, stored, processed once and in order.

mod kept;
mod processed;
mod reactions;
mod refused;
mod rotation;

use std::{sync::Arc, time::Duration};

use ring::hmac;
use scm_service::{
    Cipher, ConnectOptions, DatabaseConnection, DeliveryFilter, KeyRing, Received, ServiceError,
    Services, connect,
};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Attempt, Dialect},
};
use scm_types::{DeliveryId, DeliveryState, EventCursor, IntegrationId, PageLimit, TenantEvent};
use serde_json::{Value, json};
use url::Url;

use crate::bench::{Bench, KEYS, owner};

/// A connection whose webhook is registered, and whose repository's id is known.
struct Hooked {
    services: Services,
    secret: String,
    bench: Bench,
}

impl Hooked {
    async fn new() -> Self {
        Self::on(TestDb::migrated(Backend::Sqlite).await.unwrap()).await
    }

    async fn on(db: TestDb) -> Self {
        let bench = Bench::on(db, Dialect::Github).await;
        let services = server(&bench).await;
        services.verify(&owner(), &bench.id).await.unwrap();
        services
            .register_webhook(&owner(), &bench.id)
            .await
            .unwrap();
        let secret = bench.git.hooks()[0].secret.clone().unwrap();
        Self {
            services,
            secret,
            bench,
        }
    }

    fn id(&self) -> &IntegrationId {
        &self.bench.id
    }

    /// What the host would deliver of a push; each time something else.
    async fn push(&self) -> Attempt {
        let attempts = self.bench.git.deliver_push("refs/heads/main", None).await;
        attempts.into_iter().next().unwrap()
    }

    async fn receive(&self, signed: &Signed) -> Result<Received, ServiceError> {
        signed.to(&self.services, self.id()).await
    }

    /// Has a push delivered and accepted.
    async fn accept(&self, body: &str, event: &str, key: &str) {
        let signed = Signed::new(&self.secret, event, key, body.as_bytes());
        assert_eq!(self.receive(&signed).await.unwrap(), Received::Accepted);
    }

    async fn told(&self) -> Vec<TenantEvent> {
        let first = EventCursor::default();
        let page = self
            .services
            .events(&owner(), None, first, PageLimit::MAX, Duration::ZERO)
            .await;
        page.unwrap().items
    }

    async fn kinds(&self) -> Vec<&'static str> {
        let told = self.told().await;
        told.iter().map(|told| told.event.kind.as_str()).collect()
    }

    /// State and word of each delivery, the oldest first.
    async fn states(&self) -> Vec<(DeliveryState, Option<String>)> {
        let filter = DeliveryFilter::default();
        let page = self.services.deliveries(&owner(), self.id(), &filter).await;
        let items = page.unwrap().items.into_iter().rev();
        items.map(|item| (item.state, item.last_error)).collect()
    }

    async fn work_off(&self) -> u64 {
        self.services.work_off_deliveries().await.unwrap()
    }

    /// A body about the connected repository, with what is given besides.
    async fn about(&self, more: Value) -> String {
        let push: Value = serde_json::from_str(&self.push().await.body).unwrap();
        let mut body = json!({ "repository": push["repository"], "sender": push["sender"] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.to_string()
    }
}

async fn server(bench: &Bench) -> Services {
    let receiver = Url::parse("https://scm.example.com/webhooks").unwrap();
    let server = bench.server().await.receiver_url(Some(receiver));
    server.build().unwrap()
}

/// Another way to the database.
pub(crate) async fn pool(bench: &Bench) -> DatabaseConnection {
    connect(&bench.db.url, &ConnectOptions::default())
        .await
        .unwrap()
}

pub(crate) fn cipher() -> Arc<Cipher> {
    Arc::new(Cipher::new(KeyRing::parse(KEYS).unwrap()))
}

/// A delivery of GitHub.
#[derive(Clone)]
struct Signed {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Signed {
    fn new(secret: &str, event: &str, key: &str, body: &[u8]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&secret, body);
        let digest = tag.as_ref().try_into().unwrap();
        let hex = DeliveryId::from_digest(digest);
        Self {
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-github-event", event.to_owned()),
                ("x-github-delivery", key.to_owned()),
                ("x-hub-signature-256", format!("sha256={hex}")),
            ],
            body: body.to_vec(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    async fn to(&self, services: &Services, id: &IntegrationId) -> Result<Received, ServiceError> {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (*name, value.as_bytes()));
        services.receive(id, headers, self.body.clone()).await
    }
}

#[track_caller]
fn assert_unknown(result: &Result<Received, ServiceError>) {
    assert!(
        matches!(result, Err(ServiceError::UnknownWebhook)),
        "{result:?}"
    );
}
