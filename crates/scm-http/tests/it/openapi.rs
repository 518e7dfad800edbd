//! The OpenAPI document is true of itself, of the routes and of what the handlers read.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{
    App, HttpRequest,
    http::Method,
    test::{TestRequest, call_service, init_service},
    web,
};
use scm_http::{Authentication, configure};
use scm_testkit::db::{Backend, TestDb};
use scm_types::{AccountId, ErrorCode};
use serde_json::Value;

use crate::{
    app::{BASE, TestApp},
    document::{DOCUMENT, Document, Operation},
};

/// Every value below a value, with the members that lead to it.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|value| walk(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

#[test]
fn nothing_is_told_twice_or_left_open() {
    let document = &DOCUMENT.json;
    assert_eq!(document["openapi"], "3.1.0");
    let mut used = BTreeSet::new();
    walk(document, &mut |members| {
        if let Some(to) = members.get("$ref").and_then(Value::as_str) {
            let pointer = to.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{to} is nowhere");
            used.insert(to.to_owned());
        }
    });
    for kind in ["schemas", "parameters", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let to = format!("#/components/{kind}/{name}");
            // Of paths that are none, and of methods that a path does not have.
            let spare = to.ends_with("/headers/Allow");
            assert!(used.contains(&to) || spare, "{to} is used by nobody");
        }
    }
    let mut ids = BTreeSet::new();
    let tags: Vec<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    for operation in &DOCUMENT.operations {
        let told = &operation.told;
        assert!(
            ids.insert(operation.id()),
            "{} is there twice",
            operation.id()
        );
        assert!(
            !told["summary"].as_str().unwrap().is_empty(),
            "{}",
            operation.id()
        );
        assert!(tags.contains(&&told["tags"][0]), "{}", operation.id());
        let parameters = told["parameters"].as_array().unwrap().iter();
        let in_path: BTreeSet<_> = parameters
            .map(|parameter| DOCUMENT.resolved(parameter))
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap()))
            .collect();
        let parts = operation
            .path
            .split('/')
            .filter(|part| part.starts_with('{'));
        assert_eq!(
            in_path,
            parts.map(str::to_owned).collect(),
            "{}",
            operation.path
        );
    }
}

#[test]
fn examples_are_what_their_schemas_say() {
    let mut seen = 0;
    let mut check = |at: &str, schema: &Value, example: &Value| {
        let closed = DOCUMENT.closed(schema);
        let errors: Vec<_> = Document::validator(&closed)
            .iter_errors(example)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{at}: {errors:?} in {example}");
        seen += 1;
    };
    for operation in &DOCUMENT.operations {
        let id = operation.id();
        let content = &operation.told["requestBody"]["content"]["application/json"];
        for example in content["examples"]
            .as_object()
            .into_iter()
            .flat_map(|examples| examples.values())
        {
            check(id, &content["schema"], &example["value"]);
        }
        for response in operation.told["responses"].as_object().unwrap().values() {
            let contents = DOCUMENT.resolved(response)["content"].as_object();
            for content in contents.into_iter().flat_map(|contents| contents.values()) {
                if !content["example"].is_null() {
                    check(id, &content["schema"], &content["example"]);
                }
                for example in content["examples"]
                    .as_object()
                    .into_iter()
                    .flat_map(|all| all.values())
                {
                    check(id, &content["schema"], &example["value"]);
                }
            }
        }
        for parameter in operation.told["parameters"].as_array().unwrap() {
            let schema = &DOCUMENT.resolved(parameter)["schema"];
            for example in DOCUMENT.resolved(schema)["examples"]
                .as_array()
                .into_iter()
                .flatten()
            {
                check(id, schema, example);
            }
        }
    }
    assert!(seen > 100, "{seen} examples");
}

/// The codes that an operation can fail with.
fn codes(operation: &Operation) -> BTreeSet<String> {
    let responses = operation.told["responses"].as_object().unwrap().values();
    let mut codes = BTreeSet::new();
    for response in responses {
        let content = &DOCUMENT.resolved(response)["content"]["application/json"];
        walk(&content["schema"]["allOf"], &mut |members| {
            let words = members.get("code").and_then(|code| code["enum"].as_array());
            codes.extend(
                words
                    .into_iter()
                    .flatten()
                    .map(|word| word.as_str().unwrap().to_owned()),
            );
        });
    }
    codes
}

#[test]
fn every_code_is_told_by_an_operation() {
    let told: BTreeSet<_> = DOCUMENT.operations.iter().flat_map(codes).collect();
    for code in ErrorCode::ALL {
        // It is the answer where there is no operation.
        let of_none = *code == ErrorCode::MethodNotAllowed;
        assert!(told.contains(code.as_str()) != of_none, "{code}");
    }
}

/// The patterns of an app's resources, as the router has them.
async fn resources() -> BTreeSet<String> {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let services = TestApp::open(&db).await.services;
    let account = AccountId::parse("local").unwrap();
    let map = |request: HttpRequest| async move { format!("{:?}", request.resource_map()) };
    let app = App::new()
        .service(web::scope(BASE).configure(configure(services, Authentication::Open { account })))
        .default_service(web::to(map));
    let app = init_service(app).await;
    let response = call_service(&app, TestRequest::with_uri("/elsewhere").to_request()).await;
    let map = actix_web::test::read_body(response).await;
    let map = String::from_utf8(map.to_vec()).unwrap();
    // One or several patterns: `patterns: Single("/x")`, `patterns: List(["", "/"])`.
    let after = map.split("patterns: ").skip(1);
    let patterns = after.flat_map(|after| {
        let end = after.find(')').unwrap();
        let quoted = after[..end].split('"').skip(1).step_by(2);
        quoted.map(str::to_owned).collect::<Vec<_>>()
    });
    patterns.collect()
}

#[tokio::test]
async fn the_document_has_the_routes_and_no_others() {
    let mut routed: BTreeSet<_> = resources()
        .await
        .into_iter()
        .map(|pattern| pattern.replace(":.*}", "}"))
        .collect();
    for scope in [BASE, "/"] {
        assert!(routed.remove(scope), "{scope} in {routed:?}");
    }
    let below = |operation: &Operation| operation.path.strip_prefix(BASE).map(str::to_owned);
    let told: BTreeSet<_> = DOCUMENT.operations.iter().filter_map(below).collect();
    assert!(told.len() > 20);
    assert_eq!(routed, told);
}

#[tokio::test]
async fn paths_have_the_methods_that_are_told() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let mut methods = BTreeMap::<_, BTreeSet<_>>::new();
    for operation in &DOCUMENT.operations {
        if let Some(path) = operation.path.strip_prefix(BASE) {
            let methods = methods.entry(path).or_default();
            methods.insert(operation.method.to_string());
            if operation.method == Method::GET {
                methods.insert("HEAD".to_owned());
            }
        }
    }
    for (path, methods) in methods {
        let path = path
            .replace("{id}", "x")
            .replace("{delivery}", "y")
            .replace("{name}", "z");
        for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            if methods.contains(method.as_str()) {
                continue;
            }
            // A key, even a wrong one, makes no method.
            for key in [None, Some("")] {
                let mut request = app.request(method.clone(), &path, None);
                if let Some(key) = key {
                    request = request.insert_header(("Idempotency-Key", key));
                }
                let answer = app.send(request).await.expect(405);
                let allow = answer
                    .header("allow")
                    .unwrap()
                    .split(", ")
                    .map(str::to_owned);
                assert_eq!(allow.collect::<BTreeSet<_>>(), methods, "{method} {path}");
            }
        }
    }
}

/// What a handler says that it knows, when it is sent something that it does not.
fn known(answer: &crate::app::Answer) -> BTreeSet<String> {
    let details = answer.json["details"].as_array().unwrap();
    let detail = details
        .iter()
        .find(|detail| detail["field"] == "zz")
        .expect("of zz");
    let message = detail["message"].as_str().unwrap();
    if let Some(known) = message.strip_prefix("is not known here; known are ") {
        return known.split(", ").map(str::to_owned).collect();
    }
    assert_eq!(message, "is not known here; nothing is");
    BTreeSet::new()
}

/// A request for an operation that is right but for where it goes to.
pub(crate) fn request(
    app: &TestApp,
    operation: &Operation,
    id: &str,
    caller: Option<&str>,
) -> (String, TestRequest) {
    let path = operation.path.strip_prefix(BASE).unwrap();
    let mut path = path
        .replace("{id}", id)
        .replace("{delivery}", "dl_8Jx2")
        .replace("{key}", "4s0b0m1c8t2d5r6e")
        .replace(
            "{name}",
            if path.contains("/branches/") {
                "main"
            } else {
                "v1.0.0"
            },
        );
    let mut sign = '?';
    for parameter in operation.told["parameters"].as_array().unwrap() {
        let parameter = DOCUMENT.resolved(parameter);
        if parameter["in"] == "query" && parameter["required"] == true {
            let name = parameter["name"].as_str().unwrap();
            let example = &DOCUMENT.resolved(&parameter["schema"])["examples"][0];
            // What the repository of the tests has.
            let value = if name == "tag" { "v1.0.0" } else { "main" };
            assert!(example.is_string(), "{name} has an example");
            path = format!("{path}{sign}{name}={value}");
            sign = '&';
        }
    }
    let request = app.request(operation.method.clone(), &path, caller);
    (path, request)
}

#[tokio::test]
async fn queries_and_bodies_have_the_members_that_are_read() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let mut seen = 0;
    for operation in DOCUMENT
        .operations
        .iter()
        .filter(|operation| operation.role().is_some())
    {
        let id = operation.id();
        let parameters = operation.told["parameters"].as_array().unwrap().iter();
        let told: BTreeSet<_> = parameters
            .map(|parameter| DOCUMENT.resolved(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let (path, _) = request(&app, operation, "x", None);
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut asked = app.request(operation.method.clone(), &format!("{path}{sign}zz=1"), None);
        if let Some(body) = operation.example() {
            asked = asked.set_json(body);
        }
        let answer = app.send(asked).await.expect(400);
        assert_eq!(known(&answer), told, "the query of {id}");

        let Some(mut body) = operation.example() else {
            continue;
        };
        body["zz"] = 1.into();
        let asked = app
            .request(operation.method.clone(), &path, None)
            .set_json(body);
        let answer = app.send(asked).await.expect(400);
        let content = &operation.told["requestBody"]["content"]["application/json"];
        let schema = DOCUMENT.resolved(&content["schema"]);
        assert_eq!(schema["additionalProperties"], false, "{id}");
        let told = schema["properties"].as_object().unwrap().keys().cloned();
        assert_eq!(known(&answer), told.collect(), "the body of {id}");
        seen += 1;
    }
    assert!(seen > 6, "{seen} bodies");
}
