//! The keys on PostgreSQL.

use sea_orm_migration::{
    DbErr,
    sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait},
};

use super::{CREATED_BY, ForeignKeyError, Key, TENANT};
use crate::{
    TABLE,
    backend::{number, texts},
};

pub(super) async fn exists<C: ConnectionTrait>(db: &C, key: &Key) -> Result<bool, DbErr> {
    let sql = "SELECT COUNT(*) FROM information_schema.table_constraints WHERE table_schema = \
               CURRENT_SCHEMA() AND table_name = $1 AND constraint_name = $2 AND constraint_type = \
               'FOREIGN KEY'";
    Ok(number(db, sql, &[TABLE, key.name]).await? != Some(0))
}

/// The type of the parent's `id`.
pub(super) async fn parent<C: ConnectionTrait>(db: &C, key: &Key) -> Result<Option<String>, DbErr> {
    let sql = "SELECT data_type::text FROM information_schema.columns WHERE table_schema = \
               CURRENT_SCHEMA() AND table_name = $1 AND column_name = 'id'";
    Ok(texts(db, sql, &[key.parent]).await?.into_iter().next())
}

pub(super) async fn enable(db: &DatabaseConnection) -> Result<(), ForeignKeyError> {
    let txn = db.begin().await?;
    for key in [&TENANT, &CREATED_BY] {
        if exists(&txn, key).await? {
            continue;
        }
        let found = parent(&txn, key)
            .await?
            .ok_or(ForeignKeyError::NoParent { table: key.parent })?;
        // A column of type `char(n)` or `uuid` of ours could refer to one of theirs, but no index
        // on it would serve the store's queries, which compare with text.
        if !matches!(found.as_str(), "character varying" | "text") {
            return Err(ForeignKeyError::ParentType {
                table: key.parent,
                found,
                accepted: "varchar or text",
            });
        }
        let orphans = orphans(&txn, key).await?;
        if orphans > 0 {
            return Err(ForeignKeyError::Orphans {
                column: key.column,
                table: key.parent,
                rows: orphans,
            });
        }
        txn.execute_unprepared(&format!(
            "ALTER TABLE \"{TABLE}\" ADD CONSTRAINT \"{}\" FOREIGN KEY (\"{}\") REFERENCES \
             \"{}\" (\"id\") ON DELETE {}",
            key.name, key.column, key.parent, key.on_delete
        ))
        .await?;
    }
    txn.commit().await?;
    Ok(())
}

async fn orphans<C: ConnectionTrait>(db: &C, key: &Key) -> Result<i64, DbErr> {
    let sql = format!(
        "SELECT COUNT(*) FROM \"{TABLE}\" AS child LEFT JOIN \"{}\" AS parent ON parent.\"id\" = \
         child.\"{}\" WHERE parent.\"id\" IS NULL",
        key.parent, key.column
    );
    Ok(number(db, &sql, &[]).await?.unwrap_or(0))
}
