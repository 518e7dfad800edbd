//! What is done to the log by hand is found.

use scm_store::AuditHead;

use super::*;

/// Six rows of one tenant, and one of another.
async fn chains(db: TestDb) -> Given {
    let given = Given::on(db).await;
    let row = given.created("t1", "https://github.com/a/b").await;
    for number in 2..=6 {
        let changes = renamed(&format!("n{number}"));
        given
            .store
            .update(&member(), &row.id, &changes, None)
            .await
            .unwrap()
            .unwrap();
    }
    given.created("t2", "https://github.com/a/b").await;
    assert_eq!(given.faults().await, [""; 0]);
    given
}

const FORGED: &str = "INSERT INTO `scm_audit_log` (`tenantId`, `sequence`, `at`, `integrationId`, \
                      `action`, `outcome`, `actorType`, `actorId`, `hash`) SELECT `tenantId`, 7, \
                      `at`, `integrationId`, `action`, `outcome`, `actorType`, `actorId`, `hash` \
                      FROM `scm_audit_log` WHERE `tenantId` = 't1' AND `sequence` = 6";

macro_rules! tampering {
    ($($name:ident: [$($sql:expr),+] => $want:expr;)+) => {$(
        on_every_database! {
            async fn $name(db: TestDb) {
                let given = chains(db).await;
                for sql in [$($sql),+] {
                    let changed = given.execute(sql).await;
                    assert!(changed > 0, "{sql}");
                }
                let want: &[&str] = &$want;
                assert_eq!(given.faults().await, want);
            }
        }
    )+};
}

tampering! {
    a_changed_detail: [
        "UPDATE `scm_audit_log` SET `detail` = '{\"fields\":[\"accessToken\"]}' WHERE `sequence` = 3"
    ] => ["t1 3 changed"];
    a_changed_actor: [
        "UPDATE `scm_audit_log` SET `actorId` = 'acc_8' WHERE `tenantId` = 't1' AND `sequence` = 1"
    ] => ["t1 1 changed"];
    an_erased_request: [
        "UPDATE `scm_audit_log` SET `requestId` = NULL WHERE `sequence` = 2"
    ] => ["t1 2 changed"];
    a_changed_hash: [
        "UPDATE `scm_audit_log` SET `hash` = REPLACE(`hash`, SUBSTR(`hash`, 1, 1), 'x') WHERE `sequence` = 4"
    ] => ["t1 4 changed", "t1 5 changed"];
    a_row_gone_from_the_middle: [
        "DELETE FROM `scm_audit_log` WHERE `sequence` = 3"
    ] => ["t1 4 missing"];
    a_row_gone_and_the_gap_closed: [
        "DELETE FROM `scm_audit_log` WHERE `sequence` = 3",
        "UPDATE `scm_audit_log` SET `sequence` = 3 WHERE `sequence` = 4",
        "UPDATE `scm_audit_log` SET `sequence` = 4 WHERE `sequence` = 5",
        "UPDATE `scm_audit_log` SET `sequence` = 5 WHERE `sequence` = 6",
        "UPDATE `scm_audit_heads` SET `sequence` = 5 WHERE `tenantId` = 't1'"
    ] => ["t1 3 changed", "t1 4 changed", "t1 5 changed"];
    the_first_row_gone: [
        "DELETE FROM `scm_audit_log` WHERE `sequence` = 1 AND `tenantId` = 't1'"
    ] => ["t1 2 missing"];
    the_last_row_gone: [
        "DELETE FROM `scm_audit_log` WHERE `sequence` = 6"
    ] => ["t1 6 cut_off"];
    all_rows_gone: [
        "DELETE FROM `scm_audit_log` WHERE `tenantId` = 't1'"
    ] => ["t1 1 cut_off"];
    two_rows_swapped: [
        "UPDATE `scm_audit_log` SET `sequence` = 99 WHERE `sequence` = 3",
        "UPDATE `scm_audit_log` SET `sequence` = 3 WHERE `sequence` = 4",
        "UPDATE `scm_audit_log` SET `sequence` = 4 WHERE `sequence` = 99"
    ] => ["t1 3 changed", "t1 4 changed", "t1 5 changed"];
    a_row_added_by_hand: [
        FORGED
    ] => ["t1 7 changed", "t1 7 behind_head"];
    a_row_added_with_the_head: [
        FORGED,
        "UPDATE `scm_audit_heads` SET `sequence` = 7 WHERE `tenantId` = 't1'"
    ] => ["t1 7 changed"];
    a_head_set_back: [
        "UPDATE `scm_audit_heads` SET `sequence` = 4 WHERE `tenantId` = 't1'"
    ] => ["t1 4 head_changed", "t1 5 behind_head"];
    a_head_set_forward: [
        "UPDATE `scm_audit_heads` SET `sequence` = 9 WHERE `tenantId` = 't1'"
    ] => ["t1 7 cut_off"];
    a_head_with_another_hash: [
        "UPDATE `scm_audit_heads` SET `hash` = 'x' WHERE `tenantId` = 't2'"
    ] => ["t2 1 head_changed"];
    a_head_gone: [
        "DELETE FROM `scm_audit_heads` WHERE `tenantId` = 't1'"
    ] => ["t1 6 no_head"];
    rows_given_to_another_tenant: [
        "UPDATE `scm_audit_log` SET `tenantId` = 't3' WHERE `tenantId` = 't2'"
    ] => ["t2 1 cut_off", "t3 1 changed", "t3 1 no_head"];
    a_row_before_the_first: [
        "UPDATE `scm_audit_log` SET `sequence` = 0 WHERE `sequence` = 1 AND `tenantId` = 't1'"
    ] => ["t1 0 changed", "t1 2 missing"];
}

on_every_database! {
    async fn a_row_that_cannot_be_read(db: TestDb) {
        let given = chains(db).await;
        if given.db.backend != Backend::Sqlite {
            // The others keep what is no time, and what is no text, out of the columns.
            return;
        }
        given.execute("UPDATE `scm_audit_log` SET `at` = 'soon' WHERE `sequence` = 3").await;
        assert_eq!(given.faults().await, ["t1 3 unreadable"]);
    }

    async fn a_chain_that_was_made_anew_is_not_the_one_that_is_known(db: TestDb) {
        let given = chains(db).await;
        let hash = |sql: &'static str| {
            let given = &given;
            async move { given.rows(sql).await[0].try_get_by_index::<String>(0).unwrap() }
        };
        let second = hash("SELECT `hash` FROM `scm_audit_log` WHERE `tenantId` = 't1' AND `sequence` = 2").await;
        let last = hash("SELECT `hash` FROM `scm_audit_heads` WHERE `tenantId` = 't1'").await;
        let known = |tenant_id: &str, sequence, hash: &str| {
            (tenant(tenant_id).into(), AuditHead { sequence, hash: hash.to_owned() })
        };
        let kept = AuditVerifyOptions {
            chain: None,
            known: vec![known("t1", 2, &second), known("t1", 6, &last)],
        };
        assert_eq!(given.faults_of(&kept).await, [""; 0]);
        // The end is cut off and the head moved with it: the rows that are left are a chain.
        given.execute("DELETE FROM `scm_audit_log` WHERE `sequence` > 5").await;
        given.execute(
            "UPDATE `scm_audit_heads` SET `sequence` = 5, `hash` = (SELECT `hash` FROM `scm_audit_log` \
             WHERE `tenantId` = 't1' AND `sequence` = 5) WHERE `tenantId` = 't1'",
        ).await;
        assert_eq!(given.faults().await, [""; 0]);
        assert_eq!(given.faults_of(&kept).await, ["t1 6 not_as_known"]);
        let wrong = AuditVerifyOptions { chain: Some(tenant("t1").into()), known: vec![known("t1", 2, &last)] };
        assert_eq!(given.faults_of(&wrong).await, ["t1 2 not_as_known"]);
        // All of it is gone.
        given.execute("DELETE FROM `scm_audit_log`").await;
        given.execute("DELETE FROM `scm_audit_heads`").await;
        assert_eq!(given.faults().await, [""; 0]);
        assert_eq!(given.faults_of(&kept).await, ["t1 0 no_head", "t1 2 not_as_known", "t1 6 not_as_known"]);
    }

    async fn one_tenant_alone_is_looked_at(db: TestDb) {
        let given = chains(db).await;
        given.execute("DELETE FROM `scm_audit_log` WHERE `sequence` = 3").await;
        let only = |tenant_id| AuditVerifyOptions { chain: Some(tenant(tenant_id).into()), known: Vec::new() };
        assert_eq!(given.faults_of(&only("t2")).await, [""; 0]);
        assert_eq!(given.faults_of(&only("t1")).await, ["t1 4 missing"]);
    }
}
