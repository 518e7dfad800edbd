#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![expect(
    elided_lifetimes_in_paths,
    reason = "MigrationTrait leaves out the lifetime of SchemaManager, and so must who implements it"
)]

mod backend;
mod error;
pub mod foreign_keys;
mod import_mark;
mod lock;
mod m20261122_000001_create_tenant_scm_integrations;
mod m20261122_000002_adopt_existing_table;
mod m20261122_000003_store_milliseconds;
mod m20261122_000004_row_state;
mod m20261122_000005_key_canaries;
mod m20261123_000006_capabilities;
mod m20261123_000007_idempotency_keys;
mod m20261123_000008_credential_renewals;
mod m20261123_000009_audit_log;
mod m20261123_000010_jobs;
mod m20261123_000011_expiry;
mod m20261123_000012_webhooks;
mod m20261123_000013_deliveries;
mod m20261123_000014_known_refs;
mod m20261123_000015_api_keys;
mod run;
mod status;
mod tables;

use sea_orm_migration::{
    MigrationTrait, MigratorTrait,
    sea_orm::{DynIden, sea_query::IntoIden},
};

pub use error::MigrateError;
pub use import_mark::{begin_import, end_import};
pub use run::{down, down_on, up, up_on};
pub use status::{Status, Step, missing_tables, status};
pub use tables::{Column, ColumnKind, Table, tables};

/// The table that most steps here are about.
pub(crate) const TABLE: &str = "tenant_scm_integrations";

/// Where the applied steps are noted.
pub(crate) const MIGRATIONS_TABLE: &str = "scm_migrations";

/// The ordered list of steps.
///
/// Call [`up`], [`down`] and [`status()`], not the trait's own methods: those do not keep two
/// processes from migrating at once, and some of them drop tables.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_tenant_scm_integrations::Migration),
            Box::new(m20261122_000002_adopt_existing_table::Migration),
            Box::new(m20261122_000003_store_milliseconds::Migration),
            Box::new(m20261122_000004_row_state::Migration),
            Box::new(m20261122_000005_key_canaries::Migration),
            Box::new(m20261123_000006_capabilities::Migration),
            Box::new(m20261123_000007_idempotency_keys::Migration),
            Box::new(m20261123_000008_credential_renewals::Migration),
            Box::new(m20261123_000009_audit_log::Migration),
            Box::new(m20261123_000010_jobs::Migration),
            Box::new(m20261123_000011_expiry::Migration),
            Box::new(m20261123_000012_webhooks::Migration),
            Box::new(m20261123_000013_deliveries::Migration),
            Box::new(m20261123_000014_known_refs::Migration),
            Box::new(m20261123_000015_api_keys::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        MIGRATIONS_TABLE.into_iden()
    }
}
