//! The settings of the process: where it listens, what it keeps, what it tells.

use super::{Form, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("listen", Form::Address, "Address and port to listen on.")
        .default("\"127.0.0.1:8080\""),
    Setting::path(
        "data_dir",
        "Directory of the embedded database and its key file. Made on first start.",
    )
    .default("\"./scm-data\""),
    Setting::text(
        "public_url",
        "The address that code hosts and people reach this server at, such as \
         https://scm.example.com; a proxy may add a path. Webhooks need it: they deliver to \
         /api/v1/integrations/scm/webhooks/{id} below it.",
    ),
    Setting::text(
        "keys",
        "The master keys themselves that secrets are sealed with, in the lines of a key file.",
    )
    .secret(),
    Setting::path(
        "keys_file",
        "File of the master keys. With SQLite it is made in data_dir if it is not given; any other \
         database needs it (scm-server keys generate).",
    ),
    Setting::number(
        "keys_check_seconds",
        1,
        3_600,
        "How often the running server looks whether that file and the files of TLS have changed; the \
         same for every replica. SIGHUP makes it look at once. A new key is sealed with after three \
         times as long.",
    )
    .unit("seconds")
    .default("5"),
    Setting::number("workers", 0, 1_024, "Request workers; 0 is one for each core.").default("0"),
    Setting::number(
        "drain_seconds",
        0,
        86_400,
        "How long requests are still taken after SIGTERM while /readyz already says no, so that a load \
         balancer can look elsewhere first.",
    )
    .unit("seconds")
    .default("0"),
    Setting::number(
        "shutdown_timeout_seconds",
        0,
        86_400,
        "How long running requests get to finish after that.",
    )
    .unit("seconds")
    .default("15"),
    Setting::words(
        "trusted_proxies",
        "Proxies that are believed about whom they speak for, as addresses and networks such as \
         10.0.0.0/8. From anybody else forwarded_header counts for nothing.",
    )
    .default("[]"),
    Setting::text(
        "forwarded_header",
        "The header that those proxies write. The other one is not read.",
    )
    .choices(&["x-forwarded-for", "forwarded"])
    .default("\"x-forwarded-for\""),
    Setting::path(
        "tls.certificate_file",
        "TLS of the server itself, where no proxy is in front of it: its certificate as PEM, then \
         those up to an authority. Read again when it changes.",
    ),
    Setting::path(
        "tls.private_key_file",
        "The certificate's key as PEM. Read again when it changes.",
    ),
    Setting::text(
        "log.filter",
        "What is logged: a tracing filter, such as debug or scm_providers=debug,info. SIGHUP takes \
         another one.",
    )
    .default("\"info,sea_orm_migration=warn,sqlx=warn,actix_server=warn\""),
    Setting::text("log.format", "Lines for people, or one JSON object for each line.")
        .choices(&["text", "json"])
        .default("\"text\""),
    Setting::flag(
        "metrics.enabled",
        "GET /metrics in the format of Prometheus, without a key. If it is not given: true on loopback \
         addresses and with metrics.listen, false elsewhere. Switch it on where only your own network \
         reaches the port.",
    ),
    Setting::new(
        "metrics.listen",
        Form::Address,
        "An address and port of its own for /metrics, /livez and /readyz; the probes stay on the first \
         one, too.",
    ),
    Setting::flag(
        "docs.enabled",
        "GET /docs, a page on which the API can be read and tried; GET /openapi.json is there in any \
         case.",
    )
    .default("true"),
    Setting::text(
        "traces.endpoint",
        "Where traces are sent to by OTLP over HTTP (Protocol Buffers): a collector's address, such as \
         http://localhost:4318; /v1/traces is put behind it. Without one none are recorded. If it is not \
         given, OTEL_EXPORTER_OTLP_ENDPOINT counts.",
    ),
    Setting::text(
        "traces.service_name",
        "What this service is called there. If it is not given, OTEL_SERVICE_NAME counts.",
    )
    .default("\"scm-server\""),
    Setting::number(
        "traces.sample_percent",
        0,
        100,
        "How many of a hundred traces are recorded that begin here. Of those that come with a \
         traceparent the ones are that are recorded where it comes from.",
    )
    .unit("percent")
    .default("100"),
    Setting::flag(
        "traces.code_hosts",
        "Send traceparent with calls to code hosts: random ids, which tell which calls belong together.",
    )
    .default("true"),
    Setting::flag(
        "delivr.enabled",
        "The paths that the web panel of delivr calls, /tenants/{tenantId}/integrations/scm/... and \
         /integrations/scm/providers, at the root and below /api/v1.",
    )
    .default("false"),
    Setting::text(
        "delivr.panel_key",
        "What the panel encrypts credentials with, its VITE_ENCRYPTION_KEY: 32 bytes in Base64. Without \
         it, what the panel says is encrypted is refused.",
    )
    .secret(),
    Setting::path("delivr.panel_key_file", "File that holds that key instead."),
];
