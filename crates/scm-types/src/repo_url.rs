//! Repository URLs: every form that people paste, in one normal form.
//!
//! - A [`RepoUrl`] is on a host of the operator's list, and its normal form parses to itself.
//! - The normal form is `base/owner/name` (`base/projects/KEY/repos/name` on Bitbucket Data
//!   Center), ASCII, at most 512 characters, without userinfo, query, fragment, `.git` or a slash
//!   at the end. Scheme, port and sub-path are those of the configured host.
//! - The spelling of owner and name is kept; [`RepoUrl::key`] is what makes one unique.
//! - A user name in a web URL and a password anywhere are refused, never cut off in silence: they
//!   are leaked credentials, and whoever sent them has to know. No error holds any of the input but
//!   a plain host name.
//!
//! What is accepted: `https`, `http`, `git+https` and no scheme; `ssh`, `git+ssh` and `git`;
//! `git@host:owner/name`. A number behind the host of `host:123/name` is a port only if a
//! configured host has that port.
//!
//! Web URLs are matched with a host by name, port and sub-path; the longest sub-path wins. In the
//! other forms the name alone counts, because git servers use other ports there and no sub-path.
//! Of several hosts with one name, port 7999 means a Data Center, else the one without port and
//! sub-path is meant; where neither decides, the URL is refused as ambiguous.
//!
//! Deeper pages (`/tree/main`, `/-/issues`, `/pull-requests/1`) are cut off web URLs, not off the
//! other forms. On GitLab that means from `/-/`: the old links `/group/name/tree/main` cannot be
//! told from a project in a subgroup called `tree`, so they are taken as that, and the check at the
//! host says that there is none.

mod encode;
mod link;
mod path;
mod resolve;
mod source;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};

use crate::{HostKind, ScmType, WebHost, WebHosts};

/// A text that is no URL of a repository on a known host. The texts complete "repositoryUrl …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepoUrlError {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// Longer than any URL of a repository.
    #[error("must be at most {max} bytes long", max = RepoUrl::MAX_INPUT)]
    TooLong,
    /// The normal form does not fit its column.
    #[error("must be at most {max} characters long in its normal form", max = RepoUrl::MAX)]
    NormalFormTooLong,
    /// Neither `scheme://…` nor `host/…` nor `host:…`.
    #[error("must be a whole URL, such as https://github.com/owner/name")]
    NotAUrl,
    /// A scheme that git hosts are not reached with.
    #[error("must begin with https:// or ssh://, or have the form git@host:owner/name")]
    Scheme,
    /// A user name in a web URL, or a password.
    #[error(
        "must not hold a user name or password; it was not stored, but if it was a credential, \
         revoke it now and send it as accessToken instead"
    )]
    Userinfo,
    /// No host name and no address.
    #[error("must have a valid host name")]
    Host,
    /// A host name in another script, which this build cannot convert.
    #[error("must give the host name in its ASCII form (punycode, xn--…)")]
    HostNotAscii,
    /// Not a number from 1 to 65535.
    #[error(
        "must have a port from 1 to 65535, or none; in the form git@host:owner/name leave out ssh://"
    )]
    Port,
    /// A host that the operator did not list.
    #[error("must be on a host that is set up here{}: check the spelling, or ask the operator to \
             add the host", but(host.as_deref()))]
    UnknownHost {
        /// Name and port, if it is plainly a host name and not something pasted by mistake.
        host: Option<String>,
    },
    /// Several configured hosts could be meant.
    #[error("must be the https:// URL of the repository: more than one host here has this name")]
    AmbiguousHost,
    /// Too few or too many parts in the path.
    #[error("must name an owner and a repository, such as {}", example(*kind))]
    NotARepository {
        /// The dialect of the host.
        kind: HostKind,
    },
    /// Deeper than groups can be nested.
    #[error("must have at most {max} parts in its path", max = path::MAX_SEGMENTS)]
    TooManySegments,
    /// `//` in the path.
    #[error("must not have an empty part (\"//\") in its path")]
    EmptySegment,
    /// `/./` or `/../`, plain or encoded.
    #[error("must not have the part \".\" or \"..\" in its path")]
    DotSegment,
    /// A slash written as `%2F` inside a name.
    #[error("must not have an encoded slash (%2F) in a name")]
    EncodedSlash,
    /// A backslash, plain or encoded.
    #[error("must not contain a backslash")]
    Backslash,
    /// A control character, plain or encoded.
    #[error("must not contain control characters")]
    Control,
    /// A `%` that is no percent-encoding, or bytes that are no UTF-8.
    #[error("must be percent-encoded UTF-8: \"%\" and two hex digits, \"%25\" for \"%\" itself")]
    Encoding,
    /// `name.git.git`.
    #[error("must have \".git\" at the end of the name once at the most")]
    GitSuffix,
}

fn but(host: Option<&str>) -> String {
    host.map(|host| format!(", which {host} is not"))
        .unwrap_or_default()
}

fn example(kind: HostKind) -> &'static str {
    match kind {
        HostKind::Github => "https://github.com/owner/name",
        HostKind::Gitlab => "https://gitlab.com/group/name",
        HostKind::Bitbucket => "https://bitbucket.org/workspace/name",
        HostKind::BitbucketDataCenter => "https://git.example.com/projects/KEY/repos/name",
    }
}

/// A repository on one of the operator's hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepoUrl {
    host: WebHost,
    segments: Vec<String>,
    url: String,
}

impl RepoUrl {
    /// The longest normal form, in characters: that of the column.
    pub const MAX: usize = 512;
    /// The longest text that is looked at, in bytes.
    pub const MAX_INPUT: usize = 2048;

    /// Takes a URL that a person gave, in any of the accepted forms.
    ///
    /// ```
    /// use scm_types::{RepoUrl, WebHosts};
    ///
    /// let url = RepoUrl::parse("git@github.com:Acme/shop.git", &WebHosts::public())?;
    /// assert_eq!(url.as_str(), "https://github.com/Acme/shop");
    /// # Ok::<(), scm_types::RepoUrlError>(())
    /// ```
    pub fn parse(raw: &str, hosts: &WebHosts) -> Result<Self, RepoUrlError> {
        if raw.len() > Self::MAX_INPUT {
            return Err(RepoUrlError::TooLong);
        }
        let text = raw.trim();
        if text.is_empty() {
            return Err(RepoUrlError::Empty);
        }
        let source = source::parse(text, hosts)?;
        if text.chars().any(char::is_control) {
            return Err(RepoUrlError::Control);
        }
        let segments = path::split(source.path)?;
        let (host, sub_path) = resolve::host(&source, &segments, hosts)?;
        let segments = path::repository(host.kind(), source.is_web(), &segments[sub_path..])?;
        let below = path::below_host(host.kind(), &segments);
        let url = below.iter().fold(host.base_url().to_owned(), |url, name| {
            url + "/" + &encode::segment(name)
        });
        if url.len() > Self::MAX {
            return Err(RepoUrlError::NormalFormTooLong);
        }
        if !resolve::is_meant(host, &below, hosts) {
            return Err(RepoUrlError::AmbiguousHost);
        }
        Ok(Self {
            host: host.clone(),
            segments,
            url,
        })
    }

    /// The repository `owner/name` on one of the hosts. On GitLab the owner is the path of a group, with
    /// a slash between its parts; on Data Center it is a project's key or `~user`.
    ///
    /// Both are names and nothing else: what is cut off a pasted URL (a deeper page, `.git`) is refused
    /// here.
    ///
    /// ```
    /// use scm_types::{RepoUrl, WebHosts};
    ///
    /// let hosts = WebHosts::public();
    /// let github = hosts.iter().next().unwrap();
    /// let url = RepoUrl::named(github, "Acme", "shop", &hosts)?;
    /// assert_eq!(url.as_str(), "https://github.com/Acme/shop");
    /// # Ok::<(), scm_types::RepoUrlError>(())
    /// ```
    pub fn named(
        host: &WebHost,
        owner: &str,
        name: &str,
        hosts: &WebHosts,
    ) -> Result<Self, RepoUrlError> {
        let kind = host.kind();
        let mut segments: Vec<String> = owner.split('/').map(str::to_owned).collect();
        segments.push(name.to_owned());
        if kind != HostKind::Gitlab && segments.len() != 2 {
            return Err(RepoUrlError::NotARepository { kind });
        }
        let below = path::below_host(kind, &segments);
        let url = below.iter().fold(host.base_url().to_owned(), |url, name| {
            url + "/" + &encode::segment(name)
        });
        let parsed = Self::parse(&url, hosts)?;
        if parsed.segments == segments && parsed.host == *host {
            Ok(parsed)
        } else {
            Err(RepoUrlError::NotARepository { kind })
        }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &WebHost {
        &self.host
    }

    /// Product and dialect of the host.
    #[must_use]
    pub fn kind(&self) -> HostKind {
        self.host.kind()
    }

    /// The kind that the API and the table name.
    #[must_use]
    pub fn scm_type(&self) -> ScmType {
        self.kind().scm_type()
    }

    /// The normal form, which is also the address of the repository's page.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// What makes it unique: the normal form in lower case (hosts do not tell `Acme/Shop` from
    /// `acme/shop`). As long as the normal form; parses to a repository with the same key.
    #[must_use]
    pub fn key(&self) -> String {
        self.url.to_ascii_lowercase()
    }

    /// Decoded path segments below the host: owner part(s), then the name. At least two; exactly
    /// two but on GitLab. On Data Center project key (or `~user`) and slug.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// All segments but the last, joined with `/`.
    #[must_use]
    pub fn owner(&self) -> String {
        match self.segments.split_last() {
            Some((_, owner)) => owner.join("/"),
            None => String::new(),
        }
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segments.last().map_or("", String::as_str)
    }

    /// `owner/name`.
    #[must_use]
    pub fn path(&self) -> String {
        self.segments.join("/")
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// A URL that somebody else stored, fit to be shown: what stands before the `@` of its authority
/// is replaced by `***`. This system stores no such URL itself; an old writer of the same table may.
#[must_use]
pub fn without_userinfo(url: &str) -> Cow<'_, str> {
    let start = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |length| start + length);
    // A password can hold a slash that nobody encoded; the host of a repository holds no `@`.
    let end = if start > 0 {
        url[start..]
            .rfind('@')
            .map_or(end, |at| end.max(start + at + 1))
    } else {
        end
    };
    match url[start..end].rfind('@') {
        Some(at) if start > 0 || url[start..start + at].contains(':') => {
            Cow::Owned(format!("{}***{}", &url[..start], &url[start + at..]))
        }
        _ => Cow::Borrowed(url),
    }
}
