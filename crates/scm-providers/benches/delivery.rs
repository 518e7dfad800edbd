//! How long a delivery takes from its bytes to its events: a push of 8 KiB, in the form of each
//! product that signs with a header of its own. `cargo bench -p scm-providers --bench delivery`.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark without its delivery measures nothing"
)]

use divan::counter::BytesCount;
use http::HeaderMap;
use ring::hmac;
use scm_providers::delivery::{parse, verify, verify_nothing};
use scm_types::{SignatureScheme, Timestamp, WebhookSecret};
use serde_json::json;

const SIZE: usize = 8 * 1024;

fn main() {
    divan::main();
}

/// A push to GitHub with as many commits as make the size.
struct Push {
    secret: WebhookSecret,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Push {
    fn new() -> Self {
        let secret = WebhookSecret::parse("benchmark-secret").unwrap();
        let mut commits = Vec::new();
        let body = loop {
            let body = serde_json::to_vec(&json!({
                "ref": "refs/heads/main",
                "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
                "after": "c14c1bb05dfb1fdcdf06b31485fff61b0ea44277",
                "forced": false,
                "repository": {
                    "id": 186_853_002,
                    "full_name": "octo/app",
                    "html_url": "https://github.com/octo/app",
                },
                "sender": { "id": 1, "login": "octocat" },
                "commits": commits,
            }))
            .unwrap();
            if body.len() >= SIZE {
                break body;
            }
            commits.push(json!({
                "id": "c14c1bb05dfb1fdcdf06b31485fff61b0ea44277",
                "message": "Say what is meant\n\nA body of two lines,\nas commits have them.",
                "author": { "name": "Octo Cat", "email": "octo@example.com" },
                "url": "https://github.com/octo/app/commit/c14c1bb",
                "added": ["src/lib.rs"],
                "removed": [],
                "modified": ["Cargo.toml", "README.md"],
            }));
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let tag = hmac::sign(&key, &body);
        let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap());
        let hex = digits.collect::<String>();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-github-event", "push"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-hub-signature-256", &format!("sha256={hex}")),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        Self {
            secret,
            headers,
            body,
        }
    }

    fn events(&self) -> usize {
        let (secret, headers) = (&self.secret, &self.headers);
        let verified = verify(
            SignatureScheme::Github,
            &[secret],
            headers,
            &self.body,
            Timestamp::EPOCH,
        );
        parse(&verified.unwrap()).unwrap().len()
    }
}

/// From bytes to events.
#[divan::bench]
fn verify_and_parse(bencher: divan::Bencher<'_, '_>) {
    let push = Push::new();
    bencher
        .counter(BytesCount::new(push.body.len()))
        .bench_local(|| push.events());
}

/// What a delivery to an unknown webhook costs.
#[divan::bench]
fn refuse_unknown(bencher: divan::Bencher<'_, '_>) {
    let push = Push::new();
    bencher
        .counter(BytesCount::new(push.body.len()))
        .bench_local(|| verify_nothing(&push.body));
}
