//! How the database stores and compares text.

use scm_store::DatabaseFacts;

use super::report::Check;

/// The table and its columns that may be as their parents in a platform's database are.
const TABLE: &str = "tenant_scm_integrations";
const LIKE_PARENTS: [&str; 2] = ["tenantId", "createdByAccountId"];

/// So many columns are named; all are counted.
const NAMED: usize = 5;

pub(super) fn look(facts: &DatabaseFacts) -> Check {
    let name = "encoding";
    let encoding = &facts.encoding;
    let is_mysql = facts.max_packet.is_some();
    let (parents, odd): (Vec<_>, Vec<_>) = facts
        .odd_columns
        .iter()
        .partition(|odd| odd.table == TABLE && LIKE_PARENTS.contains(&odd.column.as_str()));
    let named = |columns: &[&scm_store::OddColumn]| {
        let names = columns.iter().take(NAMED);
        let names = names.map(|odd| format!("{}.{} ({})", odd.table, odd.column, odd.collation));
        let names: Vec<_> = names.collect();
        let more = if columns.len() > NAMED { ", …" } else { "" };
        format!("{}{more}", names.join(", "))
    };
    let fix = if is_mysql {
        "stop the servers, and for each of the tables: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 \
         COLLATE utf8mb4_bin"
    } else {
        "stop the servers, and for each of the columns: ALTER TABLE … ALTER COLUMN … TYPE … COLLATE \"C\""
    };
    let check = if odd.iter().any(|odd| odd.loses_text) {
        let lossy: Vec<_> = odd.iter().copied().filter(|odd| odd.loses_text).collect();
        let said = format!("columns that cannot hold every script: {}", named(&lossy));
        Check::fail(name, said, fix)
    } else if !is_mysql && !["UTF8", "UTF-8"].contains(&encoding.as_str()) {
        Check::fail(
            name,
            format!("the database's encoding is {encoding}: it cannot hold every script"),
            "make a database with the encoding UTF8 and move there: scm-server export, import",
        )
    } else if !odd.is_empty() {
        let said = format!("columns that are not compared by byte: {}", named(&odd));
        Check::warn(name, said, fix)
    } else if !parents.is_empty() {
        let said = format!(
            "columns that are compared as their parents are: {}",
            named(&parents)
        );
        let fix = "nothing, if foreign keys hold them to the platform's tables; ids that differ by case \
                   alone must not occur there";
        Check::warn(name, said, fix)
    } else if is_mysql && encoding != "utf8mb4" {
        Check::warn(
            name,
            format!("the database's character set is {encoding}; its tables are utf8mb4"),
            "ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, for what others make in it",
        )
    } else {
        Check::ok(name, format!("text is {encoding} and compared by byte"))
    };
    check
        .detail("encoding", encoding.clone())
        .detail("oddColumns", facts.odd_columns.len())
}
