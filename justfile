# List the recipes.
default:
    @just --list

# Format everything.
fmt:
    cargo fmt --all

# Every lint; warnings are errors.
lint:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The tests, on SQLite alone (the others too if their URLs are set).
test:
    cargo test --workspace

# The tests with one server database: just test-db mysql mysql://root@127.0.0.1/mysql
test-db backend url:
    {{ if backend == "mysql" { "SCM_TEST_MYSQL_URL" } else { "SCM_TEST_POSTGRES_URL" } }}={{ url }} cargo test --workspace

# Write the schema files again after a new migration step.
schema:
    SCM_UPDATE_SCHEMA=1 cargo test -p scm-migrations

# Write docs/openapi.json again after a change of the API.
openapi:
    SCM_UPDATE_OPENAPI=1 cargo test -p scm-server --test it openapi

# Write docs/configuration.schema.json and the list in docs/configuration.md again after a change of the
# settings.
configuration:
    SCM_UPDATE_CONFIGURATION=1 cargo test -p scm-server config

# Schemathesis against a running server (needs Python and PyPI).
schemathesis:
    .ci/schemathesis

# Bans, licences and sources of all dependencies (needs cargo-deny).
deny:
    cargo deny check bans licenses sources

# Start-up time and idle memory of the release binary.
measure:
    ./docs/measure.sh

# The load rig: the release server beside a bare program, about five minutes. Needs wrk (Debian: apt-get
# install wrk). just bench mysql takes the server that SCM_TEST_MYSQL_URL names, postgres likewise.
bench database="sqlite" *options:
    cargo build --release -p scm-server -p scm-bench
    ${CARGO_TARGET_DIR:-target}/release/scm-bench run --database {{ database }} {{ options }}

# Deliveries alone: beside a bare insert of the same row, then twice as many as can be stored.
bench-receiver database="sqlite":
    cargo build --release -p scm-server -p scm-bench
    ${CARGO_TARGET_DIR:-target}/release/scm-bench run --database {{ database }} --operations deliveries --seconds 10
    ${CARGO_TARGET_DIR:-target}/release/scm-bench overload --database {{ database }}

# Fuzz what reads deliveries: just fuzz signature 300, or payload (needs cargo-fuzz; what it finds out
# is kept in target/fuzz).
fuzz target seconds="300":
    mkdir -p target/fuzz/{{ target }}
    RUSTC_BOOTSTRAP=1 cargo fuzz run -s none {{ target }} target/fuzz/{{ target }} fuzz/corpus/{{ target }} -- -max_total_time={{ seconds }} -max_len=65536

# The Node addon: build it, check its declarations, run its tests (needs Node and npm).
node:
    cd crates/scm-node && npm ci && npm run build && npm test

# What CI runs.
ci:
    .ci/run
