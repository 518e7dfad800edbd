//! One chain, from its first row to its end.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IdenStatic, Order, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait,
};

use super::{AuditFault, AuditHead, AuditStep};
use crate::{
    StoreError,
    controller::audit::chain::{GENESIS, Link},
    entity::{
        scm_audit_head as head,
        scm_audit_log::{Column, Entity, Model},
    },
    query::Bounded,
};

const ROWS_AT_A_TIME: u64 = 500;

/// How often the end is looked for that others move on meanwhile. What they added up to then is
/// whole; the rest is the next run's.
const ROUNDS: usize = 50;

pub(super) struct Walk<'a> {
    db: &'a Bounded,
    tenant: &'a str,
    known: Vec<&'a AuditHead>,
    watch: &'a mut (dyn FnMut(AuditStep<'_>) + Send),
    /// The last row, as it stands there.
    at: AuditHead,
    /// Where the next page starts.
    read_to: Option<i64>,
    /// False behind a gap: what the next row follows from is not there.
    linked: bool,
    rows: u64,
    faults: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        db: &'a Bounded,
        tenant: &'a str,
        known: Vec<&'a AuditHead>,
        watch: &'a mut (dyn FnMut(AuditStep<'_>) + Send),
    ) -> Self {
        Self {
            db,
            tenant,
            known,
            watch,
            at: AuditHead {
                sequence: 0,
                hash: GENESIS.to_owned(),
            },
            read_to: None,
            linked: true,
            rows: 0,
            faults: 0,
        }
    }

    /// How many rows there are, how much is wrong with them, and the last one.
    pub(super) fn end(self) -> (u64, u64, AuditHead) {
        (self.rows, self.faults, self.at)
    }

    pub(super) async fn run(&mut self) -> Result<(), StoreError> {
        // Read before the rows: whatever it names was there then.
        let mut head = self.head().await?;
        for _ in 0..ROUNDS {
            self.read_on(head.as_ref()).await?;
            let Some(named) = head.as_ref().map(|head| head.sequence) else {
                self.fault(self.at.sequence, AuditFault::NoHead);
                break;
            };
            if named > self.at.sequence {
                self.fault(self.at.sequence + 1, AuditFault::CutOff);
                break;
            }
            if named == self.at.sequence {
                break;
            }
            // Rows were added meanwhile, or by hand: the head as it is now knows.
            head = self.head().await?;
            let now = head.as_ref().map_or(named, |head| head.sequence);
            if now < self.at.sequence {
                self.fault(now + 1, AuditFault::BehindHead);
                break;
            }
            if now == self.at.sequence {
                self.compare_with(head.as_ref());
                break;
            }
        }
        let at = self.at.sequence;
        let lost: Vec<_> = self.known.iter().map(|known| known.sequence).collect();
        for sequence in lost.into_iter().filter(|sequence| *sequence > at) {
            self.fault(sequence, AuditFault::NotAsKnown);
        }
        Ok(())
    }

    async fn head(&mut self) -> Result<Option<AuditHead>, StoreError> {
        let select = head::Entity::find().filter(head::Column::TenantId.eq(self.tenant));
        let found = self.db.run(|pool| select.clone().one(pool)).await?;
        Ok(found.map(|found| AuditHead {
            sequence: found.sequence,
            hash: found.hash,
        }))
    }

    /// Reads on until there is no more.
    async fn read_on(&mut self, head: Option<&AuditHead>) -> Result<(), StoreError> {
        if self.rows == 0 {
            self.compare_with(head);
        }
        loop {
            let rows = self.page().await?;
            for row in &rows {
                self.row(row, head);
            }
            if (rows.len() as u64) < ROWS_AT_A_TIME {
                return Ok(());
            }
        }
    }

    async fn page(&mut self) -> Result<Vec<QueryResult>, StoreError> {
        let mut select = Entity::find()
            .filter(Column::TenantId.eq(self.tenant))
            .order_by(Column::Sequence, Order::Asc)
            .limit(ROWS_AT_A_TIME);
        if let Some(last) = self.read_to {
            select = select.filter(Column::Sequence.gt(last));
        }
        let select = select.into_query();
        self.db.run(|pool| pool.query_all(&select)).await
    }

    fn row(&mut self, found: &QueryResult, head: Option<&AuditHead>) {
        self.rows += 1;
        let sequence: Option<i64> = found.try_get("", Column::Sequence.as_str()).ok();
        let sequence = sequence.unwrap_or(self.at.sequence + 1);
        self.read_to = Some(sequence);
        if sequence <= self.at.sequence {
            // Before the first one.
            self.fault(sequence, AuditFault::Changed);
            return;
        }
        let missing = sequence - self.at.sequence - 1;
        if missing > 0 {
            self.fault(sequence, AuditFault::Missing { rows: missing });
            self.linked = false;
        }
        let Ok(row) = Model::from_query_result(found, "") else {
            self.fault(sequence, AuditFault::Unreadable);
            self.at.sequence = sequence;
            self.linked = false;
            return;
        };
        if self.linked && hash_of(&row, &self.at.hash) != row.hash {
            self.fault(sequence, AuditFault::Changed);
        }
        self.linked = true;
        self.at = AuditHead {
            sequence,
            hash: row.hash,
        };
        self.compare_with(head);
        let changed = |known: &&AuditHead| known.sequence == sequence && known.hash != self.at.hash;
        if self.known.iter().any(changed) {
            self.fault(sequence, AuditFault::NotAsKnown);
        }
    }

    /// Compares with the head, where that is what it names.
    fn compare_with(&mut self, head: Option<&AuditHead>) {
        let differs =
            |head: &AuditHead| head.sequence == self.at.sequence && head.hash != self.at.hash;
        if head.is_some_and(differs) {
            self.fault(self.at.sequence, AuditFault::HeadChanged);
        }
    }

    fn fault(&mut self, sequence: i64, fault: AuditFault) {
        self.faults += 1;
        (self.watch)(AuditStep::Fault {
            tenant: self.tenant,
            sequence,
            fault,
        });
    }
}

/// What a row's hash has to be behind the row with `previous`.
fn hash_of(row: &Model, previous: &str) -> String {
    Link {
        previous,
        tenant: &row.tenant_id,
        sequence: row.sequence,
        at: row.at.timestamp_millis(),
        integration: &row.integration_id,
        action: &row.action,
        purpose: row.purpose.as_deref(),
        outcome: &row.outcome,
        code: row.code.as_deref(),
        actor_type: &row.actor_type,
        actor_id: &row.actor_id,
        request_id: row.request_id.as_deref(),
        detail: row.detail.as_deref(),
    }
    .hash()
}
