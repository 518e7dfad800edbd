use proptest::{prelude::*, sample::select};

use super::*;

/// One host of every kind, and the odd ones.
fn hosts() -> WebHosts {
    let host = |kind, text: &str| WebHost::parse(kind, text).unwrap();
    WebHosts::new(vec![
        host(HostKind::Github, "github.com"),
        host(HostKind::Gitlab, "gitlab.com"),
        host(HostKind::Bitbucket, "bitbucket.org"),
        host(HostKind::BitbucketDataCenter, "bb.example.com"),
        host(
            HostKind::BitbucketDataCenter,
            "dc.example.com:7990/bit/bucket",
        ),
        host(HostKind::Gitlab, "git.example.com:8443/gitlab"),
        host(HostKind::Gitlab, "http://git.local"),
        host(HostKind::Github, "http://127.0.0.1:3000"),
    ])
    .unwrap()
}

pub(super) fn repo(raw: &str) -> RepoUrl {
    RepoUrl::parse(raw, &hosts()).unwrap()
}

#[track_caller]
fn accepts(raw: &str, want: &str) {
    let got = RepoUrl::parse(raw, &hosts());
    assert_eq!(got.as_ref().map(RepoUrl::as_str), Ok(want), "{raw:?}");
    assert_eq!(RepoUrl::parse(want, &hosts()), got, "{want:?}");
}

#[track_caller]
fn refuses(raw: &str, want: &RepoUrlError) {
    assert_eq!(RepoUrl::parse(raw, &hosts()).as_ref(), Err(want), "{raw:?}");
}

#[test]
fn github() {
    let want = "https://github.com/Acme/shop.app";
    accepts("https://github.com/Acme/shop.app", want);
    accepts("https://github.com/Acme/shop.app.git", want);
    accepts("https://github.com/Acme/shop.app.GIT/", want);
    accepts("https://github.com/Acme/shop.app//", want);
    accepts(" HTTPS://GitHub.com./Acme/shop.app\n", want);
    accepts("http://github.com/Acme/shop.app", want);
    accepts("http://github.com:80/Acme/shop.app", want);
    accepts("https://github.com:443/Acme/shop.app", want);
    accepts("https://github.com:/Acme/shop.app", want);
    accepts("git+https://github.com/Acme/shop.app.git#v1", want);
    accepts("github.com/Acme/shop.app", want);
    accepts("github.com:443/Acme/shop.app", want);
    accepts("www.github.com/Acme/shop.app", want);
    accepts("https://github.com/Acme/shop.app/tree/main", want);
    accepts("https://github.com/Acme/shop.app/blob/a%2Fb/c", want);
    accepts("https://github.com/Acme/shop.app/pull/1#issue", want);
    accepts("https://github.com/Acme/shop.app/releases", want);
    accepts("https://github.com/Acme/shop.app.git/info/refs", want);
    accepts("https://github.com/Acme/shop.app?tab=readme#top", want);
    accepts("https://github.com/%41cme/shop%2Eapp", want);
    accepts("git@github.com:Acme/shop.app.git", want);
    accepts("git@github.com:/Acme/shop.app", want);
    accepts("org-1@github.com:Acme/shop.app.git", want);
    accepts("github.com:Acme/shop.app.git", want);
    accepts("ssh://git@github.com/Acme/shop.app.git", want);
    accepts("ssh://git@github.com:22/Acme/shop.app.git", want);
    accepts("ssh://git@ssh.github.com:443/Acme/shop.app.git", want);
    accepts("git+ssh://git@github.com/Acme/shop.app.git", want);
    accepts("git://github.com/Acme/shop.app.git", want);

    accepts("git@github.com:443/n", "https://github.com/443/n");
    accepts("https://github.com/o/-", "https://github.com/o/-");
    accepts("github.com/o/a b", "https://github.com/o/a%20b");
    accepts("github.com/o/%252e", "https://github.com/o/%252e");
    accepts("github.com/ö/@n", "https://github.com/%C3%B6/%40n");
    accepts("http://127.0.0.1:3000/o/n", "http://127.0.0.1:3000/o/n");
    accepts("https://127.0.0.1:3000/o/n", "http://127.0.0.1:3000/o/n");
    accepts("git@127.0.0.1:o/n", "http://127.0.0.1:3000/o/n");
    accepts("ssh://127.0.0.1:2222/o/n", "http://127.0.0.1:3000/o/n");
}

#[test]
fn gitlab() {
    let want = "https://gitlab.com/Group/sub/name";
    accepts("https://gitlab.com/Group/sub/name", want);
    accepts("https://gitlab.com/Group/sub/name.git/", want);
    accepts("https://gitlab.com/Group/sub/name.git/info/refs", want);
    accepts("https://gitlab.com/Group/sub/name/-/tree/main/src", want);
    accepts("https://gitlab.com/Group/sub/name/%2D/issues", want);
    accepts("gitlab.com/Group/sub/name/-/", want);
    accepts("git@gitlab.com:Group/sub/name.git", want);
    accepts("ssh://git@altssh.gitlab.com:443/Group/sub/name.git", want);
    accepts("https://gitlab.com/g/n", "https://gitlab.com/g/n");
    accepts("https://gitlab.com/a.git/n", "https://gitlab.com/a.git/n");
    // A subgroup, for all that can be told.
    accepts(
        "https://gitlab.com/g/n/tree/main",
        "https://gitlab.com/g/n/tree/main",
    );

    let want = "https://git.example.com:8443/gitlab/g/n";
    accepts("https://git.example.com:8443/gitlab/g/n.git", want);
    accepts("http://git.example.com:8443/GitLab/g/n/-/issues", want);
    accepts("git.example.com:8443/gitlab/g/n", want);
    accepts("git@git.example.com:g/n.git", want);
    accepts("ssh://git@git.example.com:2222/g/n.git", want);
    // SSH knows no sub-path: this is a group.
    accepts(
        "git@git.example.com:gitlab/g/n.git",
        "https://git.example.com:8443/gitlab/gitlab/g/n",
    );

    accepts("http://git.local/g/n", "http://git.local/g/n");
    accepts("https://git.local/g/n", "http://git.local/g/n");
    accepts("git.local/g/n", "http://git.local/g/n");
    accepts("git.local:80/g/n", "http://git.local/g/n");
}

#[test]
fn bitbucket() {
    let want = "https://bitbucket.org/work/name";
    accepts("https://bitbucket.org/work/name", want);
    accepts("https://bitbucket.org/work/name/src/main/", want);
    accepts("https://bitbucket.org/work/name/branch/a%2Fb", want);
    accepts("https://bitbucket.org/work/name/pull-requests/1", want);
    accepts("git@bitbucket.org:work/name.git", want);
    accepts("git@ssh.bitbucket.org:work/name.git", want);
    accepts("ssh://git@altssh.bitbucket.org:443/work/name.git", want);
}

#[test]
fn data_center() {
    let want = "https://bb.example.com/projects/KEY/repos/name";
    accepts("https://bb.example.com/projects/KEY/repos/name", want);
    accepts("https://bb.example.com/projects/KEY/repos/name/", want);
    accepts(
        "https://bb.example.com/projects/KEY/repos/name/browse?at=refs%2Fheads%2Fmain",
        want,
    );
    accepts("https://bb.example.com/scm/KEY/name.git", want);
    accepts("https://bb.example.com/scm/KEY/name.git/info/refs", want);
    accepts("ssh://git@bb.example.com:7999/KEY/name.git", want);
    accepts("git@bb.example.com:KEY/name.git", want);

    let want = "https://bb.example.com/projects/~dev/repos/name";
    accepts("https://bb.example.com/projects/~dev/repos/name", want);
    accepts("https://bb.example.com/users/dev/repos/name/browse", want);
    accepts("https://bb.example.com/scm/~dev/name.git", want);
    accepts("https://bb.example.com/scm/%7Edev/name.git", want);
    accepts("ssh://git@bb.example.com:7999/~dev/name.git", want);

    let want = "https://dc.example.com:7990/bit/bucket/projects/KEY/repos/name";
    accepts(
        "https://dc.example.com:7990/bit/bucket/scm/KEY/name.git",
        want,
    );
    accepts("ssh://git@dc.example.com:7999/KEY/name.git", want);
    accepts("ssh://git@dc.example.com/bit/bucket/KEY/name.git", want);
}

#[test]
fn userinfo_is_refused() {
    refuses("https://git@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("https://u:p@github.com/o/n", &RepoUrlError::Userinfo);
    refuses(
        "https://oauth2:glpat-x@gitlab.com/g/n.git",
        &RepoUrlError::Userinfo,
    );
    refuses("https://ghp_x@github.com", &RepoUrlError::Userinfo);
    refuses("https://ghp_x@unknown.example/o/n", &RepoUrlError::Userinfo);
    refuses("u:p@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("ssh://git:p@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("git:p@github.com:o/n", &RepoUrlError::Userinfo);
    // A token where the login of SSH belongs.
    refuses("ghp_x@github.com:o/n", &RepoUrlError::Userinfo);
    refuses("ssh://glpat-x@gitlab.com/o/n", &RepoUrlError::Userinfo);
    refuses(
        "0123456789abcdef0123456789abcdef01234567@github.com:o/n",
        &RepoUrlError::Userinfo,
    );
    // Characters that end the authority, in a password that should have been encoded.
    refuses("https://u:p/w@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("https://u:p?w@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("https://u:1/w@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("https://token/w@github.com/o/n", &RepoUrlError::Userinfo);
    refuses("token:p/w@github.com/o/n", &RepoUrlError::Userinfo);
    // No userinfo.
    accepts("https://github.com/o/n/tree/@x/y", "https://github.com/o/n");
    accepts("https://github.com/o/n?by=a@b", "https://github.com/o/n");
}

#[test]
fn other_hosts_are_refused() {
    let unknown = |host: Option<&str>| RepoUrlError::UnknownHost {
        host: host.map(str::to_owned),
    };
    refuses(
        "https://git.other.example/o/n",
        &unknown(Some("git.other.example")),
    );
    refuses(
        "https://github.com:8443/o/n",
        &unknown(Some("github.com:8443")),
    );
    refuses(
        "https://github.com.evil.example/o/n",
        &unknown(Some("github.com.evil.example")),
    );
    refuses(
        "https://git.example.com/gitlab/g/n",
        &unknown(Some("git.example.com")),
    );
    refuses(
        "https://git.example.com:8443/g/n",
        &unknown(Some("git.example.com:8443")),
    );
    refuses(
        "https://www.gitlab.com/g/n",
        &unknown(Some("www.gitlab.com")),
    );
    refuses("git@other.example:o/n", &unknown(Some("other.example")));
    refuses("https://localhost/o/n", &unknown(None));
    refuses("https://10.0.0.1/o/n", &unknown(None));
    refuses("owner/name", &unknown(None));
    refuses("C:/Users/dev/name", &unknown(None));
    refuses("glpat-0123456789abcdefghij/x", &unknown(None));
    refuses("x-token-auth:ATCTT3xFfGN0", &unknown(None));
}

#[test]
fn hosts_that_share_a_name() {
    let list = |texts: &[(HostKind, &str)]| {
        let hosts = texts
            .iter()
            .map(|(kind, text)| WebHost::parse(*kind, text).unwrap());
        WebHosts::new(hosts.collect()).unwrap()
    };
    let check = |hosts: &WebHosts, raw: &str, want: Result<&str, RepoUrlError>| {
        let got = RepoUrl::parse(raw, hosts);
        assert_eq!(
            got.as_ref().map(RepoUrl::as_str),
            want.as_ref().map(|url| *url),
            "{raw:?}"
        );
        if let Ok(url) = &got {
            assert_eq!(RepoUrl::parse(url.as_str(), hosts), got, "{raw:?}");
        }
    };

    let hosts = list(&[
        (HostKind::Gitlab, "h.example/gitlab"),
        (HostKind::Gitlab, "h.example"),
        (HostKind::Gitlab, "h.example:8443"),
        (HostKind::BitbucketDataCenter, "h.example:7990"),
    ]);
    check(&hosts, "h.example/g/n", Ok("https://h.example/g/n"));
    check(
        &hosts,
        "h.example/gitlab/g/n",
        Ok("https://h.example/gitlab/g/n"),
    );
    check(
        &hosts,
        "h.example:8443/g/n",
        Ok("https://h.example:8443/g/n"),
    );
    check(&hosts, "git@h.example:g/n", Ok("https://h.example/g/n"));
    check(
        &hosts,
        "ssh://h.example:7999/g/n",
        Ok("https://h.example:7990/projects/g/repos/n"),
    );
    // Its normal form would name `n` in group `g` of the other one.
    check(
        &hosts,
        "git@h.example:gitlab/g/n",
        Err(RepoUrlError::AmbiguousHost),
    );

    let hosts = list(&[
        (HostKind::Gitlab, "h.example/gitlab"),
        (HostKind::BitbucketDataCenter, "h.example/bitbucket"),
    ]);
    check(
        &hosts,
        "git@h.example:g/n",
        Err(RepoUrlError::AmbiguousHost),
    );
    check(
        &hosts,
        "ssh://git@h.example:7999/k/n",
        Ok("https://h.example/bitbucket/projects/k/repos/n"),
    );

    let hosts = list(&[
        (HostKind::Github, "https://h.example:80"),
        (HostKind::Gitlab, "http://h.example"),
        (HostKind::Gitlab, "http://h.example:443/x"),
    ]);
    check(
        &hosts,
        "https://h.example:80/o/n",
        Ok("https://h.example:80/o/n"),
    );
    check(&hosts, "http://h.example/o/n", Ok("http://h.example/o/n"));
    check(
        &hosts,
        "http://h.example:443/x/o/n",
        Ok("http://h.example:443/x/o/n"),
    );
}

#[test]
fn paths_that_name_no_repository() {
    let not_on = |kind| RepoUrlError::NotARepository { kind };
    let github = not_on(HostKind::Github);
    refuses("https://github.com", &github);
    refuses("https://github.com/?x", &github);
    refuses("https://github.com/owner", &github);
    refuses("https://github.com/owner/", &github);
    refuses("https://github.com/owner/.git", &github);
    refuses("git@github.com:owner", &github);
    refuses("git@github.com:owner/name/tree", &github);
    let gitlab = not_on(HostKind::Gitlab);
    refuses("https://gitlab.com/group", &gitlab);
    refuses("https://gitlab.com/group/-/issues", &gitlab);
    refuses("https://gitlab.com/-/group/name", &gitlab);
    refuses("https://gitlab.com/group/-.git", &gitlab);
    refuses("git@gitlab.com:group/name/-/tree.git", &gitlab);
    refuses("git@gitlab.com:group/name.git/info", &gitlab);
    let data_center = not_on(HostKind::BitbucketDataCenter);
    refuses("https://bb.example.com/projects/KEY", &data_center);
    refuses("https://bb.example.com/KEY/name", &data_center);
    refuses("https://bb.example.com/scm/KEY", &data_center);
    refuses(
        "ssh://git@bb.example.com:7999/scm/KEY/name.git",
        &data_center,
    );

    refuses(
        "https://github.com//owner/name",
        &RepoUrlError::EmptySegment,
    );
    refuses(
        "https://github.com/owner//name",
        &RepoUrlError::EmptySegment,
    );
    refuses("https://github.com/./name", &RepoUrlError::DotSegment);
    refuses("https://github.com/owner/..", &RepoUrlError::DotSegment);
    refuses("https://github.com/owner/%2e%2E", &RepoUrlError::DotSegment);
    refuses(
        "https://github.com/o/n/../../p/q",
        &RepoUrlError::DotSegment,
    );
    refuses("https://github.com/owner/...git", &RepoUrlError::DotSegment);
    refuses("https://github.com/o%2Fn/x", &RepoUrlError::EncodedSlash);
    refuses("https://gitlab.com/g/s%2Fn", &RepoUrlError::EncodedSlash);
    refuses("https://github.com/o\\n/x", &RepoUrlError::Backslash);
    refuses("https://github.com/o/n%5c", &RepoUrlError::Backslash);
    refuses("https://github.com/o/n\0", &RepoUrlError::Control);
    refuses("https://github.com/o/n%00", &RepoUrlError::Control);
    refuses("https://github.com/o/n%0a", &RepoUrlError::Control);
    refuses("https://github.com/o/n%C2%85", &RepoUrlError::Control);
    refuses("https://github.com/o/n\u{85}x", &RepoUrlError::Control);
    refuses("https://github.com/o/n%", &RepoUrlError::Encoding);
    refuses("https://github.com/o/n%zz", &RepoUrlError::Encoding);
    refuses("https://github.com/o/n%ff", &RepoUrlError::Encoding);
    refuses("https://github.com/o/n.git.git", &RepoUrlError::GitSuffix);
}

#[test]
fn texts_that_are_no_url() {
    refuses("", &RepoUrlError::Empty);
    refuses(" \n", &RepoUrlError::Empty);
    refuses("name", &RepoUrlError::NotAUrl);
    refuses("github.com", &RepoUrlError::NotAUrl);
    refuses("ghp_0123456789abcdefghij", &RepoUrlError::NotAUrl);
    refuses("/srv/git/name.git", &RepoUrlError::Host);
    refuses("file:///srv/git/name.git", &RepoUrlError::Scheme);
    refuses("ftp://github.com/o/n", &RepoUrlError::Scheme);
    refuses("https://git hub.com/o/n", &RepoUrlError::Host);
    refuses("https://github.com%2Fo/n", &RepoUrlError::Host);
    refuses("https://0x7f000001/o/n", &RepoUrlError::Host);
    refuses("https://github.com:99999/o/n", &RepoUrlError::Port);
    refuses("ssh://git@github.com:o/n", &RepoUrlError::Port);
}

#[test]
fn lengths() {
    let fixed = "https://github.com/o/".len();
    let url = |name: usize| format!("https://github.com/o/{}", "n".repeat(name));
    accepts(&url(512 - fixed), &url(512 - fixed));
    refuses(&url(513 - fixed), &RepoUrlError::NormalFormTooLong);
    let pad = |to: usize| format!("https://github.com/o/n?{:x<1$}", "", to - fixed - 2);
    accepts(&pad(2048), "https://github.com/o/n");
    refuses(&pad(2049), &RepoUrlError::TooLong);
    // Counted as encoded.
    let url = format!("https://github.com/o/{}", "ü".repeat(90));
    refuses(&url, &RepoUrlError::NormalFormTooLong);

    let deep = |parts: usize| format!("https://gitlab.com{}", "/a".repeat(parts));
    accepts(&deep(20), &deep(20));
    refuses(&deep(21), &RepoUrlError::TooManySegments);
    accepts(&format!("{}/-{}", deep(2), "/a".repeat(100)), &deep(2));
}

#[cfg(feature = "idn")]
#[test]
fn hosts_in_other_scripts() {
    let hosts = WebHosts::new(vec![
        WebHost::parse(HostKind::Gitlab, "bücher.example").unwrap(),
    ])
    .unwrap();
    for raw in [
        "https://BÜCHER.example/g/n",
        "https://xn--bcher-kva.example/g/n",
        "git@bücher.example:g/n",
    ] {
        let url = RepoUrl::parse(raw, &hosts).unwrap();
        assert_eq!(url.as_str(), "https://xn--bcher-kva.example/g/n");
    }
}

#[cfg(not(feature = "idn"))]
#[test]
fn hosts_in_other_scripts() {
    refuses("https://bücher.example/g/n", &RepoUrlError::HostNotAscii);
    refuses("git@bücher.example:g/n", &RepoUrlError::HostNotAscii);
}

#[test]
fn parts() {
    let url = repo("git@gitlab.com:Group/sub/Name.git");
    assert_eq!(url.host().hostname(), "gitlab.com");
    assert_eq!(url.kind(), HostKind::Gitlab);
    assert_eq!(url.scm_type(), ScmType::Gitlab);
    assert_eq!(url.segments(), ["Group", "sub", "Name"]);
    assert_eq!(url.owner(), "Group/sub");
    assert_eq!(url.name(), "Name");
    assert_eq!(url.path(), "Group/sub/Name");
    assert_eq!(url.key(), "https://gitlab.com/group/sub/name");
    assert_eq!(url.to_string(), "https://gitlab.com/Group/sub/Name");

    let url = repo("https://bb.example.com/scm/~dev/n.git");
    assert_eq!(url.scm_type(), ScmType::Bitbucket);
    assert_eq!(url.segments(), ["~dev", "n"]);
    assert_eq!(url.path(), "~dev/n");
}

#[test]
fn texts() {
    #[track_caller]
    fn check(raw: &str, want: &str) {
        let error = RepoUrl::parse(raw, &hosts()).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
    check(
        "https://u:hunter2@github.com/o/n",
        "must not hold a user name or password; it was not stored, but if it was a credential, \
         revoke it now and send it as accessToken instead",
    );
    check(
        "https://git.other.example/o/n",
        "must be on a host that is set up here, which git.other.example is not: check the \
         spelling, or ask the operator to add the host",
    );
    check(
        "https://ghp_hunter2/o/n",
        "must be on a host that is set up here: check the spelling, or ask the operator to add \
         the host",
    );
    check(
        "https://github.com/o",
        "must name an owner and a repository, such as https://github.com/owner/name",
    );
    check(
        "https://bb.example.com/o/n",
        "must name an owner and a repository, such as \
         https://git.example.com/projects/KEY/repos/name",
    );
    check("x".repeat(2049).as_str(), "must be at most 2048 bytes long");
}

/// A name that every kind of host could have.
fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}".prop_filter("ends in .git", |name| {
        !name.to_ascii_lowercase().ends_with(".git")
    })
}

/// A name that none has, but that has to survive all the same.
fn odd_name() -> impl Strategy<Value = String> {
    "\\PC{1,8}".prop_filter("is refused", |name| {
        !name.contains(['/', '\\']) && name != "." && name != ".." && name != "-"
    })
}

#[test]
fn stored_urls_are_shown_without_userinfo() {
    for (stored, shown) in [
        ("https://github.com/o/n", "https://github.com/o/n"),
        (
            "https://u:hunter2@github.com/o/n",
            "https://***@github.com/o/n",
        ),
        (
            "https://hunter2@github.com/o/n",
            "https://***@github.com/o/n",
        ),
        (
            "https://u:hun/ter2@github.com/o/n",
            "https://***@github.com/o/n",
        ),
        ("ssh://git@github.com/o/n", "ssh://***@github.com/o/n"),
        ("git@github.com:o/n.git", "git@github.com:o/n.git"),
        ("git:hunter2@github.com:o/n.git", "***@github.com:o/n.git"),
        ("not a url", "not a url"),
        ("", ""),
    ] {
        assert_eq!(without_userinfo(stored), shown, "{stored}");
    }
}

proptest! {
    #[test]
    fn all_forms_of_a_repository_have_one_normal_form(
        owner in prop::collection::vec(name(), 1..4),
        name in name(),
        (host, base) in select(vec![
            ("github.com", "https://github.com"),
            ("gitlab.com", "https://gitlab.com"),
            ("git.local", "http://git.local"),
            ("bitbucket.org", "https://bitbucket.org"),
        ]),
    ) {
        let is_gitlab = host.starts_with("git") && host != "github.com";
        let owner = if is_gitlab { owner.join("/") } else { owner[0].clone() };
        let want = format!("{base}/{owner}/{name}");
        let page = if is_gitlab { "/-/tree/main" } else { "/tree/main" };
        for raw in [
            format!("https://{host}/{owner}/{name}"),
            format!("http://{host}/{owner}/{name}.git"),
            format!("HTTPS://{}./{owner}/{name}/", host.to_uppercase()),
            format!("https://{host}/{owner}/{name}{page}?a=b@c#d"),
            format!("https://{host}/{owner}/{}", name.replace('.', "%2e")),
            format!("{host}/{owner}/{name}"),
            format!("git+https://{host}/{owner}/{name}.git"),
            format!("git@{host}:{owner}/{name}.git"),
            format!("git@{host}:/{owner}/{name}"),
            format!("ssh://git@{host}/{owner}/{name}.git"),
            format!("ssh://git@{host}:2222/{owner}/{name}"),
            format!("git+ssh://{host}/{owner}/{name}.git"),
            format!("git://{host}/{owner}/{name}.git"),
        ] {
            let got = RepoUrl::parse(&raw, &hosts());
            prop_assert_eq!(got.as_ref().map(RepoUrl::as_str), Ok(want.as_str()), "{}", raw);
            prop_assert_eq!(RepoUrl::parse(&want, &hosts()), got);
        }
    }

    #[test]
    fn all_forms_on_data_center_have_one_normal_form(
        user in any::<bool>(),
        key in name(),
        name in name(),
        (web, ssh) in select(vec![
            ("bb.example.com", "bb.example.com"),
            ("dc.example.com:7990/bit/bucket", "dc.example.com"),
        ]),
    ) {
        let tilde = if user { "~" } else { "" };
        let want = format!("https://{web}/projects/{tilde}{key}/repos/{name}");
        let mut forms = vec![
            format!("https://{web}/projects/{tilde}{key}/repos/{name}/browse?at=x"),
            format!("{web}/scm/{tilde}{key}/{name}.git"),
            format!("ssh://git@{ssh}:7999/{tilde}{key}/{name}.git"),
            format!("git@{ssh}:{tilde}{key}/{name}.git"),
        ];
        if user {
            forms.push(format!("https://{web}/users/{key}/repos/{name}"));
        }
        for raw in forms {
            let got = RepoUrl::parse(&raw, &hosts());
            prop_assert_eq!(got.as_ref().map(RepoUrl::as_str), Ok(want.as_str()), "{}", raw);
            prop_assert_eq!(RepoUrl::parse(&want, &hosts()), got);
        }
    }

    #[test]
    fn odd_names_come_back_as_they_were(owner in odd_name(), name in odd_name()) {
        let raw = format!(
            "https://github.com/{}/{}.git",
            encode::segment(&owner),
            encode::segment(&name)
        );
        if let Ok(url) = RepoUrl::parse(&raw, &hosts()) {
            prop_assert_eq!(url.segments(), [owner, name]);
            prop_assert_eq!(RepoUrl::parse(url.as_str(), &hosts()), Ok(url));
        } else {
            prop_assert!(name.to_ascii_lowercase().ends_with(".git"), "{}", raw);
        }
    }

    #[test]
    fn whatever_is_accepted_is_in_normal_form(
        raw in prop_oneof![
            "\\PC*",
            any::<String>(),
            // Pieces of URLs in any order.
            prop::collection::vec(
                prop_oneof![
                    select(vec![
                        "https://", "http://", "ssh://", "git://", "git@", "user:hunter2@", "@",
                        "github.com", "gitlab.com", "bb.example.com", "git.example.com:8443",
                        "dc.example.com", ":7999", ":", "/", "//", "/gitlab", "/-/", "-", ".git",
                        ".", "..", "~", "%2e", "%2F", "%", "?", "#", "\\", "\0", " ", "projects",
                        "repos", "scm", "users", "owner", "name", "[::1]", "ü",
                    ]),
                    select(vec!["/", "/owner", "/name", "https://github.com/", "git@gitlab.com:"]),
                ],
                0..12,
            ).prop_map(|pieces| pieces.concat()),
        ],
    ) {
        match RepoUrl::parse(&raw, &hosts()) {
            Ok(url) => {
                let text = url.as_str();
                prop_assert!(text.starts_with(url.host().base_url()));
                prop_assert!(text.is_ascii() && text.len() <= RepoUrl::MAX);
                prop_assert!(!text.contains(['@', '?', '#', '\\', ' ']));
                prop_assert_eq!(text.strip_suffix(".git").or(text.strip_suffix('/')), None);
                prop_assert!(url.segments().len() >= 2);
                let key = url.key();
                prop_assert_eq!(key.len(), text.len());
                prop_assert_eq!(RepoUrl::parse(&key, &hosts()).map(|url| url.key()), Ok(key));
                prop_assert_eq!(RepoUrl::parse(text, &hosts()), Ok(url));
            }
            Err(error) => {
                let text = format!("{error} {error:?}");
                prop_assert!(!text.contains("hunter2"), "{}", text);
            }
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated(
        user in "[a-z0-9._-]{0,8}",
        password in "SECRET[!-~]{0,12}",
        before in select(vec!["https://", "http://", "git+https://", "ssh://", ""]),
        behind in select(vec!["@github.com/o/n", "@github.com:o/n.git", "@other.example/o/n"]),
    ) {
        let raw = format!("{before}{user}:{password}{behind}");
        let error = RepoUrl::parse(&raw, &hosts());
        prop_assert!(error.is_err(), "{}", raw);
        prop_assert!(!format!("{error:?}").contains("SECRET"), "{:?}", error);
    }
}

#[test]
fn by_owner_and_name() {
    let hosts = hosts();
    let host = |text: &str| hosts.iter().find(|host| host.as_str() == text).unwrap();
    let named = |at: &str, owner: &str, name: &str| {
        let url = RepoUrl::named(host(at), owner, name, &hosts);
        url.map(|url| (url.as_str().to_owned(), url.owner(), url.name().to_owned()))
    };
    for (at, owner, name, want) in [
        (
            "github.com",
            "Acme",
            "shop.app",
            "https://github.com/Acme/shop.app",
        ),
        (
            "gitlab.com",
            "acme/mobile",
            "shop",
            "https://gitlab.com/acme/mobile/shop",
        ),
        (
            "bitbucket.org",
            "acme",
            "shop",
            "https://bitbucket.org/acme/shop",
        ),
        (
            "bb.example.com",
            "APP",
            "shop",
            "https://bb.example.com/projects/APP/repos/shop",
        ),
        (
            "git.example.com:8443/gitlab",
            "a",
            "b",
            "https://git.example.com:8443/gitlab/a/b",
        ),
        (
            "github.com",
            "a?b#c",
            "d e",
            "https://github.com/a%3Fb%23c/d%20e",
        ),
    ] {
        let want = (want.to_owned(), owner.to_owned(), name.to_owned());
        assert_eq!(named(at, owner, name), Ok(want), "{at} {owner} {name}");
    }
    for (at, owner, name) in [
        ("github.com", "", "shop"),
        ("github.com", "acme", ""),
        ("github.com", "acme/mobile", "shop"),
        ("github.com", "acme", "shop/tree"),
        ("github.com", "acme", "shop.git"),
        ("github.com", "..", "shop"),
        ("github.com", "acme", ".."),
        ("github.com", "acme", "a\\b"),
        ("github.com", "acme", "a\r\nb"),
        ("gitlab.com", "acme/", "shop"),
        ("gitlab.com", "acme/-", "issues"),
        ("gitlab.com", "acme", "-"),
        ("gitlab.com", "acme", "a/b"),
        ("bb.example.com", "APP/x", "shop"),
    ] {
        assert!(named(at, owner, name).is_err(), "{at} {owner:?} {name:?}");
    }
}
