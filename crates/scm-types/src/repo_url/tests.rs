use super::*;

/// One host of every kind, and the odd ones.
fn hosts() -> WebHosts {
    let host = |kind, text: &str| WebHost::parse(kind, text).unwrap();
    WebHosts::new(vec![
        host(HostKind::Github, "github.com"),
        host(HostKind::Gitlab, "gitlab.com"),
        host(HostKind::Bitbucket, "bitbucket.org"),
        host(HostKind::BitbucketDataCenter, "bb.example.com"),
    ])
    .unwrap()
}

pub(super) fn repo(raw: &str) -> RepoUrl {
    RepoUrl::parse(raw, &hosts()).unwrap()
}
