//! The settings of the database, of background work and of events.

use super::Setting;

pub(super) const SETTINGS: &[Setting] = &[
    Setting::text(
        "database.url",
        "sqlite://…, mysql://… (also MariaDB) or postgres://…; SQLite in data_dir if it is not given.",
    )
    .secret(),
    Setting::path("database.url_file", "File that holds that address instead."),
    Setting::number(
        "database.max_connections",
        1,
        65_535,
        "The most connections that are open at the same time.",
    )
    .unit("connections")
    .default("16"),
    Setting::number(
        "database.min_connections",
        0,
        65_535,
        "Connections that stay open; not more than max_connections.",
    )
    .unit("connections")
    .default("0"),
    Setting::number(
        "database.acquire_timeout_seconds",
        1,
        3_600,
        "How long is waited for a connection.",
    )
    .unit("seconds")
    .default("5"),
    Setting::number(
        "database.statement_timeout_seconds",
        1,
        86_400,
        "How long a statement may take.",
    )
    .unit("seconds")
    .default("10"),
    Setting::flag(
        "database.migrate_on_start",
        "Apply pending schema steps on start. SQLite always does.",
    )
    .default("false"),
    Setting::flag(
        "database.foreign_keys",
        "Add foreign keys to tenants and accounts, which exist in a delivr database only.",
    )
    .default("false"),
    Setting::flag(
        "jobs.enabled",
        "Background work, shared by all replicas: looking at connections again, renewing credentials \
         before they end, removing webhooks that could not be removed at once, looking for deliveries \
         that were missed, sealing values with a new key.",
    )
    .default("true"),
    Setting::number(
        "jobs.verify_interval_hours",
        1,
        8_760,
        "How often each connection is looked at again; each up to a tenth earlier or later.",
    )
    .unit("hours")
    .default("24"),
    Setting::number(
        "jobs.gap_check_interval_hours",
        0,
        8_760,
        "How often it is looked whether deliveries have told everything, for each connection with a \
         webhook; each up to a tenth earlier or later. 0 looks only after an outage.",
    )
    .unit("hours")
    .default("24"),
    Setting::number(
        "jobs.silence_seconds",
        1,
        3_600,
        "How long a server may give no sign of life before it is taken for dead; the same for every \
         replica. If no other one was there meanwhile, it is looked for what was missed.",
    )
    .unit("seconds")
    .default("120"),
    Setting::number(
        "jobs.concurrency",
        1,
        64,
        "How many jobs this server does at the same time; half of them for one code host at the most.",
    )
    .unit("jobs")
    .default("4"),
    Setting::flag(
        "jobs.reseal",
        "Seal values with the current key that an older one seals, as soon as it is in use everywhere.",
    )
    .default("true"),
    Setting::number(
        "events.retention_days",
        1,
        3_650,
        "How long deliveries of code hosts, and the events that they told, are kept. What is not \
         processed yet stays.",
    )
    .unit("days")
    .default("14"),
    Setting::text(
        "events.push_url",
        "Where each event is posted to, signed as in Standard Webhooks, until it is answered with 2xx.",
    ),
    Setting::text(
        "events.push_secret",
        "What it is signed with: whsec_ and the Base64 of 24 to 64 random bytes.",
    )
    .secret(),
    Setting::path("events.push_secret_file", "File that holds that secret instead."),
    Setting::text(
        "events.nats_url",
        "Or where each event is published to, as a message of NATS JetStream: nats://host:4222, \
         tls://host:4222, several servers of one system with commas between them. In programs built \
         with the feature nats. A stream that takes the subjects, {nats_prefix}.{tenant}.{kind}, has to \
         be there.",
    ),
    Setting::text("events.nats_prefix", "How those subjects begin.").default("\"scm.events\""),
    Setting::text(
        "events.nats_token",
        "How to log in there, one of three: a token.",
    )
    .secret(),
    Setting::path("events.nats_token_file", "File that holds that token instead."),
    Setting::text("events.nats_user", "Or a user, with nats_password."),
    Setting::text("events.nats_password", "The user's password.").secret(),
    Setting::path(
        "events.nats_password_file",
        "File that holds that password instead.",
    ),
    Setting::text("events.nats_credentials", "Or the text of a credentials file of nsc.").secret(),
    Setting::path(
        "events.nats_credentials_file",
        "The credentials file itself.",
    ),
    Setting::path(
        "events.nats_ca_file",
        "PEM, for a private certificate authority; else the system's.",
    ),
];
