//! The API in process, over a database and three scripted code hosts.

use std::{
    rc::Rc,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use actix_http::Request;
use actix_web::{
    App, Error,
    body::{BoxBody, MessageBody as _},
    dev::{Service, ServiceResponse},
    http::{Method, StatusCode, header::HeaderMap},
    test::{self, TestRequest},
    web,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use futures::future::LocalBoxFuture;
use scm_http::{Api, Authentication, Limits, PanelKey, fallback};
use scm_service::{
    ApiKey, ApiKeys, Bearers, Cipher, ConnectOptions, DatabaseConnection, JwtAlgorithm, JwtClaims,
    JwtRoles, JwtSettings, JwtVerifier, KeyId, KeyRing, NewApiKey, NewApiKeyRequest, ProviderHost,
    Services, TransportSettings,
};
use scm_testkit::{
    code_host::{CodeHost, Standard},
    db::TestDb,
};
use scm_types::{
    Access, AccountId, Caller, DisplayName, FixedClock, HostKind, Role, TenantId, Timestamp,
    WebHost,
};
use serde_json::{Value, json};

use crate::document::{DOCUMENT, Heard};

/// Where the tests mount the API.
pub(crate) const BASE: &str = "/api/v1/integrations/scm";

/// What the panel of the tests encrypts with.
pub(crate) const PANEL_KEY: [u8; 32] = [7; 32];

/// In every credential that a test uses, so that one search finds them all.
pub(crate) const MARK: &str = "S3CR3Tmark";

/// The mark as it stands in a text, and in the three ways that base64 (`Authorization: Basic`) can
/// hold it, depending on what is before it.
pub(crate) fn forms() -> Vec<String> {
    let encoded = (0..3).map(|before| {
        let text = format!("{}{MARK}", "x".repeat(before));
        let encoded = STANDARD_NO_PAD.encode(text);
        // Digits that the neighbours share are cut.
        let from = [0, 2, 3][before];
        encoded[from..encoded.len() - 1].to_owned()
    });
    std::iter::once(MARK.to_owned()).chain(encoded).collect()
}

/// Everything that was logged by any test of this binary, at the finest level.
pub(crate) static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = LogWriter(Arc::clone(&log));
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    log
});

#[derive(Clone)]
struct LogWriter(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: web::Bytes,
    pub(crate) json: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.json);
        self
    }

    /// The row in the answer.
    pub(crate) fn data(&self) -> &Value {
        &self.json["data"]
    }

    pub(crate) fn id(&self) -> String {
        self.json["data"]["id"].as_str().expect("a row").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The failure's code, and the fields it names.
    pub(crate) fn failure(&self) -> (String, Vec<String>) {
        let code = self.json["code"].as_str().unwrap_or_default().to_owned();
        let details = self.json["details"].as_array().cloned().unwrap_or_default();
        let fields = details
            .iter()
            .map(|detail| detail["field"].as_str().unwrap().to_owned());
        (code, fields.collect())
    }
}

/// Fails if a secret's name or a credential of the tests is anywhere in the answer.
fn assert_no_secret(bytes: &[u8], json: &Value, headers: &HeaderMap) {
    fn walk(value: &Value) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let secret = ["accessToken", "refreshToken", "webhookSecret"];
                    assert!(!secret.contains(&key.as_str()), "the answer has {key}");
                    walk(value);
                }
            }
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(json);
    let text = format!("{}{headers:?}", String::from_utf8_lossy(bytes));
    assert!(
        !text.contains(MARK),
        "a credential is in the answer: {text}"
    );
}

type Door = dyn Fn(Request) -> LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

/// The API with its hosts.
pub(crate) struct TestApp {
    door: Rc<Door>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) github: CodeHost,
    pub(crate) gitlab: CodeHost,
    pub(crate) bitbucket: CodeHost,
    /// What is behind the API, for work that nobody asks for.
    pub(crate) services: Services,
    /// Opens and seals what the API stores.
    pub(crate) cipher: Arc<Cipher>,
    /// Where the API stores it.
    pub(crate) database: DatabaseConnection,
    /// How it tells callers apart.
    pub(crate) authentication: Authentication,
    keys: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everybody is the platform.
    Open,
    /// By the credentials that [`TestApp::key`] gives: the tenant t1 has stored keys, t2 signed
    /// tokens, and the platform a key of the settings.
    Keys,
    /// By stored keys.
    Stored,
    /// By signed tokens.
    Tokens,
}

fn kind(standard: Standard) -> HostKind {
    match standard {
        Standard::Github => HostKind::Github,
        Standard::Gitlab => HostKind::Gitlab,
        Standard::Bitbucket => HostKind::Bitbucket,
    }
}

fn provider_host(standard: Standard, host: &CodeHost) -> ProviderHost {
    let web = WebHost::parse(kind(standard), &host.base_url()).unwrap();
    ProviderHost {
        api_url: host.api_url().parse().unwrap(),
        allow_private_addresses: true,
        ..ProviderHost::default_for(web)
    }
}

/// Short times, so that a test of silence is short, and long enough for a busy machine.
pub(crate) fn transport() -> TransportSettings {
    TransportSettings {
        request_timeout: Duration::from_secs(5),
        operation_budget: Duration::from_secs(15),
        write_pause: Duration::ZERO,
        ..TransportSettings::default()
    }
}

/// Every caller of the matrix: a platform key, and each role in two tenants.
fn callers() -> Vec<(String, Caller)> {
    let account = |name: &str| AccountId::parse(format!("acc-{name}")).unwrap();
    let platform = Caller::new(account("platform"), Access::Platform);
    let mut callers = vec![("platform".to_owned(), platform)];
    for tenant in ["t1", "t2"] {
        for role in [Role::Viewer, Role::Editor, Role::Owner] {
            let id = format!("{tenant}-{role}");
            let access = Access::Tenant {
                tenant: TenantId::parse(tenant).unwrap(),
                role,
            };
            callers.push((id.clone(), Caller::new(account(&id), access)));
        }
    }
    callers
}

/// Makes a key in the database that stands for this caller.
async fn stored_key(services: &Services, caller: &Caller) -> String {
    let platform = Caller::new(AccountId::parse("root").unwrap(), Access::Platform);
    let (tenant_id, role) = match &caller.access {
        Access::Platform => (None, None),
        Access::Tenant { tenant, role } => (Some(tenant.clone()), Some(*role)),
    };
    let wanted = NewApiKeyRequest {
        tenant_id,
        role,
        name: DisplayName::parse("test").unwrap(),
        account_id: Some(caller.account.clone()),
        expires_at: None,
    };
    let made = services.create_api_key(&platform, wanted).await.unwrap();
    made.secret.expose().to_owned()
}

const TOKEN_SECRET: &[u8] = b"what the issuer of tests signs with";

/// Knows the tokens of the tests' issuer.
fn verifier() -> JwtVerifier {
    let settings = JwtSettings {
        issuer: "tests".to_owned(),
        audience: vec!["scm".to_owned()],
        algorithms: vec![JwtAlgorithm::Hs256],
        leeway: Duration::ZERO,
        claims: JwtClaims::default(),
        roles: JwtRoles {
            platform: Some("platform".to_owned()),
            ..JwtRoles::default()
        },
    };
    JwtVerifier::with_secret(settings, TOKEN_SECRET).unwrap()
}

/// A token that stands for this caller, for as long as any test runs.
fn signed_token(caller: &Caller) -> String {
    let claims = json!({
        "iss": "tests",
        "aud": "scm",
        "sub": caller.account,
        "exp": 4_000_000_000_u64,
        "tenant": caller.access.tenant(),
        "role": caller.access.role_name(),
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(&claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, TOKEN_SECRET);
    let signature = ring::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl TestApp {
    /// Without authentication.
    pub(crate) async fn open(db: &TestDb) -> Self {
        Self::new(&db.url, Mode::Open).await
    }

    /// With API keys.
    pub(crate) async fn with_keys(db: &TestDb) -> Self {
        Self::new(&db.url, Mode::Keys).await
    }

    pub(crate) async fn new(url: &str, mode: Mode) -> Self {
        Self::with_hosts(url, mode, Vec::new(), transport()).await
    }

    /// With code hosts beside the three scripted ones.
    pub(crate) async fn with_hosts(
        url: &str,
        mode: Mode,
        others: Vec<ProviderHost>,
        transport: TransportSettings,
    ) -> Self {
        let receiver = "https://scm.example.com/hooks".parse().unwrap();
        Self::with_receiver(url, mode, others, transport, Some(receiver)).await
    }

    /// The same with another address that code hosts deliver to, or none.
    pub(crate) async fn with_receiver(
        url: &str,
        mode: Mode,
        others: Vec<ProviderHost>,
        transport: TransportSettings,
        receiver: Option<url::Url>,
    ) -> Self {
        Self::built(url, mode, others, transport, receiver, Limits::default()).await
    }

    /// With limits.
    pub(crate) async fn with_limits(url: &str, mode: Mode, limits: Limits) -> Self {
        Self::built(url, mode, Vec::new(), transport(), None, limits).await
    }

    async fn built(
        url: &str,
        mode: Mode,
        others: Vec<ProviderHost>,
        transport: TransportSettings,
        receiver: Option<url::Url>,
        limits: Limits,
    ) -> Self {
        LazyLock::force(&LOG);
        let options = ConnectOptions {
            acquire_timeout: Duration::from_secs(10),
            ..ConnectOptions::default()
        };
        let database = scm_service::connect(url, &options).await.unwrap();
        let cipher = Arc::new(Cipher::new(
            KeyRing::generate(KeyId::parse("test").unwrap()).unwrap(),
        ));
        let clock = Arc::new(FixedClock::at(
            Timestamp::parse("2026-11-01T10:00:00Z").unwrap(),
        ));
        let (github, gitlab, bitbucket) = (
            CodeHost::github().await,
            CodeHost::gitlab().await,
            CodeHost::bitbucket().await,
        );
        let mut hosts = vec![
            provider_host(Standard::Github, &github),
            provider_host(Standard::Gitlab, &gitlab),
            provider_host(Standard::Bitbucket, &bitbucket),
        ];
        hosts.extend(others);
        let services = Services::builder(database.clone(), Arc::clone(&cipher))
            .hosts(hosts)
            .transport(transport)
            .clock(clock.clone())
            .receiver_url(receiver)
            .build()
            .unwrap();
        let mut keys = Vec::new();
        let authentication = if mode == Mode::Open {
            Authentication::Open {
                account: AccountId::parse("local").unwrap(),
            }
        } else {
            let mut known = Vec::new();
            for (id, caller) in callers() {
                if mode == Mode::Stored || (mode == Mode::Keys && id.starts_with("t1")) {
                    let key = stored_key(&services, &caller).await;
                    keys.push((id, key));
                } else if mode == Mode::Tokens || id.starts_with("t2") {
                    keys.push((id, signed_token(&caller)));
                } else {
                    let new = NewApiKey::generate(&id).unwrap();
                    known.push(ApiKey::new(&id, &new.digest, caller, None).unwrap());
                    keys.push((id, new.key));
                }
            }
            let known = ApiKeys::new(known).unwrap();
            Authentication::Bearers(Bearers::new().api_keys(known).jwt(verifier()))
        };
        let api = Api::new(services.clone(), authentication.clone(), limits);
        let panel_key = PanelKey::parse(&STANDARD.encode(PANEL_KEY)).unwrap();
        let app = App::new()
            .service(web::scope(BASE).configure(api.configure()))
            .configure(api.configure_delivr(Some(panel_key)))
            .default_service(web::to(fallback));
        let service = Rc::new(test::init_service(app).await);
        let door: Rc<Door> = Rc::new(move |request| {
            let service = Rc::clone(&service);
            Box::pin(async move {
                let response = service.call(request).await?;
                Ok(response.map_into_boxed_body())
            })
        });
        Self {
            door,
            clock,
            github,
            gitlab,
            bitbucket,
            services,
            cipher,
            database,
            authentication,
            keys,
        }
    }

    /// The key of a caller: `platform`, or tenant and role as in `t1-owner`.
    pub(crate) fn key(&self, caller: &str) -> &str {
        &self
            .keys
            .iter()
            .find(|(id, _)| id == caller)
            .expect("a known caller")
            .1
    }

    /// Sends a request as it is; its answer must hold no secret and be one that the document tells of.
    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        let request = request.to_request();
        let (method, path) = (request.method().clone(), request.path().to_owned());
        let (status, headers, bytes) = match (self.door)(request).await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                (status, headers, test::read_body(response).await)
            }
            Err(error) => {
                let response = error.error_response();
                let (status, headers) = (response.status(), response.headers().clone());
                (
                    status,
                    headers,
                    response.into_body().try_into_bytes().unwrap(),
                )
            }
        };
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        assert_no_secret(&bytes, &json, &headers);
        // The paths of delivr are not in the document; see `delivr`.
        if !path.starts_with("/tenants/") && !path.starts_with("/integrations/") {
            DOCUMENT.hold(&Heard {
                method: &method,
                path: &path,
                status,
                headers: &headers,
                bytes: &bytes,
            });
        }
        Answer {
            status,
            headers,
            bytes,
            json,
        }
    }

    /// A request below the base, as a caller (`None`: without a credential).
    pub(crate) fn request(&self, method: Method, path: &str, caller: Option<&str>) -> TestRequest {
        let request = TestRequest::with_uri(&format!("{BASE}{path}")).method(method);
        match caller {
            None => request,
            Some(caller) => {
                request.insert_header(("Authorization", format!("Bearer {}", self.key(caller))))
            }
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, None)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path, None).set_json(body))
            .await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path, None).set_json(body))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path, None)).await
    }

    pub(crate) async fn verify(&self, id: &str) -> Answer {
        self.send(self.request(Method::POST, &format!("/{id}/verify"), None))
            .await
    }

    pub(crate) fn host(&self, standard: Standard) -> &CodeHost {
        match standard {
            Standard::Github => &self.github,
            Standard::Gitlab => &self.gitlab,
            Standard::Bitbucket => &self.bitbucket,
        }
    }

    /// The body that connects the standard repository of a host.
    pub(crate) fn body(&self, tenant: &str, standard: Standard) -> Value {
        json!({
            "tenantId": tenant,
            "scmType": kind(standard).scm_type(),
            "repositoryUrl": self.host(standard).repository_url(standard.repository()),
            "accessToken": token(standard),
        })
    }

    /// How many calls all hosts have seen.
    pub(crate) fn provider_calls(&self) -> usize {
        self.github.calls() + self.gitlab.calls() + self.bitbucket.calls()
    }
}

/// A credential of the right shape for a host, with the mark in it.
pub(crate) fn token(standard: Standard) -> String {
    match standard {
        Standard::Github => format!("ghp_{MARK}"),
        Standard::Gitlab => format!("glpat-{MARK}"),
        Standard::Bitbucket => format!("dev@example.com:ATATT3x{MARK}"),
    }
}
