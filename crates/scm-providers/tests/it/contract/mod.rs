//! One suite that every product passes: the same situation, told by each host in its own way, comes
//! to the same class of error, and only answers about the connection are definite.

mod credentials;
mod limits;
mod moves;
mod outages;
mod parts;
mod redirects;
mod repository;
mod texts;

use scm_providers::ProviderError;
use scm_testkit::code_host::{CodeHost, Reply, Standard};
use scm_types::ConnectionReport;
use serde_json::{Value, json};

use crate::support::{Bench, chain};

/// What a check is expected to come to.
enum Want {
    /// A report that passes the look.
    Valid(fn(&ConnectionReport) -> bool),
    /// An error of this class, about the connection or not.
    Error {
        code: &'static str,
        is_definite: bool,
    },
}

use Want::Valid;

const fn definite(code: &'static str) -> Want {
    Want::Error {
        code,
        is_definite: true,
    }
}

const fn passing(code: &'static str) -> Want {
    Want::Error {
        code,
        is_definite: false,
    }
}

/// Runs one situation on each product.
async fn suite(name: &str, script: impl Fn(&CodeHost, Standard), want: Want) {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        script(&bench.host, standard);
        let got = bench.check().await;
        judge(name, standard, &got, &want);
    }
}

fn judge(
    name: &str,
    standard: Standard,
    got: &Result<ConnectionReport, ProviderError>,
    want: &Want,
) {
    match (got, want) {
        (Ok(report), Valid(look)) => assert!(look(report), "{name}, {standard:?}: {report:?}"),
        (Err(error), Want::Error { code, is_definite }) => {
            let got = (error.code(), error.is_definite());
            assert_eq!(
                got,
                (*code, *is_definite),
                "{name}, {standard:?}: {error:?}"
            );
            let text = chain(error);
            for secret in [standard.token(), "0123456789", "10.1.2.3", "internal"] {
                assert!(!text.contains(secret), "{name}, {standard:?}: {text}");
            }
        }
        (got, _) => panic!("{name}, {standard:?}: {got:?}"),
    }
}

/// A scripted refusal of each product.
fn by<'a>(standard: Standard, github: &'a str, gitlab: &'a str, bitbucket: &'a str) -> Reply {
    let name = match standard {
        Standard::Github => github,
        Standard::Gitlab => gitlab,
        Standard::Bitbucket => bitbucket,
    };
    Reply::fixture(&format!("{}/{name}", folder(standard)))
}

fn folder(standard: Standard) -> &'static str {
    match standard {
        Standard::Github => "github",
        Standard::Gitlab => "gitlab",
        Standard::Bitbucket => "bitbucket",
    }
}

fn no_list(standard: Standard) -> Value {
    match standard {
        Standard::Github | Standard::Gitlab => json!([]),
        Standard::Bitbucket => json!({"values": []}),
    }
}
