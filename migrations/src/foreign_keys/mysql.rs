//! The keys on MySQL and MariaDB.

use sea_orm_migration::{
    DbErr,
    sea_orm::{ConnectionTrait, DatabaseConnection, Statement},
};

use super::{CREATED_BY, ForeignKeyError, Key, TENANT};
use crate::{TABLE, backend::number};

/// The parent's `id`, as the catalogue has it.
pub(super) struct Parent {
    data_type: String,
    /// Character set and collation; none if the column holds no text.
    text: Option<(String, String)>,
}

pub(super) async fn exists(db: &DatabaseConnection, key: &Key) -> Result<bool, DbErr> {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = \
               DATABASE() AND TABLE_NAME = ? AND CONSTRAINT_NAME = ? AND CONSTRAINT_TYPE = \
               'FOREIGN KEY'";
    Ok(number(db, sql, &[TABLE, key.name]).await? != Some(0))
}

pub(super) async fn parent(db: &DatabaseConnection, key: &Key) -> Result<Option<Parent>, DbErr> {
    column(db, key.parent, "id").await
}

async fn column(
    db: &DatabaseConnection,
    table: &str,
    column: &str,
) -> Result<Option<Parent>, DbErr> {
    // CAST: MySQL 8 gives some of its catalogue as binary.
    let sql = "SELECT CAST(DATA_TYPE AS CHAR), CAST(CHARACTER_SET_NAME AS CHAR), \
               CAST(COLLATION_NAME AS CHAR) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = \
               DATABASE() AND TABLE_NAME = ? AND COLUMN_NAME = ?";
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        sql,
        [table.into(), column.into()],
    );
    let Some(row) = db.query_one_raw(statement).await? else {
        return Ok(None);
    };
    let set: Option<String> = row.try_get_by_index(1)?;
    let collation: Option<String> = row.try_get_by_index(2)?;
    Ok(Some(Parent {
        data_type: row.try_get_by_index(0)?,
        text: set.zip(collation),
    }))
}

pub(super) async fn enable(db: &DatabaseConnection) -> Result<(), ForeignKeyError> {
    let mut wanted = Vec::new();
    for key in [&TENANT, &CREATED_BY] {
        if exists(db, key).await? {
            continue;
        }
        let (set, collation) = text_of_parent(db, key).await?;
        let orphans = orphans(db, key, &set, &collation).await?;
        if orphans > 0 {
            return Err(ForeignKeyError::Orphans {
                column: key.column,
                table: key.parent,
                rows: orphans,
            });
        }
        wanted.push((key, set, collation));
    }
    for (key, set, collation) in wanted {
        let own = column(db, TABLE, key.column)
            .await?
            .and_then(|own| own.text);
        if own.as_ref() != Some(&(set.clone(), collation.clone())) {
            db.execute_unprepared(&format!(
                "ALTER TABLE `{TABLE}` MODIFY `{}` {} CHARACTER SET {set} COLLATE {collation} \
                 NOT NULL COMMENT '{}'",
                key.column, key.mysql_type, key.mysql_comment
            ))
            .await?;
        }
        db.execute_unprepared(&format!(
            "ALTER TABLE `{TABLE}` ADD CONSTRAINT `{}` FOREIGN KEY (`{}`) REFERENCES `{}` (`id`) \
             ON DELETE {}",
            key.name, key.column, key.parent, key.on_delete
        ))
        .await?;
    }
    Ok(())
}

async fn text_of_parent(
    db: &DatabaseConnection,
    key: &Key,
) -> Result<(String, String), ForeignKeyError> {
    let parent = parent(db, key)
        .await?
        .ok_or(ForeignKeyError::NoParent { table: key.parent })?;
    let plain = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match parent.text {
        Some((set, collation))
            if matches!(parent.data_type.as_str(), "char" | "varchar")
                && plain(&set)
                && plain(&collation) =>
        {
            Ok((set, collation))
        }
        _ => Err(ForeignKeyError::ParentType {
            table: key.parent,
            found: parent.data_type,
            accepted: "CHAR or VARCHAR",
        }),
    }
}

/// Rows without a parent, compared as the key will compare: in the parent's collation.
async fn orphans(
    db: &DatabaseConnection,
    key: &Key,
    set: &str,
    collation: &str,
) -> Result<i64, DbErr> {
    let sql = format!(
        "SELECT COUNT(*) FROM `{TABLE}` AS child LEFT JOIN `{}` AS parent ON parent.id = \
         CONVERT(child.`{}` USING {set}) COLLATE {collation} WHERE parent.id IS NULL",
        key.parent, key.column
    );
    Ok(number(db, &sql, &[]).await?.unwrap_or(0))
}
