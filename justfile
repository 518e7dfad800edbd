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

# Bans, licences and sources of all dependencies (needs cargo-deny).
deny:
    cargo deny check bans licenses sources

# Start-up time and idle memory of the release binary.
measure:
    ./docs/measure.sh

# What CI runs.
ci:
    .ci/run
