//! Rows from one database into another: every kind of cell comes over as it was, between all kinds of
//! database, in rows of any size.

use scm_migrations::ColumnKind;
use scm_store::{
    Cell, CellKind, ConnectOptions, ExportHeader, ExportItem, ExportReader, ExportWriter, Row,
    RowReader, RowWriter, TableDigest, TableShape, TransferError, connect,
};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::Timestamp;

fn shapes() -> Vec<TableShape> {
    let tables = scm_migrations::tables().into_iter();
    tables
        .map(|table| TableShape {
            name: table.name.to_owned(),
            columns: table
                .columns
                .iter()
                .map(|column| {
                    let kind = match column.kind {
                        ColumnKind::Text => CellKind::Text,
                        ColumnKind::Number => CellKind::Number,
                        ColumnKind::Flag => CellKind::Flag,
                        ColumnKind::Time => CellKind::Time,
                    };
                    (column.name.to_owned(), kind)
                })
                .collect(),
        })
        .collect()
}

fn shape(name: &str) -> TableShape {
    let found = shapes().into_iter().find(|shape| shape.name == name);
    found.unwrap()
}

/// A word that an enumeration takes, where a column is one.
fn word(table: &str, column: &str) -> Option<&'static str> {
    Some(match (table, column) {
        ("tenant_scm_integrations", "scmType") => "GITLAB",
        ("tenant_scm_integrations", "verificationStatus") => "EXPIRED",
        ("scm_api_keys", "role") => "viewer",
        ("scm_credential_renewals", "state") => "in_flight",
        ("scm_idempotency_keys", "state") => "done",
        ("scm_known_refs", "source") => "reconciled",
        ("scm_webhook_deliveries", "state") => "dead",
        _ => return None,
    })
}

/// A row for every table, and one with nothing where nothing may stand: each cell is made of its place.
fn full_row(shape: &TableShape, number: i64) -> Row {
    let cells = shape
        .columns
        .iter()
        .enumerate()
        .map(|(place, (column, kind))| {
            let place = i64::try_from(place).unwrap();
            match kind {
                CellKind::Text => Cell::Text(match word(&shape.name, column) {
                    Some(word) => word.to_owned(),
                    // Cased, quoted and beyond the basic plane.
                    None => format!("{number}-{place}-aA'\"\\%_日🦀"),
                }),
                CellKind::Number => Cell::Number(number * 100 + place),
                CellKind::Flag => Cell::Flag(number % 2 == 0),
                // With and without a fraction; before and after 1970.
                CellKind::Time => {
                    let millis = 1_801_386_000_000 + number * 501 - place * 86_400_000_000;
                    Cell::Time(Timestamp::from_millis(millis).unwrap())
                }
            }
        });
    Row(cells.collect())
}

async fn written(db: &TestDb, shape: &TableShape, rows: Vec<Row>) {
    let pool = connect(&db.url, &ConnectOptions::default()).await.unwrap();
    RowWriter::new(pool).insert(shape, rows).await.unwrap();
}

async fn read(db: &TestDb, shape: &TableShape) -> (Vec<Row>, TableDigest) {
    let mut reader = RowReader::open(&db.url).await.unwrap();
    let (mut rows, mut digest) = (Vec::new(), TableDigest::default());
    let mut take = |row: Row| {
        digest.add(&row.line());
        rows.push(row);
        Ok(())
    };
    reader.each(shape, &mut take).await.unwrap();
    assert_eq!(reader.count(shape).await.unwrap(), digest.rows());
    reader.close().await;
    (rows, digest)
}

on_every_database! {
    async fn every_table_comes_over_from_every_kind(db: TestDb) {
        let shapes = shapes();
        for shape in &shapes {
            let rows: Vec<_> = (1..=3).map(|number| full_row(shape, number)).collect();
            written(&db, shape, rows).await;
        }
        for into in Backend::ALL {
            let Some(target) = TestDb::migrated(into).await else {
                continue;
            };
            for shape in &shapes {
                let (rows, digest) = read(&db, shape).await;
                assert_eq!(digest.rows(), 3, "{}", shape.name);
                assert!(rows.contains(&full_row(shape, 2)), "{}", shape.name);
                written(&target, shape, rows).await;
                let (_, again) = read(&target, shape).await;
                assert_eq!(again, digest, "{} from {} into {into}", shape.name, db.backend);
            }
        }
    }

    async fn what_is_nothing_stays_nothing(db: TestDb) {
        let shape = shape("scm_jobs");
        let mut row = full_row(&shape, 1);
        for (cell, (column, _)) in row.0.iter_mut().zip(&shape.columns) {
            match column.as_str() {
                "tenantId" | "owner" | "lastError" | "payload" => *cell = Cell::Null,
                "host" => *cell = Cell::Text(String::new()),
                _ => {}
            }
        }
        written(&db, &shape, vec![row.clone()]).await;
        assert_eq!(read(&db, &shape).await.0, [row]);
    }

    async fn a_reader_sees_one_moment(db: TestDb) {
        let shape = shape("scm_known_refs");
        written(&db, &shape, vec![full_row(&shape, 1)]).await;
        let mut reader = RowReader::open(&db.url).await.unwrap();
        assert_eq!(reader.count(&shape).await.unwrap(), 1);
        written(&db, &shape, vec![full_row(&shape, 2)]).await;
        assert_eq!(reader.count(&shape).await.unwrap(), 1, "nor does it keep the writer waiting");
        reader.close().await;
        assert_eq!(read(&db, &shape).await.0.len(), 2);
    }

    async fn rows_that_do_not_fit_are_refused_as_a_whole(db: TestDb) {
        let shape = shape("scm_jobs");
        written(&db, &shape, vec![full_row(&shape, 1)]).await;
        let pool = connect(&db.url, &ConnectOptions::default()).await.unwrap();
        let rows = vec![full_row(&shape, 2), full_row(&shape, 1)];
        let error = RowWriter::new(pool).insert(&shape, rows).await.unwrap_err();
        assert!(matches!(&error, TransferError::Table { table, .. } if table == "scm_jobs"));
        assert!(!format!("{error:?}").contains("aA"), "no value is told");
        assert_eq!(read(&db, &shape).await.0.len(), 1);
    }
}

#[test]
fn a_file_and_what_it_gives_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.jsonl");
    let shapes = vec![shape("scm_known_refs"), shape("scm_ref_checks")];
    let header = ExportHeader {
        revision: "m1".to_owned(),
        made_at: Timestamp::EPOCH,
        program: "0.0.0".to_owned(),
    };
    let mut writer = ExportWriter::create(&path, &header).unwrap();
    // An interrupted run has left its draft: it is replaced.
    drop(writer);
    writer = ExportWriter::create(&path, &header).unwrap();
    assert!(!path.exists(), "it has no name before it is whole");
    let row = full_row(&shapes[0], 1);
    writer.table(&shapes[0]).unwrap();
    writer.row(&shapes[0], &row).unwrap();
    writer.end_table().unwrap();
    writer.table(&shapes[1]).unwrap();
    writer.end_table().unwrap();
    assert_eq!(writer.finish().unwrap(), 1);
    assert!(matches!(
        ExportWriter::create(&path, &header),
        Err(TransferError::Exists(_))
    ));

    let mut reader = ExportReader::open(&path, shapes).unwrap();
    assert_eq!(*reader.header(), header);
    let mut digest = TableDigest::default();
    digest.add(&row.line());
    let line = row.line();
    for want in [
        ExportItem::Table(0),
        ExportItem::Row(row, line),
        ExportItem::EndTable(digest),
        ExportItem::Table(1),
        ExportItem::EndTable(TableDigest::default()),
    ] {
        assert_eq!(reader.item().unwrap(), want);
    }
    assert!(matches!(reader.item().unwrap(), ExportItem::End(_)));
    let names = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 1, "no draft is left");
}
