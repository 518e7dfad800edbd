//! How long a long list of branches takes on a host that answers after 50 ms: page after page, and
//! as it is fetched. `cargo bench -p scm-providers --bench listing`.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark without its host measures nothing"
)]

use std::{sync::Arc, time::Duration};

use scm_providers::{Known, ListRequest, Provider, ProviderHost, Registry, TransportSettings};
use scm_testkit::git_host::{Dialect, GitHost};
use scm_types::{AccessToken, HostKind, PageLimit, RepoUrl, RepositoryInfo, SystemClock, WebHost};
use tokio::runtime::Runtime;

const BRANCHES: usize = 2_350;
const LATENCY: Duration = Duration::from_millis(50);

fn main() {
    divan::main();
}

/// A host with many branches, and a handle on its repository.
struct Bench {
    runtime: Runtime,
    provider: Box<dyn Provider>,
    info: RepositoryInfo,
    // Stops when it is dropped.
    _host: GitHost,
}

impl Bench {
    fn of(dialect: Dialect) -> Self {
        let runtime = Runtime::new().unwrap();
        let (host, provider, info) = runtime.block_on(async {
            let host = GitHost::start(dialect).await;
            let names = (1..BRANCHES).map(|n| format!("branch-{n}"));
            host.repo().branches(names, "main");
            host.set_latency(LATENCY);
            let provider = open(&host);
            let info = provider.info().await.unwrap();
            (host, provider, info)
        });
        Self {
            runtime,
            provider,
            info,
            _host: host,
        }
    }

    /// The whole list, in parts of so many.
    fn walk(&self, limit: u64) -> usize {
        self.runtime.block_on(async {
            let mut request = ListRequest {
                limit: PageLimit::new(limit).unwrap(),
                ..ListRequest::default()
            };
            let mut count = 0;
            loop {
                let part = self.provider.branches(&self.info, &request).await.unwrap();
                count += part.items.len();
                request.after = part.next;
                if request.after.is_none() {
                    assert_eq!(count, BRANCHES);
                    return count;
                }
            }
        })
    }
}

fn open(host: &GitHost) -> Box<dyn Provider> {
    let kind = match host.dialect() {
        Dialect::Github => HostKind::Github,
        Dialect::Gitlab => HostKind::Gitlab,
        Dialect::Bitbucket => HostKind::Bitbucket,
        Dialect::DataCenter => HostKind::BitbucketDataCenter,
    };
    let web = WebHost::parse(kind, &host.base_url()).unwrap();
    let provider_host = ProviderHost {
        allow_private_addresses: true,
        ..ProviderHost::default_for(web)
    };
    let settings = TransportSettings {
        operation_budget: Duration::from_hours(1),
        ..TransportSettings::default()
    };
    let registry = Registry::new(vec![provider_host], settings, Arc::new(SystemClock)).unwrap();
    let url = RepoUrl::parse(&host.repository_url(), registry.web_hosts()).unwrap();
    let token = AccessToken::parse(host.dialect().token()).unwrap();
    registry.open(&url, &token, Known::default()).unwrap()
}

const DIALECTS: [Dialect; 4] = Dialect::ALL;

/// One page after the other.
#[divan::bench(args = DIALECTS, sample_count = 5)]
fn in_turn(bencher: divan::Bencher<'_, '_>, dialect: Dialect) {
    let bench = Bench::of(dialect);
    bencher.bench_local(|| bench.walk(100));
}

/// As few parts as possible: together where the host's paging allows it.
#[divan::bench(args = DIALECTS, sample_count = 5)]
fn together(bencher: divan::Bencher<'_, '_>, dialect: Dialect) {
    let bench = Bench::of(dialect);
    bencher.bench_local(|| bench.walk(1_000));
}
