use proptest::prelude::*;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};
use scm_types::{CommitSha, PullRequestRef};

use super::*;

const HOME: &str = "https://github.com/o/n";

fn commit(subject: &str, author: &str) -> CommitInfo {
    let sha = CommitSha::parse(&"0123456789".repeat(4)).unwrap();
    CommitInfo {
        url: format!("{HOME}/commit/{sha}"),
        sha,
        subject: subject.to_owned(),
        author: author.to_owned(),
        date: None,
        pull_request: Some(PullRequestRef {
            number: 12,
            url: format!("{HOME}/pull/12"),
        }),
    }
}

fn notes_of(commits: Vec<CommitInfo>, truncated: bool) -> String {
    render_of(commits, truncated).0
}

fn render_of(commits: Vec<CommitInfo>, truncated: bool) -> (String, bool) {
    let comparison = Comparison {
        count: commits.len() as u64 + u64::from(truncated),
        exact: true,
        commits,
        truncated,
    };
    render(&Facts {
        current: &TagName::parse("v2.0.0").unwrap(),
        previous: Some(&TagName::parse("v1_`x`.0").unwrap()),
        comparison: &comparison,
        date: None,
        compare_url: Some("https://github.com/o/n/compare/v1...v2"),
    })
}

/// What a Markdown reader makes of notes: the texts of code spans, and the links' targets. Fails on
/// anything that does not come from us.
fn read(notes: &str) -> (Vec<String>, Vec<String>) {
    let (mut codes, mut links) = (Vec::new(), Vec::new());
    let mut plain = String::new();
    for event in Parser::new_ext(notes, Options::all()) {
        match event {
            Event::Code(text) => codes.push(text.into_string()),
            Event::Text(text) => plain.push_str(&text),
            Event::Start(Tag::Link {
                dest_url,
                link_type,
                ..
            }) => {
                assert!(matches!(link_type, LinkType::Inline | LinkType::Autolink));
                links.push(dest_url.into_string());
            }
            Event::Start(
                Tag::Paragraph | Tag::Heading { .. } | Tag::List(_) | Tag::Item | Tag::Strong,
            )
            | Event::End(_)
            | Event::SoftBreak => {}
            other => panic!("{other:?} in\n{notes}"),
        }
    }
    assert!(!plain.contains('@'), "{plain}");
    (codes, links)
}

#[test]
fn an_example() {
    let mut second = commit("Use `x` in ``y``", "");
    second.pull_request = None;
    let notes = notes_of(vec![commit("Fix login", "Octo Cat"), second], false);
    let want = "\
## Changes from ``v1_`x`.0`` to `v2.0.0`

- `Fix login` by `Octo Cat` ([01234567](https://github.com/o/n/commit/0123456789012345678901234567890123456789), [#12](https://github.com/o/n/pull/12))
- ``` Use `x` in ``y`` ``` ([01234567](https://github.com/o/n/commit/0123456789012345678901234567890123456789))

**Full changelog:** <https://github.com/o/n/compare/v1...v2>
";
    assert_eq!(notes, want);
}

#[test]
fn nothing_in_a_commit_means_anything() {
    for text in [
        "@everyone look",
        "<script>alert(1)</script>",
        "[click](https://evil.example)",
        "![x](https://evil.example/x.png)",
        "https://evil.example www.evil.example a@evil.example",
        "`` ` ``` </code> [x](y)",
        "`",
        "```",
        "a\n\n# Heading\n- item\n@user",
        "a\r@user\u{2028}@user\u{85}b",
        "\\` \\",
        "<!-- ",
        "| a | b |",
        "#12 o/n#3 !4 :tada: %5 ~bug",
        "- [ ] task",
        "\u{202e}drawkcab",
        "$`x`$ $$y$$",
        "[^1] [x]: https://evil.example",
    ] {
        let notes = notes_of(vec![commit(text, text)], false);
        let (codes, links) = read(&notes);
        assert_eq!(codes.len(), 4, "two tags, a subject, a name\n{notes}");
        assert!(links.iter().all(|link| link.starts_with(HOME)), "{notes}");
        assert!(!notes.contains('\u{202e}'));
    }
}

#[test]
fn texts_stay_readable() {
    for (text, want) in [
        ("fix_the_thing *now*", "`fix_the_thing *now*`"),
        ("`code` first", "`` `code` first ``"),
        ("  spaces  ", "`spaces`"),
        ("", "(no text)"),
        (" \u{202e} ", "(no text)"),
        ("日本語", "`日本語`"),
    ] {
        assert_eq!(code(text), want);
    }
}

#[test]
fn what_is_left_out_is_told() {
    let commits: Vec<_> = (0..1_000)
        .map(|_| commit(&"x".repeat(400), "Octo"))
        .collect();
    let (notes, is_cut) = render_of(commits.clone(), false);
    assert!(is_cut, "for programs, too");
    assert!(notes.contains("of 1000 commits are listed"), "{notes}");
    let notes = notes_of(commits, true);
    assert!(notes.len() <= MAX_NOTES);
    assert!(notes.contains("of 1001 commits are listed"), "{notes}");
    assert!(notes.contains('…'));
    let notes = notes_of(Vec::new(), false);
    assert!(notes.contains("No changes."));
}

#[test]
fn days() {
    for (raw, want) in [
        ("2026-11-23", Some("2026-11-23")),
        ("2026-11-23T23:30:00+01:00", Some("2026-11-23")),
        ("2026-02-30", None),
        ("2026-11-23x", None),
        ("23.11.2026", None),
        ("ünï", None),
        ("", None),
    ] {
        let got = raw.parse::<ReleaseDate>().ok().map(|day| day.to_string());
        assert_eq!(got.as_deref(), want, "{raw}");
    }
}

proptest! {
    #[test]
    fn any_text_stays_in_its_span(
        subject in "[`@<>\\[\\]()!*_~\\\\ \\n\\r\\PC]{0,40}",
        author in "\\PC{0,10}",
    ) {
        let notes = notes_of(vec![commit(&subject, &author)], false);
        let (codes, links) = read(&notes);
        prop_assert!(codes.len() <= 4);
        prop_assert!(links.iter().all(|link| link.starts_with(HOME)));
    }
}
