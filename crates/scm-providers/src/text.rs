//! Texts that come from a host, made fit to be stored and shown.

use scm_types::CommitSha;

use crate::ProviderError;

/// Longest piece of a fact, such as one scope.
const MAX_WORD: usize = 64;
/// Longest fact.
const MAX_FACT: usize = 240;

/// A fact that a host states in an error, such as the names of scopes, if it can be shown: words of
/// letters, digits and `_:.=/-`, parted by spaces and `,;`. `None` if it holds anything else, is
/// too long, is empty, or holds the credential.
pub(crate) fn fact(raw: &str, secret: &str) -> Option<String> {
    let raw = raw.trim();
    let separator = |c: char| matches!(c, ' ' | ',' | ';');
    let plain = |c: char| c.is_ascii_alphanumeric() || "_:.=/-".contains(c);
    let fits = !raw.is_empty()
        && raw.len() <= MAX_FACT
        && raw.chars().all(|c| separator(c) || plain(c))
        && raw.split(separator).all(|word| word.len() <= MAX_WORD);
    let secret = secret.rsplit(':').next().unwrap_or(secret);
    (fits && !raw.contains("://") && (secret.is_empty() || !raw.contains(secret)))
        .then(|| raw.to_owned())
}

/// A name or label of the host's, without control characters and at most `max` characters long.
pub(crate) fn label(raw: &str, max: usize) -> String {
    raw.chars().filter(|c| !c.is_control()).take(max).collect()
}

/// A text of several lines, such as release notes: as it is, but without the control characters that
/// no text has, and at most `max` characters long.
pub(crate) fn prose(raw: &str, max: usize) -> String {
    let keeps = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    raw.chars().filter(keeps).take(max).collect()
}

/// A commit id of the host's.
pub(crate) fn commit_sha(raw: &str) -> Result<CommitSha, ProviderError> {
    CommitSha::parse(raw).map_err(|_| ProviderError::malformed("a commit without an id"))
}

/// A web address of the host's, if it is one.
pub(crate) fn web_url(raw: Option<&str>) -> Option<String> {
    let url = url::Url::parse(raw?).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= 2_000;
    plain.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts() {
        #[track_caller]
        fn check(raw: &str, want: Option<&str>) {
            assert_eq!(fact(raw, "dev@x:s3cr3t").as_deref(), want, "{raw:?}");
        }
        check("api read_api", Some("api read_api"));
        check(
            "contents=write; metadata=read",
            Some("contents=write; metadata=read"),
        );
        check(" read:user:bitbucket ", Some("read:user:bitbucket"));
        check("", None);
        check("<b>api</b>", None);
        check("api\nread", None);
        check("http://10.0.0.1/x", None);
        check("scope-s3cr3t", None);
        check(&"x".repeat(65), None);
        check(&"abc ".repeat(80), None);
        check("scöpe", None);
    }

    #[test]
    fn labels_and_addresses() {
        assert_eq!(label("a\u{7}b\r\nc", 10), "abc");
        assert_eq!(label("日本語", 2), "日本");
        assert_eq!(prose("a\u{7}\r\n\tb\u{0}", 9), "a\r\n\tb");
        assert_eq!(prose("日本語", 2), "日本");
        assert_eq!(
            web_url(Some("https://h/o/n")).as_deref(),
            Some("https://h/o/n")
        );
        for bad in ["javascript:alert(1)", "https://u:p@h/", "no url"] {
            assert_eq!(web_url(Some(bad)), None, "{bad}");
        }
        assert_eq!(web_url(None), None);
    }
}
