//! The settings of the code hosts that are called.

use super::{Form, Setting, UNLIMITED};

/// The longest a call may take: less than a request holds its `Idempotency-Key` for, with room for what
/// is not a call to a host.
const MAX_BUDGET: u64 = 50;

pub(super) const SETTINGS: &[Setting] = &[
    Setting::number(
        "providers.connect_timeout_seconds",
        1,
        MAX_BUDGET,
        "How long a code host may take until a connection to it stands.",
    )
    .unit("seconds")
    .default("5"),
    Setting::number(
        "providers.request_timeout_seconds",
        1,
        MAX_BUDGET,
        "How long one call to a code host may take.",
    )
    .unit("seconds")
    .default("10"),
    Setting::number(
        "providers.budget_seconds",
        1,
        MAX_BUDGET,
        "How long an operation with all its calls and their retries may take.",
    )
    .unit("seconds")
    .default("25"),
    Setting::number(
        "providers.refresh_margin_seconds",
        0,
        86_400,
        "How long before its end an OAuth token is refreshed at the latest; one whose life is known is \
         refreshed in the last fifth of it.",
    )
    .unit("seconds")
    .default("300"),
    Setting::new(
        "hosts",
        Form::Tables,
        "The code hosts. Giving any replaces github.com, gitlab.com and bitbucket.org.",
    ),
    Setting::text("hosts[].kind", "The product.")
        .choices(&["github", "gitlab", "bitbucket", "bitbucket-data-center"])
        .required(),
    Setting::text(
        "hosts[].host",
        "As it stands in repository URLs, with port or sub-path.",
    )
    .required(),
    Setting::text("hosts[].api_url", "Its API, if it is not at the usual address."),
    Setting::text(
        "hosts[].oauth_url",
        "Where OAuth tokens are refreshed, if it is not the usual address.",
    ),
    Setting::flag(
        "hosts[].allow_private_addresses",
        "For a host inside the network.",
    )
    .default("false"),
    Setting::path(
        "hosts[].ca_file",
        "PEM, for a private certificate authority; else the system's.",
    ),
    Setting::text(
        "hosts[].oauth.client_id",
        "The OAuth client that refreshes tokens.",
    )
    .required(),
    Setting::text("hosts[].oauth.client_secret", "The client's secret.").secret(),
    Setting::path(
        "hosts[].oauth.client_secret_file",
        "File that holds that secret instead.",
    ),
    Setting::text(
        "hosts[].oauth.redirect_uri",
        "For GitLab: as at the first consent.",
    ),
    Setting::number("hosts[].app.id", 1, UNLIMITED, "The id of a GitHub App.").required(),
    Setting::path("hosts[].app.private_key_file", "The App's private key as PEM.").required(),
];
