use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App, ResponseError as _,
    dev::Service,
    middleware::from_fn,
    test::{self, TestRequest},
    web,
};
use scm_service::{Cipher, ConnectOptions, KeyId, KeyRing, ProviderError};
use scm_testkit::db::{Backend, TestDb};
use scm_types::{AccountId, CommitSha, RefKind, RefSpec, SystemClock, TagName};

use super::*;
use crate::{Authentication, Limits, gate::Gate, middleware::observe};

/// Without limits.
fn gate() -> Arc<Gate> {
    Arc::new(Gate::new(Limits::default(), Arc::new(SystemClock)))
}

async fn state(db: &TestDb) -> State {
    let options = ConnectOptions::default();
    let database = scm_service::connect(&db.url, &options).await.unwrap();
    let ring = KeyRing::generate(KeyId::parse("test").unwrap()).unwrap();
    let services = Services::builder(database, Arc::new(Cipher::new(ring)));
    State {
        services: services.build().unwrap(),
        authentication: Authentication::Open {
            account: AccountId::parse("local").unwrap(),
        },
        gate: gate(),
    }
}

#[tokio::test]
async fn a_panic_leaves_the_key_and_the_body_reaches_the_handler() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let handler = move |body: String| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(call > 0, "the first call panics");
            HttpResponse::Created()
                .insert_header((LOCATION, "/there"))
                .insert_header(("x-other", "1"))
                .body(body)
        }
    };
    let resource = web::resource("/x")
        .route(web::post().to(handler))
        .wrap(from_fn(idempotent));
    let scope = web::scope("")
        .wrap(from_fn(|request, next| {
            observe(gate(), scm_trace::Tracer::default(), None, request, next)
        }))
        .app_data(Data::new(state(&db).await))
        .service(resource);
    let app = test::init_service(App::new().service(scope)).await;
    let send = async || {
        let request = TestRequest::post().uri("/x").insert_header((KEY, "k"));
        let request = request.set_payload("given").to_request();
        match app.call(request).await {
            Ok(response) => response.into_parts().1,
            Err(error) => error.error_response(),
        }
    };
    assert_eq!(send().await.status(), 500);
    let mut tries = 0;
    let first = loop {
        // The key is given back beside the answer.
        let response = send().await;
        tries += 1;
        if response.status() != 409 || tries == 50 {
            break response;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(first.status(), 201);
    let second = send().await;
    assert_eq!(second.status(), 201);
    assert_eq!(second.headers().get(&REPLAYED).unwrap(), "true");
    assert_eq!(second.headers().get(LOCATION).unwrap(), "/there");
    assert!(
        second.headers().get("x-other").is_none(),
        "not an answer's own"
    );
    for response in [first, second] {
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), "given");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn what_is_kept() {
    let service = |error: ServiceError| ApiError::from(error);
    let provider = |error: ProviderError| service(error.into());
    let sha = |digit: &str| CommitSha::parse(&digit.repeat(40)).unwrap();
    let tag = || TagName::parse("v1").unwrap();
    let (found, wanted) = (sha("a"), sha("b"));
    let malformed = ApiError::MalformedJson { line: 1, column: 1 };
    let ref_conflict = ProviderError::RefConflict {
        kind: RefKind::Tag,
        name: "v1".to_owned(),
        found: found.clone(),
        wanted: wanted.clone(),
    };
    let release_conflict = ProviderError::ReleaseConflict {
        tag: tag(),
        differs: vec!["notes"],
    };
    let unexpected = ServiceError::UnexpectedCommit {
        spec: RefSpec::parse("main").unwrap(),
        found,
        expected: wanted,
    };
    let no_branch = ProviderError::RefNotFound {
        kind: RefKind::Branch,
        name: "main".to_owned(),
    };
    let limited = ProviderError::RateLimited {
        retry_after: Duration::from_secs(1),
    };
    let refused = ProviderError::RefRefused {
        kind: RefKind::Tag,
        name: "v1".to_owned(),
        status: 422,
    };
    for (error, kept) in [
        (malformed, true),
        (ApiError::NotAnObject, true),
        (ApiError::MalformedQuery, true),
        (ApiError::ContentType, true),
        (ApiError::BodyTooLarge, true),
        (service(ServiceError::invalid("name", "is required")), true),
        (service(ServiceError::MissingRequired(vec![])), true),
        (service(ServiceError::AlreadyExists), true),
        (service(ServiceError::VersionMismatch), true),
        (service(unexpected), true),
        (provider(ref_conflict), true),
        (provider(release_conflict), true),
        (ApiError::Unauthenticated, false),
        (ApiError::NotLocal, false),
        (ApiError::MethodNotAllowed { allow: "GET" }, false),
        (ApiError::InFlight, false),
        (ApiError::KeyReused, false),
        (ApiError::BodySlow, false),
        (ApiError::BodyLost, false),
        (ApiError::Panicked, false),
        (service(ServiceError::NotFound), false),
        (service(ServiceError::NoCredential), false),
        (service(ServiceError::Paused), false),
        (service(ServiceError::Deleted), false),
        (service(ServiceError::HostNotConfigured), false),
        (provider(no_branch), false),
        (provider(limited), false),
        (provider(refused), false),
        (provider(ProviderError::TokenInvalid { hint: None }), false),
        (provider(ProviderError::TokenExpired { at: None }), false),
        (provider(ProviderError::EmptyRepository), false),
        (provider(ProviderError::ReadOnly), false),
    ] {
        assert_eq!(is_kept(&error.error_response()), kept, "{error}");
    }
    assert!(is_kept(&HttpResponse::Created().finish()));
    assert!(!is_kept(&HttpResponse::NotModified().finish()));
    assert!(!is_kept(&HttpResponse::UnprocessableEntity().finish()));
}
