//! Whether the chains are whole: for the operator's command. Here is no scope.
//!
//! - Every row is hashed anew and has to follow from the one before it, and the last one has to be
//!   the one that the head names.
//! - It can run while others write: what they add meanwhile is looked at, too. The memory that it
//!   takes does not grow with the log.
//! - Whoever can write to both tables can make a chain anew that is whole. Against that helps a
//!   head that was kept elsewhere: [`AuditVerifyOptions::known`].

mod walk;

use std::fmt;

use scm_types::AuditChain;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::SelectStatement,
};

use self::walk::Walk;
use crate::{
    StoreError,
    canary::bounded,
    entity::{scm_audit_head as head, scm_audit_log as log},
    query::Bounded,
};

/// The end of a chain, or a row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The row's place; 0 in a chain without rows.
    pub sequence: i64,
    /// The row's hash.
    pub hash: String,
}

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct AuditVerifyOptions {
    /// This chain and no other.
    pub chain: Option<AuditChain>,
    /// Rows that were kept elsewhere, and have to be there still.
    pub known: Vec<(AuditChain, AuditHead)>,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditFault {
    /// The row was changed, or does not follow from the row before it.
    Changed,
    /// Rows between this one and the last one before it are missing.
    Missing {
        /// How many.
        rows: i64,
    },
    /// The row cannot be read.
    Unreadable,
    /// The rows from this one on are missing: the head names a later one.
    CutOff,
    /// The row stands behind the one that the head names.
    BehindHead,
    /// The head names this row with another hash.
    HeadChanged,
    /// There is no head.
    NoHead,
    /// The row is not the one that was kept elsewhere, or is missing.
    NotAsKnown,
}

impl AuditFault {
    /// A stable word for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing { .. } => "missing",
            Self::Unreadable => "unreadable",
            Self::CutOff => "cut_off",
            Self::BehindHead => "behind_head",
            Self::HeadChanged => "head_changed",
            Self::NoHead => "no_head",
            Self::NotAsKnown => "not_as_known",
        }
    }
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "was changed, or does not follow from the row before it",
            Self::Missing { rows: 1 } => "the row before it is missing",
            Self::Missing { rows } => return write!(f, "the {rows} rows before it are missing"),
            Self::Unreadable => "cannot be read",
            Self::CutOff => "is missing, with all behind it: the end was cut off",
            Self::BehindHead => "stands behind the end: it was added by hand, or the head set back",
            Self::HeadChanged => "is not the row that the head names",
            Self::NoHead => "is the last one, and there is no head",
            Self::NotAsKnown => "is not the row that is known from elsewhere",
        })
    }
}

/// Where it is, for whoever watches.
#[derive(Debug, Clone, Copy)]
pub enum AuditStep<'a> {
    /// Something is wrong.
    Fault {
        /// Whose chain it is.
        tenant: &'a str,
        /// At which row.
        sequence: i64,
        /// What.
        fault: AuditFault,
    },
    /// A chain was looked at to its end.
    Chain {
        /// Whose it is.
        tenant: &'a str,
        /// How many rows it has.
        rows: u64,
        /// How many things are wrong with it.
        faults: u64,
        /// Its last row.
        end: &'a AuditHead,
    },
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditVerified {
    /// Chains that were looked at.
    pub chains: u64,
    /// Their rows.
    pub rows: u64,
    /// Chains that something is wrong with.
    pub broken: u64,
}

/// Looks at every chain, or at one tenant's, and tells `watch` what is wrong.
pub async fn verify_audit(
    db: &DatabaseConnection,
    options: &AuditVerifyOptions,
    watch: &mut (dyn FnMut(AuditStep<'_>) + Send),
) -> Result<AuditVerified, StoreError> {
    let mut run = Run {
        db: bounded(db),
        options,
        watch,
        done: AuditVerified::default(),
        last: None,
    };
    run.chains().await?;
    Ok(run.done)
}

struct Run<'a> {
    db: Bounded,
    options: &'a AuditVerifyOptions,
    watch: &'a mut (dyn FnMut(AuditStep<'_>) + Send),
    done: AuditVerified,
    /// The tenant that was looked at last.
    last: Option<String>,
}

impl Run<'_> {
    async fn chains(&mut self) -> Result<(), StoreError> {
        let options = self.options;
        if let Some(chain) = &options.chain {
            return self.chain(chain.as_str()).await;
        }
        while let Some(tenant) = self.next_tenant().await? {
            self.chain(&tenant).await?;
            self.last = Some(tenant);
        }
        Ok(())
    }

    /// The next one that has rows, a head, or a row that is known from elsewhere: a chain that was
    /// removed as a whole has only that.
    async fn next_tenant(&mut self) -> Result<Option<String>, StoreError> {
        let last = self.last.as_deref();
        let with_rows = first(&self.db, &tenants_of_rows(last)).await?;
        let with_head = first(&self.db, &tenants_of_heads(last)).await?;
        let known = self.options.known.iter();
        let known = known.map(|(tenant, _)| tenant.as_str().to_owned());
        let known = known.filter(|tenant| last.is_none_or(|last| tenant.as_str() > last));
        Ok(known.chain(with_rows).chain(with_head).min())
    }

    async fn chain(&mut self, tenant: &str) -> Result<(), StoreError> {
        let known = self.options.known.iter();
        let known = known.filter(|(of, _)| of.as_str() == tenant);
        let known = known.map(|(_, row)| row).collect();
        let mut walk = Walk::new(&self.db, tenant, known, self.watch);
        walk.run().await?;
        let (rows, faults, end) = walk.end();
        (self.watch)(AuditStep::Chain {
            tenant,
            rows,
            faults,
            end: &end,
        });
        self.done.chains += 1;
        self.done.rows += rows;
        self.done.broken += u64::from(faults > 0);
        Ok(())
    }
}

/// The tenant of the one row that a statement finds.
async fn first(db: &Bounded, select: &SelectStatement) -> Result<Option<String>, StoreError> {
    let found = db.run(|pool| pool.query_one(select)).await?;
    let tenant: Option<Result<String, DbErr>> = found.map(|row| row.try_get("", "tenantId"));
    tenant.transpose().map_err(|_| StoreError::Corrupt {
        table: log::TABLE,
        column: "tenantId",
        id: "(unreadable)".to_owned(),
    })
}

fn tenants_of_rows(last: Option<&str>) -> SelectStatement {
    let select = log::Entity::find()
        .select_only()
        .column(log::Column::TenantId)
        .order_by(log::Column::TenantId, Order::Asc)
        .limit(1);
    match last {
        Some(last) => select.filter(log::Column::TenantId.gt(last)).into_query(),
        None => select.into_query(),
    }
}

fn tenants_of_heads(last: Option<&str>) -> SelectStatement {
    let select = head::Entity::find()
        .select_only()
        .column(head::Column::TenantId)
        .order_by(head::Column::TenantId, Order::Asc)
        .limit(1);
    match last {
        Some(last) => select.filter(head::Column::TenantId.gt(last)).into_query(),
        None => select.into_query(),
    }
}
