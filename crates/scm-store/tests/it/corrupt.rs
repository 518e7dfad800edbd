//! Rows that make no sense, and errors that show nothing.

use std::{error::Error, fmt::Write};

use scm_store::StoreError;
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{IntegrationId, Purpose, ScmIntegrationFilters};

use crate::given::{Given, by, new, page, scope};

/// Everything that a log could show of an error: texts and `Debug`, down the chain.
fn shown(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, " {error} {error:?}").unwrap();
        source = error.source();
    }
    text
}

on_every_database! {
    async fn a_value_that_makes_no_sense_is_named(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given
            .execute("UPDATE `tenant_scm_integrations` SET `createdByAccountId` = 'a b'")
            .await;
        let id = row.id.as_str();
        for result in [
            given.store.find_by_id(&scope("t1"), &row.id).await.err(),
            given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.err(),
        ] {
            let error = result.unwrap();
            assert!(
                matches!(&error, StoreError::Corrupt {
                    table: "tenant_scm_integrations",
                    column: "createdByAccountId",
                    id: named,
                } if named == id),
                "{error:?}"
            );
            assert!(!shown(&error).contains("a b"));
        }
    }

    async fn a_list_goes_on_behind_a_row_that_makes_no_sense(db: TestDb) {
        let given = Given::on(db).await;
        let mut rows = Vec::new();
        for name in ["e", "d", "c", "b", "a"] {
            rows.insert(0, given.created("t1", &format!("https://github.com/a/{name}")).await);
            given.tick();
        }
        // The last row of a page, one in its middle, and both ends of the list.
        for (corrupt, pages) in [
            (&[1][..], &[&[0][..], &[2, 3], &[4]][..]),
            (&[2], &[&[0, 1], &[3], &[4]]),
            (&[2, 3], &[&[0, 1], &[], &[4]]),
            (&[0, 4], &[&[1], &[2, 3], &[]]),
        ] {
            for (place, row) in rows.iter().enumerate() {
                let by = if corrupt.contains(&place) { "a b" } else { "acc_1" };
                let sql = format!(
                    "UPDATE `tenant_scm_integrations` SET `createdByAccountId` = '{by}', \
                     `updatedAt` = `updatedAt` WHERE `id` = '{}'",
                    row.id
                );
                given.execute(&sql).await;
            }
            let mut request = page(2);
            for (number, want) in pages.iter().enumerate() {
                let found = given
                    .store
                    .find_all(&scope("t1"), &ScmIntegrationFilters::default(), &request)
                    .await
                    .unwrap();
                let want: Vec<_> = want.iter().map(|place| rows[*place].clone()).collect();
                assert_eq!(found.items, want, "{corrupt:?}: page {number}");
                request.after = found.next;
                assert_eq!(request.after.is_some(), number + 1 < pages.len());
            }
        }
    }

    async fn a_list_goes_on_behind_a_row_without_a_readable_id(db: TestDb) {
        let given = Given::on(db).await;
        let first = given.created("t1", "https://github.com/a/a").await;
        given.tick();
        let bad = given.created("t1", "https://github.com/a/b").await;
        given.tick();
        let last = given.created("t1", "https://github.com/a/c").await;
        let sql = format!("UPDATE `tenant_scm_integrations` SET `id` = 'x y' WHERE `id` = '{}'", bad.id);
        given.execute(&sql).await;
        let mut request = page(2);
        for (want, more) in [(&last, true), (&first, false)] {
            let found = given
                .store
                .find_all(&scope("t1"), &ScmIntegrationFilters::default(), &request)
                .await
                .unwrap();
            assert_eq!(found.items.iter().collect::<Vec<_>>(), [want]);
            assert_eq!(found.next.is_some(), more);
            request.after = found.next;
        }
    }

    async fn an_unknown_word_of_an_enumeration_is_named(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        // Only what gets round the column's own rule: a foreign word in a widened column.
        let widen = match given.db.backend {
            Backend::Sqlite => "PRAGMA ignore_check_constraints = ON",
            Backend::Mysql => {
                "ALTER TABLE `tenant_scm_integrations` MODIFY `verificationStatus` VARCHAR(16) NOT NULL"
            }
            Backend::Postgres => {
                "ALTER TABLE `tenant_scm_integrations` DROP CONSTRAINT \
                 `tenant_scm_integrations_verificationStatus_check`"
            }
        };
        let set = "UPDATE `tenant_scm_integrations` SET `verificationStatus` = 'BROKEN'";
        if given.db.backend == Backend::Sqlite {
            // One connection: the pragma belongs to it.
            given.execute(&format!("{widen}; {set}")).await;
        } else {
            given.execute(widen).await;
            given.execute(set).await;
        }
        let error = given.store.find_by_id(&scope("t1"), &row.id).await.err().unwrap();
        assert!(
            matches!(error, StoreError::Corrupt { column: "verificationStatus", .. }),
            "{error:?}"
        );
    }

    empty async fn a_missing_table_is_told_without_sql(db: TestDb) {
        let given = Given::on(db).await;
        let id = IntegrationId::parse("some_id").unwrap();
        let error = given.store.find_by_id(&scope("tenant_x"), &id).await.err().unwrap();
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
        assert!(error.source().unwrap().to_string().contains("schema"), "{}", shown(&error));
        for forbidden in ["SELECT", "select", "tenant_scm", "some_id", "tenant_x"] {
            assert!(!shown(&error).contains(forbidden), "{}", shown(&error));
        }
    }

    async fn no_error_shows_a_value(db: TestDb) {
        let given = Given::on(db).await;
        // A rule of the database's own that the store knows nothing of.
        given
            .execute("CREATE UNIQUE INDEX `own_rule` ON `tenant_scm_integrations` (`displayName`)")
            .await;
        given.created("t1", "https://github.com/a/b").await;
        let error = given
            .store
            .create(&by(&scope("t1")), new("t1", "https://github.com/a/c"))
            .await
            .err()
            .unwrap();
        assert!(!shown(&error).contains("Mobile"), "{}", shown(&error));
    }
}
