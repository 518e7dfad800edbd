//! `POST /webhooks/{id}` with deliveries as the code hosts sent them: the whole way from the bytes to
//! the feed, and everything that is turned away at the door.

mod recorded;
mod refused;
mod unusable;

use actix_web::{http::Method, test::TestRequest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use scm_service::ProviderHost;
use scm_store::{NewWebhook, ScmIntegrationController};
use scm_testkit::{
    db::{Backend, TestDb},
    deliveries::{GITLAB_SIGNED_AT, GITLAB_TOKEN, RecordedDelivery},
};
use scm_types::{
    Actor, AuditAction, HostKind, IntegrationId, ServerTask, SignatureScheme, Timestamp, WebHost,
    WebhookSecret,
};
use serde_json::{Value, json};

use crate::app::{Answer, BASE, Mode, TestApp, transport};

/// What GitHub calls the webhook in what was recorded.
const WEBHOOK: &str = "101047067";

/// An id that no integration has.
const NOBODY: &str = "V1StGXR8_Z5jdHi6B-myT";

/// A delivery that is going to be sent.
#[derive(Clone)]
struct Delivery {
    scheme: SignatureScheme,
    secret: &'static str,
    /// Where the integration's repository is.
    repository: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Delivery {
    fn recorded(name: &str) -> Self {
        let recorded = RecordedDelivery::named(name);
        Self {
            scheme: recorded.scheme.parse().unwrap(),
            secret: recorded.secret,
            repository: repository(name),
            headers: recorded.headers(),
            body: recorded.body.to_owned(),
        }
    }

    /// The same as GitLab sent it before it signed.
    fn in_clear(mut self) -> Self {
        self.scheme = SignatureScheme::GitlabToken;
        self.secret = GITLAB_TOKEN;
        self.headers
            .retain(|(name, _)| !name.starts_with("webhook-"));
        self
    }

    /// One of each scheme, a push where one was recorded.
    fn of(scheme: SignatureScheme) -> Self {
        match scheme {
            SignatureScheme::Github => Self::recorded("github/webhook_push_branch"),
            SignatureScheme::GitlabSignature => Self::recorded("gitlab/webhook_push"),
            SignatureScheme::GitlabToken => Self::recorded("gitlab/webhook_push").in_clear(),
            SignatureScheme::Bitbucket => Self::recorded("bitbucket/webhook_push"),
            SignatureScheme::BitbucketDataCenter => {
                Self::recorded("bitbucket/webhook_datacenter_push")
            }
        }
    }

    /// The header that proves it.
    fn proof(&self) -> &'static str {
        match self.scheme {
            SignatureScheme::Github => "X-Hub-Signature-256",
            SignatureScheme::GitlabSignature => "webhook-signature",
            SignatureScheme::GitlabToken => "X-Gitlab-Token",
            SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter => "X-Hub-Signature",
        }
    }

    fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.expect("a header of the delivery").1.clone()
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn with(self, name: &str, value: &str) -> Self {
        let mut with = self.without(name);
        with.headers.push((name.to_owned(), value.to_owned()));
        with
    }

    /// With another body, signed as the host would.
    fn signed(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        let proof = match self.scheme {
            SignatureScheme::GitlabToken => return self,
            SignatureScheme::GitlabSignature => {
                let key = self.secret.strip_prefix("whsec_").unwrap();
                let id = self.header("webhook-id");
                let before = format!("{id}.{}.", self.header("webhook-timestamp"));
                let tag = mac(&STANDARD.decode(key).unwrap(), &[before.as_bytes(), body]);
                format!("v1,{}", STANDARD.encode(tag))
            }
            _ => format!("sha256={}", hex(&mac(self.secret.as_bytes(), &[body]))),
        };
        let name = self.proof();
        self.with(name, &proof)
    }

    fn to(&self, id: &str) -> TestRequest {
        let request = TestRequest::post().uri(&format!("{BASE}/webhooks/{id}"));
        let headers = self.headers.iter().fold(request, |request, (name, value)| {
            request.append_header((name.as_str(), value.as_str()))
        });
        headers.set_payload(self.body.clone())
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap());
    digits.collect()
}

/// The repository that a recorded delivery is about; for those that are about none, any.
fn repository(name: &str) -> &'static str {
    match name {
        "github/webhook_repository_renamed" => "https://github.com/Octocoders/Hello-World",
        "gitlab/webhook_merge_request_merged" => "https://gitlab.com/anbraten/woodpecker-test",
        "gitlab/webhook_release" => "https://gitlab.com/anbratens-test/ci",
        "bitbucket/webhook_push" => "https://bitbucket.org/martinherren1984/publictestrepo",
        "bitbucket/webhook_pullrequest_fulfilled" => "https://bitbucket.org/anbraten/test-2",
        name if name.starts_with("github/") => "https://github.com/Codertocat/Hello-World",
        name if name.starts_with("gitlab/") => "https://gitlab.com/test/woodpecker",
        _ => "https://bitbucket.example.com/projects/DEV/repos/deployment-automation",
    }
}

/// The API, with the public code hosts and a Data Center.
struct Receiver {
    app: TestApp,
    store: ScmIntegrationController,
    _db: Option<TestDb>,
}

impl Receiver {
    async fn new() -> Self {
        let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
        let receiver = Self::on(&db).await;
        Self {
            _db: Some(db),
            ..receiver
        }
    }

    async fn on(db: &TestDb) -> Self {
        let mut hosts = ProviderHost::public();
        let kind = HostKind::BitbucketDataCenter;
        let data_center = WebHost::parse(kind, "https://bitbucket.example.com").unwrap();
        hosts.push(ProviderHost::default_for(data_center));
        let app = TestApp::with_hosts(&db.url, Mode::Open, hosts, transport()).await;
        app.clock.set(signed_at());
        let (database, cipher) = (app.database.clone(), app.cipher.clone());
        let store = ScmIntegrationController::new(database, cipher, app.clock.clone());
        Self {
            app,
            store,
            _db: None,
        }
    }

    /// Connects the delivery's repository as a tenant's, with a webhook of its scheme and secret;
    /// gives the integration's id.
    async fn hooked(&self, tenant: &str, delivery: &Delivery) -> String {
        let (kind, token) = match delivery.scheme {
            SignatureScheme::Github => ("GITHUB", "ghp_x"),
            SignatureScheme::GitlabSignature | SignatureScheme::GitlabToken => {
                ("GITLAB", "glpat-x")
            }
            SignatureScheme::Bitbucket => ("BITBUCKET", "dev@example.com:ATATT3x"),
            SignatureScheme::BitbucketDataCenter => ("BITBUCKET", "BBDC-x"),
        };
        let body = json!({
            "tenantId": tenant, "scmType": kind, "repositoryUrl": delivery.repository,
            "accessToken": token,
        });
        let id = self.app.post("", &body).await.expect(201).id();
        let key = IntegrationId::parse(id.as_str()).unwrap();
        let actor = Actor::server(ServerTask::Delivery);
        let stored = self
            .store
            .find_webhook(&actor, &key)
            .await
            .unwrap()
            .unwrap();
        let secret = WebhookSecret::parse(delivery.secret).unwrap();
        let new = NewWebhook {
            secret: &secret,
            url: "https://scm.example.com/hooks",
            scheme: delivery.scheme,
        };
        let action = AuditAction::WebhookRegistered;
        let begun = self
            .store
            .begin_webhook_change(&actor, &key, &stored, action, new);
        let change = begun.await.unwrap().unwrap();
        let store = &self.store;
        let finished = store.finish_webhook_change(&actor, &key, &change, WEBHOOK, delivery.scheme);
        assert!(finished.await.unwrap());
        id
    }

    async fn send(&self, id: &str, delivery: &Delivery) -> Answer {
        self.app.send(delivery.to(id)).await
    }

    async fn work_off(&self) -> u64 {
        self.app.services.work_off_deliveries().await.unwrap()
    }

    /// State and note of each stored delivery, the newest first.
    async fn states(&self, id: &str) -> Vec<(String, Value)> {
        let page = self.app.get(&format!("/{id}/deliveries")).await.expect(200);
        let state = |delivery: &Value| {
            let state = delivery["state"].as_str().unwrap().to_owned();
            (state, delivery["lastError"].clone())
        };
        page.data().as_array().unwrap().iter().map(state).collect()
    }

    async fn told(&self, tenant: &str) -> Vec<Value> {
        let page = self.app.get(&format!("/events?tenantId={tenant}")).await;
        page.expect(200).data().as_array().unwrap().clone()
    }

    async fn patch(&self, id: &str, body: &Value) {
        self.app.patch(&format!("/{id}"), body).await.expect(200);
    }

    async fn delete(&self, id: &str) {
        let request = self.app.request(Method::DELETE, &format!("/{id}"), None);
        self.app.send(request).await.expect(200);
    }
}

/// When GitLab signed what was recorded.
fn signed_at() -> Timestamp {
    Timestamp::from_millis(GITLAB_SIGNED_AT * 1_000).unwrap()
}
