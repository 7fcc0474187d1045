# What developers do, by https://just.systems: `just` lists it. Each recipe is a command that can be typed as well.

[private]
default:
    @just --list --unsorted

# Run the demo: a database of its own, generated people, an evening's traffic
demo *ARGS:
    cargo run --profile demo -- demo --simulate {{ARGS}}

# Run every test, with a PostgreSQL that the tests start themselves
test:
    cargo test --workspace

# Run the tests whose name contains NAME, with the binary that they start
it NAME:
    cargo test -p cli -p tests {{NAME}}

# Check that everything compiles, tests and benchmarks included
check:
    cargo check --workspace --all-targets

# Format, then lint as CI does
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Write what is generated: schema.graphql, docs/access.md and docs/events.md
generate:
    cargo run -q -- schema > schema.graphql
    OCPIZZA_WRITE_ACCESS=1 cargo test -p tests --test it access_matches
    OCPIZZA_WRITE_EVENTS=1 cargo test -p domain catalogue

# Pin the checksums of new migrations
pin:
    cd migrations && sha256sum *.sql > CHECKSUMS

# Run the benchmarks whose row contains ROW
bench ROW="":
    cargo bench -p bench --bench performance -- {{ if ROW == "" { "" } else { "--only " + ROW } }}

# Open the documentation of the crates
docs:
    cargo doc --workspace --no-deps --open

# Run everything that CI runs
ci:
    bash .ci/run
