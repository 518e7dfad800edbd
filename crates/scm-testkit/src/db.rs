//! A migrated database per test and backend.
