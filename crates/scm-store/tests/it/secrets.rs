//! Secrets at rest: sealed, bound to their place, never in the file.

use scm_store::{Cipher, SecretPlace, StoreError};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{Patch, Purpose, RefreshToken, UpdateScmIntegrationDto};

use crate::given::{Given, KEYS, OTHER_KEYS, by, cipher, fresh_cipher, new, scope, token};

const PLACE: SecretPlace<'static> = SecretPlace {
    table: "t",
    column: "c",
    row: "r",
    tenant: "x",
};

on_every_database! {
    async fn a_sealed_value_does_not_open_elsewhere(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let sibling = given.created("t1", "https://github.com/a/c").await;
        let foreign = given.created("t2", "https://github.com/a/b").await;
        let access = given.text("accessToken", &row.id).await.unwrap();
        let refresh = given.text("refreshToken", &row.id).await.unwrap();
        assert!(access.starts_with("v1.k1.") && !access.contains("ghp"));
        assert_ne!(access, given.text("accessToken", &sibling.id).await.unwrap());

        let set = async |id: &scm_types::IntegrationId, column: &str, value: &str| {
            let sql = format!(
                "UPDATE `tenant_scm_integrations` SET `{column}` = '{value}' WHERE `id` = '{id}'"
            );
            assert_eq!(given.execute(&sql).await, 1);
        };
        // To another row, another tenant, another column of the same row, and as plain text.
        set(&sibling.id, "accessToken", &access).await;
        set(&foreign.id, "accessToken", &access).await;
        for (scope, id) in [(scope("t1"), &sibling.id), (scope("t2"), &foreign.id)] {
            let result = given.store.find_with_secrets(&by(&scope), id, Purpose::Read).await.err().unwrap();
            assert!(
                matches!(&result, StoreError::Unreadable { column: "accessToken", id: row, .. }
                    if row == id.as_str()),
                "{result:?}"
            );
        }
        for (column, value) in [("accessToken", refresh.as_str()), ("refreshToken", "ghr_plain")] {
            set(&row.id, column, value).await;
            let result = given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.err().unwrap();
            assert!(
                matches!(result, StoreError::Unreadable { table: "tenant_scm_integrations", .. }),
                "{result:?}"
            );
            set(&row.id, "accessToken", &access).await;
        }
        set(&row.id, "refreshToken", &refresh).await;
        let opened = given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_first");
        // Reading without secrets does not touch them.
        given.found(&sibling).await;
    }

    async fn a_row_moved_to_another_tenant_does_not_open(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given.execute("UPDATE `tenant_scm_integrations` SET `tenantId` = 't2'").await;
        let result = given.store.find_with_secrets(&by(&scope("t2")), &row.id, Purpose::Read).await.err().unwrap();
        assert!(matches!(result, StoreError::Unreadable { .. }), "{result:?}");
    }

    async fn other_keys_do_not_open(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        for keys in [OTHER_KEYS, "other AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"] {
            let store = given.with_keys(keys);
            let result = store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.err().unwrap();
            assert!(matches!(result, StoreError::Unreadable { .. }), "{result:?}");
            let text = format!("{result} {result:?}");
            assert!(!text.contains("v1.") && !text.contains("k1"), "{text}");
        }
    }

    async fn old_keys_go_on_opening_after_a_rotation(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let rotated = KEYS.replace('*', " ") + "* k2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";
        let store = given.with_keys(&rotated);
        let changes = UpdateScmIntegrationDto {
            refresh_token: Patch::Value(RefreshToken::parse("ghr_second").unwrap()),
            ..UpdateScmIntegrationDto::default()
        };
        store.update(&by(&scope("t1")), &row.id, &changes, None).await.unwrap();
        assert!(given.text("refreshToken", &row.id).await.unwrap().starts_with("v1.k2."));
        let opened = store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_first");
        assert_eq!(opened.refresh_token.unwrap().expose(), "ghr_second");
    }
}

#[tokio::test]
async fn the_files_hold_no_secret() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let given = Given::on(db).await;
    let secret = "ghp_MARKERMARKERMARKER";
    let mut wanted = new("t1", "https://github.com/a/b");
    wanted.access_token = Some(token(secret));
    wanted.refresh_token = Some(RefreshToken::parse("ghr_MARKERMARKERMARKER").unwrap());
    let row = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
    let changes = UpdateScmIntegrationDto {
        access_token: Patch::Value(token("ghp_second_MARKERMARKERMARKER")),
        ..UpdateScmIntegrationDto::default()
    };
    given
        .store
        .update(&by(&scope("t1")), &row.id, &changes, None)
        .await
        .unwrap();
    let mut looked_at = 0;
    for file in std::fs::read_dir(given.db.directory().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        looked_at += bytes.len();
        assert!(!bytes.windows(12).any(|window| window == b"MARKERMARKER"));
    }
    assert!(looked_at > 10_000);
    // Known to be readable there, or the search above proves nothing.
    let all: Vec<u8> = std::fs::read_dir(given.db.directory().unwrap())
        .unwrap()
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(all.windows(10).any(|window| window == b"Mobile App"));
}

#[test]
fn every_changed_character_is_noticed() {
    let cipher = cipher(KEYS);
    let sealed = cipher.seal(&PLACE, "ghp_secret").unwrap();
    assert_eq!(*cipher.open(&PLACE, &sealed).unwrap(), "ghp_secret");
    for at in 0..sealed.len() {
        for with in ["A", "B", ".", "", "é", "AA"] {
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, with);
            if changed != sealed {
                assert!(cipher.open(&PLACE, &changed).is_err(), "{at} {with}");
            }
        }
    }
    for cut in 0..sealed.len() {
        assert!(cipher.open(&PLACE, &sealed[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn places_cannot_be_confused() {
    let cipher = cipher(KEYS);
    let sealed = cipher.seal(&PLACE, "x").unwrap();
    for place in [
        SecretPlace {
            table: "tr",
            row: "",
            ..PLACE
        },
        SecretPlace {
            row: "rc",
            column: "",
            ..PLACE
        },
        SecretPlace {
            column: "cx",
            tenant: "",
            ..PLACE
        },
        SecretPlace {
            tenant: "X",
            ..PLACE
        },
        SecretPlace { row: "R", ..PLACE },
    ] {
        assert!(cipher.open(&place, &sealed).is_err(), "{place:?}");
    }
}

#[test]
fn sealing_is_random_and_takes_any_length() {
    let cipher: Cipher = fresh_cipher();
    for secret in [String::new(), "ü🚀".to_owned(), "x".repeat(16 * 1024)] {
        let (one, two) = (
            cipher.seal(&PLACE, &secret).unwrap(),
            cipher.seal(&PLACE, &secret).unwrap(),
        );
        assert_ne!(one, two);
        assert_eq!(*cipher.open(&PLACE, &one).unwrap(), secret);
        // What the TEXT column of MySQL holds.
        assert!(one.len() < 65_535);
    }
}

/// Values sealed once must open for ever. This one was made apart, by the rules alone: HKDF with the
/// salt `scm-store/data-key/v1`, AES-256-GCM, and the place as lengths and bytes.
#[test]
fn the_format_does_not_change() {
    let sealed = include_str!("sealed_v1.txt").trim();
    assert_eq!(
        *cipher(KEYS).open(&PLACE, sealed).unwrap(),
        "ghp_made_by_the_first_version"
    );
}
