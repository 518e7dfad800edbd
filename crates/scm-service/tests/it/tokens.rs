//! Signed tokens: which are accepted, as whom, and with which keys.

use std::{sync::Arc, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use scm_service::{
    ApiKeys, AuthenticationError, BadJwtKey, Bearers, Cipher, ConnectOptions, JwtAlgorithm,
    JwtClaims, JwtRoles, JwtSettings, JwtVerifier, KeyId, KeyRing, Services, connect,
};
use scm_testkit::{
    code_host::{CodeHost, Reply},
    db::{Backend, TestDb},
};
use scm_types::{Access, Caller, FixedClock, TenantId, Timestamp};
use serde_json::{Value, json};

const SECRET: &[u8] = b"a shared secret of enough bytes!";
const NOW: i64 = 1_800_000_000;

/// What a test signs with.
enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Self {
        let pem = include_str!("../../../scm-testkit/fixtures/github/app_key_for_tests.pkcs8.pem");
        let body = pem
            .lines()
            .skip_while(|line| !line.starts_with("-----BEGIN"))
            .skip(1);
        let body: String = body
            .take_while(|line| !line.starts_with("-----END"))
            .collect();
        let der = STANDARD.decode(body).unwrap();
        Self::Rsa(RsaKeyPair::from_pkcs8(&der).unwrap())
    }

    fn p256() -> Self {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let der = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(how, der.as_ref(), &random).unwrap())
    }

    fn p384() -> Self {
        let (how, random) = (&ECDSA_P384_SHA384_FIXED_SIGNING, SystemRandom::new());
        let der = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self::P384(EcdsaKeyPair::from_pkcs8(how, der.as_ref(), &random).unwrap())
    }

    fn ed() -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap())
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let padding: &'static dyn ring::signature::RsaEncoding = match algorithm {
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(key) | Self::P384(key) => {
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// The public key as a key set holds it.
    fn jwk(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let curve = |name: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "crv": name, "x": text(x), "y": text(y), "kid": id, "use": "sig"})
        };
        match self {
            Self::Rsa(key) => {
                let PublicKeyComponents { n, e } =
                    PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "n": text(&n), "e": text(&e), "kid": id})
            }
            Self::P256(key) => curve("P-256", key.public_key().as_ref()),
            Self::P384(key) => curve("P-384", key.public_key().as_ref()),
            Self::Ed(key) => {
                let point = text(key.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": point, "kid": id})
            }
        }
    }

    /// The public key as a PEM file holds it.
    fn pem(&self) -> String {
        const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
        const P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
        const ED: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        let der = match self {
            Self::P256(key) => [P256, key.public_key().as_ref()].concat(),
            Self::P384(key) => [P384, key.public_key().as_ref()].concat(),
            Self::Ed(key) => [ED, key.public_key().as_ref()].concat(),
            Self::Rsa(key) => {
                let long = |tag: u8, body: &[u8]| {
                    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
                    [&[tag, 0x82][..], &length, body].concat()
                };
                let bits = [&[0][..], key.public().as_ref()].concat();
                long(0x30, &[RSA, &long(0x03, &bits)].concat())
            }
        };
        let body = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with these parts, signed.
fn signed(header: &Value, claims: &Value, signer: &Signer) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let algorithm = header["alg"].as_str().unwrap_or_default();
    let signature = signer.sign(algorithm, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Claims that are right, with these changed; null takes one away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://issuer.example",
        "aud": "scm",
        "sub": "acc_7",
        "exp": NOW + 300,
        "iat": NOW,
        "tenant": "t1",
        "role": "editor",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn settings(algorithms: &[JwtAlgorithm]) -> JwtSettings {
    JwtSettings {
        issuer: "https://issuer.example".to_owned(),
        audience: vec!["scm".to_owned(), "scm-2".to_owned()],
        algorithms: algorithms.to_vec(),
        leeway: Duration::from_mins(1),
        claims: JwtClaims::default(),
        roles: JwtRoles::default(),
    }
}

struct Bench {
    services: Services,
    clock: Arc<FixedClock>,
    // Dropped last.
    _db: TestDb,
}

impl Bench {
    async fn new() -> Self {
        let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
        let start = Timestamp::from_millis(NOW * 1_000).unwrap();
        let clock = Arc::new(FixedClock::at(start));
        let ring = KeyRing::generate(KeyId::parse("test").unwrap()).unwrap();
        let pool = connect(&db.url, &ConnectOptions::default()).await.unwrap();
        let services = Services::builder(pool, Arc::new(Cipher::new(ring)));
        Self {
            services: services.clock(clock.clone()).build().unwrap(),
            clock,
            _db: db,
        }
    }

    async fn ask(
        &self,
        verifier: &JwtVerifier,
        token: &str,
        tenant: Option<&str>,
    ) -> Result<Caller, AuthenticationError> {
        let bearers = Bearers::new()
            .api_keys(ApiKeys::default())
            .jwt(verifier.clone());
        let tenant = tenant.map(|tenant| TenantId::parse(tenant).unwrap());
        let services = &self.services;
        services
            .authenticate(&bearers, token, tenant.as_ref())
            .await
    }

    /// What the token comes to, in one word.
    async fn answer(&self, verifier: &JwtVerifier, token: &str, tenant: Option<&str>) -> String {
        match self.ask(verifier, token, tenant).await {
            Ok(caller) => match caller.access {
                Access::Platform => "platform".to_owned(),
                Access::Tenant { tenant, role } => format!("{tenant} {role}"),
            },
            Err(AuthenticationError::Refused) => "refused".to_owned(),
            Err(AuthenticationError::WhichTenant) => "which tenant".to_owned(),
            Err(AuthenticationError::ForeignTenant) => "foreign tenant".to_owned(),
            Err(AuthenticationError::KeySetAway) => "away".to_owned(),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn every_algorithm_with_its_own_kind_of_key() {
    use JwtAlgorithm::{EdDsa, Es256, Es384, Hs256, Ps256, Rs256};
    let bench = Bench::new().await;
    let signers = [
        ("RS256", Rs256, Signer::rsa()),
        ("PS256", Ps256, Signer::rsa()),
        ("ES256", Es256, Signer::p256()),
        ("ES384", Es384, Signer::p384()),
        ("EdDSA", EdDsa, Signer::ed()),
    ];
    let all = [Rs256, Ps256, Es256, Es384, EdDsa, Hs256];
    for (word, algorithm, signer) in &signers {
        let header = json!({"alg": word, "typ": "JWT", "kid": "k1"});
        let token = signed(&header, &claims(&json!({})), signer);
        let set = json!({"keys": [signer.jwk("k1")]}).to_string();
        for keys in [&set, &signer.pem()] {
            let verifier = JwtVerifier::with_keys(settings(&[*algorithm]), keys).unwrap();
            assert_eq!(
                bench.answer(&verifier, &token, None).await,
                "t1 editor",
                "{word}"
            );
            // Any other algorithm with the same key, and the same one where it is not allowed.
            for (other, _, _) in &signers {
                let lie = json!({"alg": other, "kid": "k1"});
                let lie = signed(&lie, &claims(&json!({})), signer);
                let want = if other == word {
                    "t1 editor"
                } else {
                    "refused"
                };
                assert_eq!(
                    bench.answer(&verifier, &lie, None).await,
                    want,
                    "{other} for {word}"
                );
            }
            let open = JwtVerifier::with_keys(settings(&all), keys).unwrap();
            // The public key as a shared secret, in both forms that are around.
            for secret in [keys.as_bytes(), signer.pem().as_bytes()] {
                let forged = json!({"alg": "HS256", "kid": "k1"});
                let forged = with_secret(&forged, &claims(&json!({})), secret);
                assert_eq!(
                    bench.answer(&open, &forged, None).await,
                    "refused",
                    "{word}"
                );
            }
        }
    }
    let shared = JwtVerifier::with_secret(settings(&[Hs256]), SECRET).unwrap();
    let header = json!({"alg": "HS256"});
    let token = with_secret(&header, &claims(&json!({})), SECRET);
    assert_eq!(bench.answer(&shared, &token, None).await, "t1 editor");
    let other = with_secret(
        &header,
        &claims(&json!({})),
        b"another secret of enough bytes!!",
    );
    assert_eq!(bench.answer(&shared, &other, None).await, "refused");
}

#[tokio::test]
async fn what_a_token_has_to_say() {
    let bench = Bench::new().await;
    let signer = Signer::ed();
    let allowed = settings(&[JwtAlgorithm::EdDsa]);
    let verifier = JwtVerifier::with_keys(allowed, &signer.pem()).unwrap();
    for (what, changes, want) in [
        ("nothing else", json!({}), "t1 editor"),
        (
            "another issuer",
            json!({"iss": "https://evil.example"}),
            "refused",
        ),
        ("no issuer", json!({"iss": null}), "refused"),
        (
            "issuer in a list",
            json!({"iss": ["https://issuer.example"]}),
            "refused",
        ),
        ("another audience", json!({"aud": "other"}), "refused"),
        ("no audience", json!({"aud": null}), "refused"),
        ("no audience in the list", json!({"aud": []}), "refused"),
        (
            "one of several audiences",
            json!({"aud": ["other", "scm-2"]}),
            "t1 editor",
        ),
        ("no end", json!({"exp": null}), "refused"),
        ("end as text", json!({"exp": "2099"}), "refused"),
        ("end long ago", json!({"exp": 1}), "refused"),
        ("negative end", json!({"exp": -1}), "refused"),
        (
            "end within the leeway",
            json!({"exp": NOW - 59}),
            "t1 editor",
        ),
        (
            "end at the end of the leeway",
            json!({"exp": NOW - 60}),
            "refused",
        ),
        (
            "end with a fraction",
            json!({"exp": 1_800_000_000.5}),
            "t1 editor",
        ),
        ("end beyond all time", json!({"exp": 1e300}), "refused"),
        (
            "begins within the leeway",
            json!({"nbf": NOW + 60}),
            "t1 editor",
        ),
        ("begins later", json!({"nbf": NOW + 61}), "refused"),
        ("made in the future", json!({"iat": NOW + 61}), "refused"),
        ("no account", json!({"sub": null}), "refused"),
        (
            "account that cannot be one",
            json!({"sub": "a b"}),
            "refused",
        ),
        ("no tenant", json!({"tenant": null}), "refused"),
        (
            "tenant that cannot be one",
            json!({"tenant": "a b"}),
            "refused",
        ),
        ("no role", json!({"role": null}), "refused"),
        ("unknown role", json!({"role": "root"}), "refused"),
        ("the word platform", json!({"role": "platform"}), "refused"),
        (
            "several roles",
            json!({"role": ["viewer", "root", "owner"]}),
            "t1 owner",
        ),
        (
            "one of a list",
            json!({"tenant": null, "tenants": ["t9"]}),
            "t9 editor",
        ),
        (
            "one of a map",
            json!({"tenant": null, "tenants": {"t9": "viewer"}}),
            "t9 viewer",
        ),
        (
            "the same twice",
            json!({"tenants": {"t1": "owner"}}),
            "t1 owner",
        ),
        ("several", json!({"tenants": ["t2"]}), "which tenant"),
        (
            "a map without a role",
            json!({"tenant": null, "tenants": {"t9": "root"}}),
            "refused",
        ),
        ("tenants as a text", json!({"tenants": "t9"}), "refused"),
    ] {
        let token = signed(&json!({"alg": "EdDSA"}), &claims(&changes), &signer);
        assert_eq!(bench.answer(&verifier, &token, None).await, want, "{what}");
    }
}

#[tokio::test]
async fn what_is_no_token() {
    let bench = Bench::new().await;
    let signer = Signer::ed();
    let allowed = settings(&[JwtAlgorithm::EdDsa]);
    let verifier = JwtVerifier::with_keys(allowed, &signer.pem()).unwrap();
    let good = signed(&json!({"alg": "EdDSA"}), &claims(&json!({})), &signer);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let none = part(&json!({"alg": "none"}));
    let other = signed(
        &json!({"alg": "EdDSA"}),
        &claims(&json!({"tenant": "t2"})),
        &signer,
    );
    let foreign_payload = other.split('.').nth(1).unwrap();
    let with = |header: Value| signed(&header, &claims(&json!({})), &signer);
    let big = claims(&json!({"filler": "x".repeat(16 * 1024)}));
    for (what, token) in [
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("one part", header.to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("no signature", format!("{message}.")),
        ("alg none", format!("{none}.{payload}.")),
        (
            "alg none with a signature",
            format!("{none}.{payload}.{signature}"),
        ),
        ("alg None", with(json!({"alg": "None"}))),
        ("alg in lower case", with(json!({"alg": "eddsa"}))),
        ("no alg", with(json!({}))),
        ("alg as a list", with(json!({"alg": ["EdDSA"]}))),
        (
            "critical extension",
            with(json!({"alg": "EdDSA", "crit": ["exp"]})),
        ),
        (
            "unencoded payload",
            with(json!({"alg": "EdDSA", "b64": false})),
        ),
        (
            "key id as a number",
            with(json!({"alg": "EdDSA", "kid": 1})),
        ),
        (
            "another's claims",
            format!("{header}.{foreign_payload}.{signature}"),
        ),
        (
            "a changed signature",
            format!("{message}.{}", "A".repeat(86)),
        ),
        ("padding", format!("{good}=")),
        ("not base64url", format!("{message}.+/")),
        (
            "header no JSON",
            format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("x")),
        ),
        ("too long", signed(&json!({"alg": "EdDSA"}), &big, &signer)),
        (
            "another key",
            signed(&json!({"alg": "EdDSA"}), &claims(&json!({})), &Signer::ed()),
        ),
        ("an API key", "scm_x_y".to_owned()),
    ] {
        assert_eq!(
            bench.answer(&verifier, &token, None).await,
            "refused",
            "{what}"
        );
    }
    assert_eq!(bench.answer(&verifier, &good, None).await, "t1 editor");
}

#[tokio::test]
async fn one_tenant_at_a_time() {
    let bench = Bench::new().await;
    let signer = Signer::p256();
    let mut allowed = settings(&[JwtAlgorithm::Es256]);
    allowed.roles.platform = Some("root".to_owned());
    allowed.claims.role = "/realm_access/roles".to_owned();
    allowed.claims.tenants = "https://scm.example/tenants".to_owned();
    let verifier = JwtVerifier::with_keys(allowed, &signer.pem()).unwrap();
    let of = |changes: Value| signed(&json!({"alg": "ES256"}), &claims(&changes), &signer);
    let several = of(json!({
        "tenant": null,
        "https://scm.example/tenants": {"t1": "viewer", "t2": ["owner", "viewer"], "t3": "nobody"},
    }));
    let single = of(json!({"realm_access": {"roles": ["owner"]}}));
    let platform = of(json!({"realm_access": {"roles": ["viewer", "root"]}}));
    for (token, named, want) in [
        (&several, None, "which tenant"),
        (&several, Some("t1"), "t1 viewer"),
        (&several, Some("t2"), "t2 owner"),
        (&several, Some("t3"), "foreign tenant"),
        (&several, Some("T1"), "foreign tenant"),
        (&single, None, "t1 owner"),
        (&single, Some("t1"), "t1 owner"),
        (&single, Some("t2"), "foreign tenant"),
        (&platform, None, "platform"),
        (&platform, Some("t1"), "foreign tenant"),
    ] {
        assert_eq!(
            bench.answer(&verifier, token, named).await,
            want,
            "{named:?}"
        );
    }
}

#[tokio::test]
async fn a_published_set_is_fetched_and_outlives_its_address() {
    let bench = Bench::new().await;
    let (first, second) = (Signer::ed(), Signer::p256());
    let host = CodeHost::start().await;
    let url = format!("{}/jwks", host.base_url()).parse().unwrap();
    let allowed = settings(&[JwtAlgorithm::EdDsa, JwtAlgorithm::Es256]);
    let hour = Duration::from_hours(1);
    let verifier = JwtVerifier::with_key_set(allowed, url, hour, bench.clock.clone()).unwrap();
    let life = claims(&json!({"exp": NOW + 100_000}));
    let by_first = signed(&json!({"alg": "EdDSA", "kid": "k1"}), &life, &first);
    let by_second = signed(&json!({"alg": "ES256", "kid": "k2"}), &life, &second);
    let answer = async |token: &str| bench.answer(&verifier, token, None).await;
    let pass = |seconds| bench.clock.advance(Duration::from_secs(seconds));

    // It does not answer yet; tokens are not refused for that, and it is not asked all the time.
    host.on_everything(Reply::empty(503));
    for _ in 0..3 {
        assert_eq!(answer(&by_first).await, "away");
    }
    assert_eq!(host.calls(), 1);

    host.on_everything(Reply::json(200, &json!({"keys": [first.jwk("k1")]})));
    pass(10);
    assert_eq!(answer(&by_first).await, "t1 editor");
    assert_eq!(
        answer(&by_second).await,
        "refused",
        "the set was fetched a moment ago"
    );
    for _ in 0..5 {
        assert_eq!(answer(&by_first).await, "t1 editor");
    }
    assert_eq!(host.calls(), 2);

    // A new key is found as soon as a token names it.
    let both = json!({"keys": [first.jwk("k1"), second.jwk("k2"), {"kty": "oct", "k": "AAAA"}]});
    host.on_everything(Reply::json(200, &both));
    pass(10);
    assert_eq!(answer(&by_second).await, "t1 editor");
    assert_eq!(host.calls(), 3);
    let unknown = signed(&json!({"alg": "EdDSA", "kid": "k9"}), &life, &first);
    for _ in 0..5 {
        assert_eq!(
            answer(&unknown).await,
            "refused",
            "whatever comes, it is asked seldom"
        );
    }
    assert_eq!(host.calls(), 3);

    // Known keys go on without it, for their time.
    for broken in [
        Reply::empty(500),
        Reply::html(200),
        Reply::json(200, &json!({"keys": []})),
        Reply::huge(600 * 1024),
        Reply::redirect(302, "https://elsewhere.example/jwks"),
    ] {
        host.on_everything(broken);
        pass(600);
        assert_eq!(answer(&unknown).await, "refused");
        assert_eq!(answer(&by_first).await, "t1 editor");
    }
    pass(600);
    assert_eq!(answer(&by_first).await, "away");
    host.on_everything(Reply::json(200, &both));
    pass(10);
    assert_eq!(answer(&by_first).await, "t1 editor");
}

#[test]
fn what_is_no_key() {
    let allowed = || settings(&[JwtAlgorithm::EdDsa]);
    let of = |text: &str| JwtVerifier::with_keys(allowed(), text).err();
    let ed = Signer::ed();
    let pem = ed.pem();
    for (text, want) in [
        ("", Some(BadJwtKey::Form)),
        ("{", Some(BadJwtKey::Form)),
        ("{}", Some(BadJwtKey::Form)),
        (r#"{"keys":[]}"#, Some(BadJwtKey::Empty)),
        (
            r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
            Some(BadJwtKey::Empty),
        ),
        (&pem.replace("PUBLIC", "PRIVATE"), Some(BadJwtKey::Form)),
        (&pem.replacen("MCow", "MCo", 1), Some(BadJwtKey::Form)),
        (&pem, None),
        (&pem.replace('\n', "\r\n"), None),
    ] {
        assert_eq!(of(text), want, "{text:?}");
    }
    let mut other_use = ed.jwk("k1");
    other_use["use"] = "enc".into();
    assert_eq!(
        of(&json!({"keys": [other_use]}).to_string()),
        Some(BadJwtKey::Empty)
    );
    let short = JwtVerifier::with_secret(allowed(), &SECRET[..31]).err();
    assert_eq!(short, Some(BadJwtKey::Short));
}
