//! The settings of who may come in, and how much of it.

use super::{Form, Setting};

/// The most requests in a minute: what the counter holds.
const MOST: u64 = u32::MAX as u64;

/// A limit of so many in a minute.
const fn per_minute(key: &'static str, about: &'static str) -> Setting {
    Setting::number(key, 0, MOST, about).unit("per minute, 0 is no limit")
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::words(
        "auth.mode",
        "none: everybody is the platform (loopback addresses only). api-keys: keys of the database \
         (scm-server api-keys create) and those of [[auth.keys]]. jwt: signed tokens, see [auth.jwt]. Or \
         both of the last.",
    )
    .choices(&["none", "api-keys", "jwt"])
    .default("\"none\""),
    Setting::text(
        "auth.account",
        "The account that rows are made under in mode none, unless a request names one.",
    )
    .default("\"local\""),
    Setting::new(
        "auth.keys",
        Form::Tables,
        "API keys of the configuration; scm-server api-keys generate prints the lines of one.",
    ),
    Setting::text(
        "auth.keys[].id",
        "Names the key: letters, digits, hyphens.",
    )
    .required(),
    Setting::text("auth.keys[].hash", "sha256: and the hash of the key.")
        .secret()
        .required(),
    Setting::text(
        "auth.keys[].tenant",
        "The tenant that the key is for; without it the key is the platform's.",
    ),
    Setting::text("auth.keys[].role", "What it may do; with a tenant only.")
        .choices(&["viewer", "editor", "owner"]),
    Setting::text("auth.keys[].account", "The account that it acts as.").required(),
    Setting::text(
        "auth.keys[].expires_at",
        "When it ends, such as 2027-01-31T00:00:00Z.",
    ),
    Setting::text("auth.jwt.issuer", "What iss of a token has to be."),
    Setting::words(
        "auth.jwt.audience",
        "What aud of a token has to be or to hold: one of these.",
    ),
    Setting::words("auth.jwt.algorithms", "How tokens may be signed.")
        .choices(&[
            "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
            "HS256",
        ])
        .default("[\"RS256\", \"PS256\", \"ES256\", \"EdDSA\"]"),
    Setting::text(
        "auth.jwt.jwks_url",
        "Where the issuer publishes its keys; https:// unless it is on this machine. One of jwks_url, \
         key_file and secret_file is needed.",
    ),
    Setting::number(
        "auth.jwt.jwks_cache_hours",
        1,
        720,
        "How long known keys go on while that address does not answer.",
    )
    .unit("hours")
    .default("24"),
    Setting::path(
        "auth.jwt.key_file",
        "File with the issuer's public key in PEM, or a JSON key set.",
    ),
    Setting::path(
        "auth.jwt.secret_file",
        "For HS256: file with the shared secret, at least 32 bytes.",
    ),
    Setting::number(
        "auth.jwt.leeway_seconds",
        0,
        300,
        "How far the issuer's clock may be from this machine's.",
    )
    .unit("seconds")
    .default("60"),
    Setting::text(
        "auth.jwt.account_claim",
        "Where a token says which account acts: the name of a claim, or a JSON pointer such as \
         /realm_access/roles. So it is with the other claims.",
    )
    .default("\"sub\""),
    Setting::text("auth.jwt.tenant_claim", "Where it says for which tenant.").default("\"tenant\""),
    Setting::text("auth.jwt.role_claim", "Where it says with which role.").default("\"role\""),
    Setting::text(
        "auth.jwt.tenants_claim",
        "Where it says several tenants: an object from tenant to role, or a list of tenants in which \
         the role of role_claim holds.",
    )
    .default("\"tenants\""),
    Setting::text("auth.jwt.viewer_role", "The issuer's word for a viewer.").default("\"viewer\""),
    Setting::text("auth.jwt.editor_role", "The issuer's word for an editor.").default("\"editor\""),
    Setting::text("auth.jwt.owner_role", "The issuer's word for an owner.").default("\"owner\""),
    Setting::text(
        "auth.jwt.platform_role",
        "The issuer's word for the platform. No token is the platform's unless it is set.",
    ),
    per_minute(
        "limits.failed_attempts",
        "Credentials from one address that are not accepted; good ones from there are accepted all the \
         same. Each server counts for itself, evenly, with as many at once; addresses of IPv6 are \
         counted by their network (/64). So it is with the other limits.",
    )
    .default("20"),
    per_minute("limits.address", "Requests from one address.").default("0"),
    per_minute("limits.tenant", "Requests for one tenant.").default("0"),
    per_minute("limits.account", "Requests of one account in one tenant.").default("0"),
    per_minute(
        "limits.deliveries",
        "Deliveries of code hosts from one address; they are not counted as requests.",
    )
    .default("0"),
    Setting::number(
        "limits.concurrent",
        0,
        MOST,
        "Requests that are at work at the same time; more are answered with 503. One whose body is still \
         coming is not at work.",
    )
    .unit("requests, 0 is no limit")
    .default("1024"),
    Setting::number(
        "limits.connections",
        0,
        MOST,
        "Open connections, over all; more wait until one is closed. When half as many are open, each is \
         closed behind its answer.",
    )
    .unit("connections, 0 is no limit")
    .default("16384"),
    Setting::number(
        "limits.head_timeout_seconds",
        1,
        3_600,
        "How long the first head of a connection may take to come. A body has 15 seconds, that of a \
         delivery 10.",
    )
    .unit("seconds")
    .default("10"),
    Setting::number(
        "limits.idle_timeout_seconds",
        1,
        3_600,
        "How long a connection may be idle between requests.",
    )
    .unit("seconds")
    .default("30"),
];
