//! Traces as a collector gets them, and what becomes of the server if there is none.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any,
    trace::v1::Span,
};
use prost::Message as _;
use scm_testkit::git_host::{Dialect, GitHost};
use serde_json::json;

use crate::server::{BASE, Place, text};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// On a busy machine, too, what is left is sent before the server ends.
const TO_STOP: &str = "shutdown_timeout_seconds = 300\n";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes what is posted to it, for as long as the test runs.
struct Collector {
    port: u16,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    /// Answers everything with this status.
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bodies = Arc::<Mutex<Vec<_>>>::default();
        let taken = Arc::clone(&bodies);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let taken = Arc::clone(&taken);
                thread::spawn(move || take(stream, status, &taken));
            }
        });
        Self { port, bodies }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().concat()
    }

    /// All spans, with the name of the service that sent them.
    fn spans(&self) -> Vec<(String, Span)> {
        let mut spans = Vec::new();
        for body in &*self.bodies.lock().unwrap() {
            let request = ExportTraceServiceRequest::decode(&**body).unwrap();
            for of_resource in request.resource_spans {
                let resource = of_resource.resource.unwrap();
                let name = &resource.attributes[0];
                assert_eq!(name.key, "service.name");
                let Some(Any::StringValue(name)) = name.value.clone().unwrap().value else {
                    panic!("{name:?}");
                };
                let sent = of_resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans);
                spans.extend(sent.map(|span| (name.clone(), span)));
            }
        }
        spans
    }
}

/// Reads the requests of a connection, each to its end, and answers.
fn take(mut stream: TcpStream, status: &str, taken: &Mutex<Vec<Vec<u8>>>) {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8(bytes[..head].to_vec())
                .unwrap()
                .to_lowercase();
            assert!(text.starts_with("post /v1/traces http/1.1"), "{text}");
            assert!(
                text.contains("content-type: application/x-protobuf"),
                "{text}"
            );
            let (_, length) = text.split_once("content-length: ").unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if bytes.len() >= head + 4 + length {
                let rest = bytes.split_off(head + 4 + length);
                taken.lock().unwrap().push(bytes.split_off(head + 4));
                bytes = rest;
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
                continue;
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// An attribute as text.
fn attribute(span: &Span, key: &str) -> Option<String> {
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    match pair.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

/// Settings with a GitLab and a key, and all the time there is to stop.
fn settings(host: &GitHost, key: &str) -> String {
    format!(
        "{TO_STOP}[auth]\nmode = \"api-keys\"\n{key}\n[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\nallow_private_addresses = true\n",
        host.base_url()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_a_request_with_all_that_it_led_to() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let collector = Collector::start("200 OK");
    let place = Place::new();
    let endpoint = format!("http://127.0.0.1:{}", collector.port);
    let made = [
        "api-keys",
        "generate",
        "--id",
        "ops",
        "--account",
        "acc-secret",
    ];
    let made = text(&place.run(&made));
    let mut words = made.split_whitespace();
    let key = words
        .find(|word| word.starts_with("scm_"))
        .unwrap()
        .to_owned();
    place.write("scm.toml", &settings(&host, &made));
    let mut command = place.command(&[]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    command.env("OTEL_SERVICE_NAME", "scm-of-tests");
    let mut server = crate::server::Server::start(command);
    let client = server.client().with_key(&key);
    let token = host.issue_access_token();
    let body = json!({
        "tenantId": "tenant-secret",
        "scmType": "GITLAB",
        "repositoryUrl": host.repository_url(),
        "accessToken": token,
    });
    let (status, created) = client.post(BASE, &body);
    assert_eq!(status, 201, "{created}");
    let id = created["data"]["id"].as_str().unwrap().to_owned();
    let request = format!(
        "POST {BASE}/{id}/verify HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {key}\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n\
         tracestate: vendor=1\r\nContent-Length: 0\r\n\r\n"
    );
    let answer = server.client().raw(&request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let planned = "scm_jobs_ended_total{kind=\"plan\"";
    while !client.text("/metrics").contains(planned) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());

    let spans = collector.spans();
    assert!(spans.iter().all(|(service, _)| service == "scm-of-tests"));
    let of_trace = spans.iter().map(|(_, span)| span);
    let of_trace: Vec<_> = of_trace
        .filter(|span| hex(&span.trace_id) == TRACE)
        .collect();
    let named = |name: &str| {
        let found = of_trace.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no span {name} among {of_trace:?}"))
    };
    let below = |parent: &Span| {
        let parent = parent.span_id.clone();
        let below = of_trace
            .iter()
            .filter(move |span| span.parent_span_id == parent);
        below.map(|span| span.name.as_str()).collect::<Vec<_>>()
    };
    let request = named(&format!("POST {BASE}/{{id}}/verify"));
    assert_eq!(hex(&request.parent_span_id), PARENT);
    assert_eq!(request.trace_state, "vendor=1");
    assert_eq!(
        attribute(request, "http.response.status_code").unwrap(),
        "200"
    );
    for name in ["authentication", "check", "SELECT tenant_scm_integrations"] {
        assert!(
            below(request).contains(&name),
            "{name}: {:?}",
            below(request)
        );
    }
    let check = named("check");
    assert!(below(check).contains(&"GET gitlab"), "{:?}", below(check));
    let calls = of_trace.iter().filter(|span| span.name == "GET gitlab");
    for call in calls {
        assert_eq!(attribute(call, "scm.product").unwrap(), "gitlab");
        assert!(attribute(call, "http.response.status_code").is_some());
        let sent = format!("00-{TRACE}-{}-01", hex(&call.span_id));
        let arrived = host.requests();
        let arrived = arrived
            .iter()
            .any(|arrived| arrived.header("traceparent") == Some(&sent));
        assert!(arrived, "the host was told {sent}");
    }
    for span in &of_trace {
        let known = of_trace
            .iter()
            .any(|other| other.span_id == span.parent_span_id);
        assert!(known || hex(&span.parent_span_id) == PARENT, "{span:?}");
        assert!(
            span.start_time_unix_nano <= span.end_time_unix_nano,
            "{span:?}"
        );
    }
    let begun = |name: &str| {
        let of_name = |(_, span): &&(String, Span)| span.name == name;
        spans.iter().find(of_name).map(|(_, span)| span)
    };
    let job = begun("job plan").expect("background work is traced");
    assert!(job.parent_span_id.is_empty() && hex(&job.trace_id) != TRACE);
    assert!(attribute(job, "scm.job.outcome").is_some());

    let bytes = String::from_utf8_lossy(&collector.bytes()).into_owned();
    let path = Dialect::Gitlab.repository();
    for secret in [
        &*token,
        &*key,
        "tenant-secret",
        "acc-secret",
        &*id,
        "127.0.0.1",
        path,
    ] {
        assert!(!bytes.contains(secret), "{secret} went to the collector");
    }
}

#[test]
fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let refusing = Collector::start("503 Service Unavailable");
    for (port, reason) in [
        (refusing.port, "the collector answered with status 503"),
        // Nobody listens there.
        (1, "there was no answer"),
    ] {
        let place = Place::new();
        let endpoint = format!("{TO_STOP}[traces]\nendpoint = \"http://127.0.0.1:{port}\"\n");
        place.write("scm.toml", &endpoint);
        let mut server = place.start();
        for _ in 0..20 {
            assert_eq!(server.client().get(BASE).0, 200);
        }
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        let log = server.log();
        let told = log
            .lines()
            .filter(|line| line.contains("spans of traces were lost"));
        let told: Vec<_> = told.collect();
        assert!(!told.is_empty(), "{log}");
        assert!(told.iter().all(|line| line.contains(reason)), "{log}");
    }
}

#[test]
fn settings_that_cannot_be_are_told() {
    for (traces, want) in [
        (
            "endpoint = \"localhost:4318\"",
            "traces.endpoint: must start with https:// or http://",
        ),
        (
            "endpoint = \"http://u:hunter2@h\"",
            "traces.endpoint: must not hold a user or a password",
        ),
        (
            "endpoint = \"http://169.254.169.254\"",
            "traces.endpoint: the address lies in a network that is never called",
        ),
        (
            "sample_percent = 101",
            "traces.sample_percent: must be from 0 to 100",
        ),
    ] {
        let place = Place::new();
        place.write("scm.toml", &format!("[traces]\n{traces}\n"));
        let checked = place.run(&["config", "check"]);
        assert_eq!(checked.status.code(), Some(78), "{traces}");
        let said = text(&checked);
        assert!(said.contains(want) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_variable_of_all_programs_counts_below_a_file() {
    let place = Place::new();
    place.write("scm.toml", "[traces]\nservice_name = \"of-the-file\"\n");
    let mut command = place.command(&["config", "show"]);
    command.env("OTEL_SERVICE_NAME", "of-the-variable");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    let said = text(&command.output().unwrap());
    assert!(
        said.contains("of-the-file") && !said.contains("of-the-variable"),
        "{said}"
    );
    let line = said
        .lines()
        .find(|line| line.contains("traces.endpoint"))
        .unwrap();
    assert!(line.contains("http://collector:4318"), "{line}");
    assert!(line.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{line}");
}
