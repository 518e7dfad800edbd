//! Statements and connections of the database. No statement is told from another: their texts are
//! this program's, but there are many. In a trace each is a span, by what it does and the table.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use scm_store::{DatabaseConnection, EndedStatement, pool_usage, watch_statements};
use scm_trace::{SpanKind, Tracer};

/// From an index on a warm page to the limit of a statement.
const SECONDS: [f64; 10] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.5, 10.0,
];

/// Counts what the connection does from now on, and tells the trace that it belongs to; clones that were
/// made before are not counted. Without a registry nothing is counted, and nothing is measured if there
/// are no traces either.
pub(crate) fn watch(
    db: &mut DatabaseConnection,
    registry: Option<&Registry>,
    tracer: &Tracer,
) -> Result<(), prometheus::Error> {
    let counted = registry.map(count).transpose()?;
    let records = tracer.records();
    if counted.is_some() || records {
        watch_statements(db, move |statement| {
            if let Some(counted) = &counted {
                counted.count(&statement);
            }
            if records {
                trace(&statement);
            }
        });
    }
    registry.map_or(Ok(()), |registry| {
        registry.register(Box::new(Pool::new(db.clone())?))
    })
}

/// Statements, counted.
struct Counted {
    done: IntCounter,
    failed: IntCounter,
    seconds: Histogram,
}

impl Counted {
    fn count(&self, statement: &EndedStatement<'_>) {
        if statement.has_failed {
            &self.failed
        } else {
            &self.done
        }
        .inc();
        self.seconds.observe(statement.took.as_secs_f64());
    }
}

fn trace(statement: &EndedStatement<'_>) {
    scm_trace::passed(
        SpanKind::Client,
        statement.took,
        statement.has_failed,
        || {
            let operation = statement.operation();
            let mut known = vec![("db.operation.name", operation.into())];
            let Some(table) = statement.table() else {
                return (operation.into(), known);
            };
            known.push(("db.collection.name", table.to_owned().into()));
            (format!("{operation} {table}").into(), known)
        },
    );
}

fn count(registry: &Registry) -> Result<Counted, prometheus::Error> {
    let statements = IntCounterVec::new(
        Opts::new(
            "scm_database_statements_total",
            "Statements of the database, by whether it carried them out; a duplicate that it \
             refuses is a failed one",
        ),
        &["outcome"],
    )?;
    let seconds = HistogramOpts::new(
        "scm_database_statement_seconds",
        "How long statements took, without the wait for a connection",
    );
    let seconds = Histogram::with_opts(seconds.buckets(SECONDS.to_vec()))?;
    registry.register(Box::new(statements.clone()))?;
    registry.register(Box::new(seconds.clone()))?;
    Ok(Counted {
        done: statements.with_label_values(&["done"]),
        failed: statements.with_label_values(&["failed"]),
        seconds,
    })
}

/// Looks at the pool when it is asked.
struct Pool {
    db: DatabaseConnection,
    connections: IntGaugeVec,
}

impl Pool {
    fn new(db: DatabaseConnection) -> Result<Self, prometheus::Error> {
        let connections = IntGaugeVec::new(
            Opts::new(
                "scm_database_connections",
                "Connections to the database: used, idle, and how many there may be at the most",
            ),
            &["state"],
        )?;
        Ok(Self { db, connections })
    }
}

impl Collector for Pool {
    fn desc(&self) -> Vec<&Desc> {
        self.connections.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let usage = pool_usage(&self.db);
        for (state, connections) in [
            ("used", usage.used),
            ("idle", usage.idle),
            ("most", usage.most),
        ] {
            let gauge = self.connections.with_label_values(&[state]);
            gauge.set(i64::from(connections));
        }
        self.connections.collect()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;
    use scm_store::{ConnectOptions, connect, ping};

    use super::*;

    #[tokio::test]
    async fn statements_and_connections_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("db").display());
        let mut db = connect(&url, &ConnectOptions::default()).await.unwrap();
        let registry = Registry::new();
        let tracer = Tracer::default();
        watch(&mut db, Some(&registry), &tracer).unwrap();
        ping(&db).await.unwrap();
        ping(&db.clone()).await.unwrap();
        let text = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        for line in [
            "scm_database_statements_total{outcome=\"done\"} 2",
            "scm_database_statements_total{outcome=\"failed\"} 0",
            "scm_database_statement_seconds_count 2",
            "scm_database_connections{state=\"most\"} 8",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}:\n{text}");
        }
        assert!(watch(&mut db, Some(&registry), &tracer).is_err());
        watch(&mut db, None, &tracer).unwrap();
    }
}
