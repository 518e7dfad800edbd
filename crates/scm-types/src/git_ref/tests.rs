use proptest::prelude::*;

use super::*;

#[test]
fn legal_names() {
    #[track_caller]
    fn check(raw: &str) {
        assert_eq!(RefName::parse(raw).unwrap().as_str(), raw);
        assert_eq!(TagName::parse(raw).unwrap().as_str(), raw);
        assert_eq!(BranchName::parse(raw).unwrap().as_str(), raw);
    }
    check("main");
    check("release/1.2");
    check("feature/JIRA-12_x/y");
    check("a.b");
    check("a/b.c");
    check("a.LOCK");
    check("lock");
    check("a.lock.b");
    check("a-");
    check("a@b");
    check("@a");
    check("a@");
    check("a/@");
    check("@/a");
    check("a{0}");
    check("{");
    check("head");
    check("HEAD/a");
    check("refs");
    check("a/refs/heads/b");
    check("heads/main");
    check("a]");
    for legal in "#%&+;'\"<>|$!(){},=".chars() {
        check(&format!("fix{legal}1"));
        check(&legal.to_string());
        check(&format!("a/{legal}"));
    }
    check("größe/日本/🚀");
    check("e\u{301}");
    check("a\u{a0}b");
    check(&"a".repeat(39));
    check(&"a".repeat(63));
    check(&"g".repeat(40));
    check(&"x".repeat(244));
}

#[test]
fn illegal_names() {
    #[track_caller]
    fn check(raw: &str, want: InvalidRefName) {
        assert_eq!(RefName::parse(raw), Err(want), "{raw:?}");
        assert_eq!(TagName::parse(raw), Err(want), "{raw:?}");
        assert_eq!(BranchName::parse(raw), Err(want), "{raw:?}");
    }
    check("", InvalidRefName::Empty);
    check(&"x".repeat(245), InvalidRefName::TooLong);
    check(&"é".repeat(123), InvalidRefName::TooLong);
    check("a\0b", InvalidRefName::Control);
    check("a\n", InvalidRefName::Control);
    check("a\x1fb", InvalidRefName::Control);
    check("a\x7f", InvalidRefName::Control);
    check("a b", InvalidRefName::Space);
    check(" a", InvalidRefName::Space);
    for illegal in ['~', '^', ':', '?', '*', '[', '\\'] {
        check(&format!("a{illegal}b"), InvalidRefName::Character(illegal));
    }
    check("/a", InvalidRefName::Slash);
    check("a/", InvalidRefName::Slash);
    check("a//b", InvalidRefName::Slash);
    check("/", InvalidRefName::Slash);
    check(".a", InvalidRefName::LeadingDot);
    check("a/.b", InvalidRefName::LeadingDot);
    check(".", InvalidRefName::LeadingDot);
    check("a/..", InvalidRefName::LeadingDot);
    check("a..b", InvalidRefName::DoubleDot);
    check("a..", InvalidRefName::DoubleDot);
    check("a.", InvalidRefName::TrailingDot);
    check("a.lock", InvalidRefName::Lock);
    check("a.lock/b", InvalidRefName::Lock);
    check("a@{b", InvalidRefName::AtBrace);
    check("@{", InvalidRefName::AtBrace);
    check("@", InvalidRefName::At);
    check("refs/heads/main", InvalidRefName::FullName);
    check("refs/a", InvalidRefName::FullName);
    check(&"a1".repeat(20), InvalidRefName::CommitLike);
    check(&"F0".repeat(32), InvalidRefName::CommitLike);
}

#[test]
fn what_only_branches_may_not_be_called() {
    #[track_caller]
    fn check(raw: &str, want: InvalidRefName) {
        assert_eq!(BranchName::parse(raw), Err(want), "{raw:?}");
        assert_eq!(TagName::parse(raw).unwrap().as_str(), raw);
        assert_eq!(RefName::parse(raw).unwrap().as_str(), raw);
    }
    check("-a", InvalidRefName::LeadingDash);
    check("-", InvalidRefName::LeadingDash);
    check("HEAD", InvalidRefName::Head);
}

#[test]
fn texts() {
    #[track_caller]
    fn check(error: InvalidRefName, want: &str) {
        assert_eq!(error.to_string(), want);
    }
    check(InvalidRefName::TooLong, "must be at most 244 bytes long");
    check(InvalidRefName::DoubleDot, "must not contain \"..\"");
    check(InvalidRefName::AtBrace, "must not contain \"@{\"");
    check(InvalidRefName::Character('\\'), "must not contain \"\\\"");
}

#[test]
fn commit_ids() {
    #[track_caller]
    fn check(raw: &str, want: Option<&str>) {
        let got = CommitSha::parse(raw);
        assert_eq!(got.as_ref().ok().map(CommitSha::as_str), want, "{raw:?}");
    }
    let sha1 = "0123456789abcdef0123456789abcdef01234567";
    check(sha1, Some(sha1));
    check(&sha1.to_uppercase(), Some(sha1));
    check(&"a0".repeat(32), Some(&"a0".repeat(32)));
    check("", None);
    check("0123456", None);
    check(&sha1[1..], None);
    check(&format!("{sha1}0"), None);
    check(&sha1.replace('0', "g"), None);
    check(&sha1.replace('0', " "), None);
}

#[test]
fn revisions() {
    let branch = BranchName::parse("a/b").unwrap();
    let tag = TagName::parse("v1").unwrap();
    let sha = CommitSha::parse(&"a".repeat(40)).unwrap();
    let name = |revision: Revision<'_>| (revision.as_str().to_owned(), revision.full_name());
    assert_eq!(
        name((&branch).into()),
        ("a/b".into(), "refs/heads/a/b".into())
    );
    assert_eq!(name((&tag).into()), ("v1".into(), "refs/tags/v1".into()));
    assert_eq!(name((&sha).into()), ("a".repeat(40), "a".repeat(40)));
    assert_eq!(RefName::from(branch).as_str(), "a/b");
    assert_eq!(RefName::from(tag).as_str(), "v1");
}

#[test]
fn json_is_the_bare_text_and_is_checked() {
    let name: BranchName = serde_json::from_str("\"release/1\"").unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"release/1\"");
    assert!(serde_json::from_str::<BranchName>("\"a..b\"").is_err());
    assert!(serde_json::from_str::<TagName>("\"\"").is_err());
    assert!(serde_json::from_str::<CommitSha>("\"main\"").is_err());
}

proptest! {
    #[test]
    fn what_is_accepted_is_kept_and_has_no_forbidden_part(raw in "[-a-zA-Z./@{}~ \\\\]{0,12}|\\PC*") {
        if let Ok(name) = BranchName::parse(&raw) {
            prop_assert_eq!(name.as_str(), &raw);
            let full = format!("/{raw}/");
            for part in ["//", "/.", "..", ".lock/", "./", "@{", "/-", " ", "~", "^", ":", "\\"] {
                // A dash is forbidden at the very beginning only.
                let found = if part == "/-" { full.starts_with(part) } else { full.contains(part) };
                prop_assert!(!found || (part == "./" && !raw.ends_with('.')), "{:?}", part);
            }
        }
    }
}
