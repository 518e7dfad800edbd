//! `import delivr` and `export delivr`: a table that node has filled as the old server does, brought over,
//! compared value by value, brought home and read by node.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use scm_store::{Cipher, ConnectOptions, KeyRing, ScmIntegrationController, connect};
use scm_testkit::{
    db::{Backend, TestDb, texts},
    on_every_database, program,
};
use scm_types::{
    AccessToken, Actor, IntegrationId, Purpose, ServerTask, SystemClock, TenantScmIntegration,
    WebhookSecret,
};
use serde_json::{Value, json};

use crate::server::{Place, text};

const PHRASE: &str = "Ümlaut and 🦀: a pass phrase of more than thirty-two characters";

/// The old server's side: `tests/node/delivr.mjs`, a program of its own.
struct Node(PathBuf);

impl Node {
    fn find() -> Option<Self> {
        program::find("node").map(Self)
    }

    /// The values sealed or opened, one by one.
    fn run(&self, mode: &str, values: &[String]) -> Vec<String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/delivr.mjs");
        let mut child = Command::new(&self.0)
            .args([script.as_os_str(), mode.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = json!({"passPhrase": PHRASE, "values": values}).to_string();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "node {mode}");
        serde_json::from_slice(&done.stdout).unwrap()
    }
}

/// A row of the old server, with its secrets in clear.
struct Old {
    id: String,
    tenant: String,
    kind: &'static str,
    url: String,
    owner: String,
    repo: String,
    token: String,
    hook: Option<String>,
    active: bool,
    status: &'static str,
}

fn old_rows(many: usize) -> Vec<Old> {
    let row = |number: usize| {
        let (kind, host, owner) = match number % 3 {
            0 => ("GITHUB", "github.com", "acme"),
            1 => ("GITLAB", "gitlab.com", "acme/mobile"),
            _ => ("BITBUCKET", "bitbucket.org", "acme"),
        };
        Old {
            id: format!("old_{number:03}-x"),
            tenant: format!("tenant-{number}"),
            kind,
            url: format!("https://{host}/{owner}/shop-{number}"),
            owner: owner.to_owned(),
            repo: format!("shop-{number}"),
            token: format!("user@example.com:token+{number}/=="),
            hook: number
                .is_multiple_of(2)
                .then(|| format!("hook-secret-{number}")),
            active: number % 4 != 3,
            status: ["PENDING", "VALID", "INVALID", "EXPIRED"][number % 4],
        }
    };
    (0..many).map(row).collect()
}

/// The later table, as the old server's own file makes it.
fn later_table(backend: Backend) -> String {
    let (small, word, flag, time, json) = match backend {
        Backend::Mysql => (
            "CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin",
            "ENUM('GITHUB', 'GITLAB', 'BITBUCKET')",
            "BOOLEAN",
            "DATETIME",
            "JSON",
        ),
        Backend::Postgres => (
            "VARCHAR(36)",
            "VARCHAR(20)",
            "BOOLEAN",
            "TIMESTAMPTZ",
            "JSONB",
        ),
        Backend::Sqlite => ("VARCHAR(36)", "TEXT", "TINYINT(1)", "DATETIME", "TEXT"),
    };
    let tail = if backend == Backend::Mysql {
        " ENGINE=InnoDB DEFAULT CHARSET=latin1"
    } else {
        ""
    };
    let sql = format!(
        "CREATE TABLE `tenant_scm_integrations` (`id` VARCHAR(255) NOT NULL PRIMARY KEY, \
         `tenantId` {small} NOT NULL UNIQUE, `scmType` {word} NOT NULL, `displayName` VARCHAR(255) \
         NOT NULL, `owner` VARCHAR(255) NOT NULL, `repo` VARCHAR(255) NOT NULL, `repositoryUrl` \
         VARCHAR(512) NOT NULL, `defaultBranch` VARCHAR(255) NOT NULL DEFAULT 'main', `accessToken` \
         TEXT NOT NULL, `webhookSecret` TEXT NULL, `webhookUrl` VARCHAR(512) NULL, `webhookEnabled` \
         {flag} NULL, `senderLogin` VARCHAR(255) NULL, `providerConfig` {json} NULL, `isActive` {flag} \
         NOT NULL, `verificationStatus` VARCHAR(20) NOT NULL, `lastVerifiedAt` {time} NULL, \
         `verificationError` TEXT NULL, `createdByAccountId` VARCHAR(255) NOT NULL, `createdAt` {time} \
         NOT NULL, `updatedAt` {time} NOT NULL){tail}"
    );
    quoted(backend, &sql)
}

fn quoted(backend: Backend, sql: &str) -> String {
    match backend {
        Backend::Mysql => sql.to_owned(),
        Backend::Sqlite | Backend::Postgres => sql.replace('`', "\""),
    }
}

fn literal(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

/// Fills the later table: every second token is sealed by the old server, and every webhook secret.
async fn filled(db: &TestDb, node: &Node, rows: &[Old]) {
    db.execute_by_hand(&later_table(db.backend)).await;
    let tokens: Vec<_> = rows.iter().map(|row| row.token.clone()).collect();
    let hooks: Vec<_> = rows
        .iter()
        .map(|row| row.hook.clone().unwrap_or("x".into()))
        .collect();
    let (sealed, sealed_hooks) = (node.run("seal", &tokens), node.run("seal", &hooks));
    for (number, row) in rows.iter().enumerate() {
        let token = if number % 2 == 0 {
            &sealed[number]
        } else {
            &row.token
        };
        let hook = row.hook.as_ref().map(|_| sealed_hooks[number].as_str());
        let active = match (db.backend, row.active) {
            (Backend::Postgres, active) => active.to_string(),
            (_, active) => i32::from(active).to_string(),
        };
        let sql = format!(
            "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, `displayName`, \
             `owner`, `repo`, `repositoryUrl`, `defaultBranch`, `accessToken`, `webhookSecret`, \
             `senderLogin`, `isActive`, `verificationStatus`, `lastVerifiedAt`, `createdByAccountId`, \
             `createdAt`, `updatedAt`) VALUES ('{}', '{}', '{}', 'App {number}', '{}', '{}', '{}', \
             'develop', '{token}', {}, 'octocat', {active}, '{}', '2025-03-01 10:00:00', 'acc-{number}', \
             '2025-01-10 08:30:00', '2025-03-02 11:00:00')",
            row.id,
            row.tenant,
            row.kind,
            row.owner,
            row.repo,
            row.url,
            literal(hook),
            row.status,
        );
        db.execute_by_hand(&quoted(db.backend, &sql)).await;
    }
}

/// Our side: a migrated database with keys, and a place for files.
struct Ours {
    place: Place,
    db: TestDb,
}

impl Ours {
    async fn on(backend: Backend) -> Self {
        let place = Place::new();
        let made = place.run(&["keys", "generate", "--out", "master"]);
        assert!(made.status.success(), "{}", text(&made));
        place.write("phrase", &format!("{PHRASE}\n"));
        let db = TestDb::migrated(backend).await.unwrap();
        Self { place, db }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("SCM_DATABASE__URL", &self.db.url)
            .env("SCM_KEYS_FILE", self.place.path("master"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The lines of a run for machines, the numbers last.
    #[track_caller]
    fn lines(&self, arguments: &[&str], status: i32) -> Vec<Value> {
        let done = self.run(arguments);
        assert_eq!(done.status.code(), Some(status), "{}", text(&done));
        let out = String::from_utf8(done.stdout).unwrap();
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A row as the server sees it, with its secrets opened.
    async fn opened(&self, id: &str) -> TenantScmIntegration {
        let ring = KeyRing::parse(&std::fs::read_to_string(self.place.path("master")).unwrap());
        let cipher = Arc::new(Cipher::new(ring.unwrap()));
        let pool = connect(&self.db.url, &ConnectOptions::default())
            .await
            .unwrap();
        let store = ScmIntegrationController::new(pool, cipher, Arc::new(SystemClock));
        let id = IntegrationId::parse(id).unwrap();
        let operator = Actor::server(ServerTask::Command);
        let found = store.find_with_secrets(&operator, &id, Purpose::Read).await;
        found.unwrap().unwrap()
    }
}

fn result<'a>(lines: &'a [Value], id: &str) -> &'a Value {
    lines.iter().find(|line| line["id"] == id).unwrap()
}

/// Killed behind a row, as by kill -9.
#[cfg(debug_assertions)]
fn killed_at(ours: &Ours, arguments: &[&str], point: &str, times: u32) {
    use std::io::{BufRead as _, BufReader};
    let mut child = ours
        .command(arguments)
        .env("SCM_TEST_FAULT", format!("{point}:{times}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(
        lines.any(|line| line == format!("fault: {point}")),
        "{point} was not reached"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

on_every_database! {
    empty async fn a_table_is_brought_over_value_by_value(theirs: TestDb) {
        let Some(node) = Node::find() else { return };
        let rows = old_rows(6);
        filled(&theirs, &node, &rows).await;
        let ours = Ours::on(theirs.backend).await;
        ours.place.write("url", &format!("{}\n", theirs.url));
        let phrase = ours.place.path("phrase");
        let import = [
            "import", "delivr", "--from-file", "url", "--pass-phrase-file",
            phrase.to_str().unwrap(), "--json",
        ];
        let dry: Vec<_> = import.into_iter().chain(["--dry-run"]).collect();
        let would = ours.lines(&dry, 0);
        assert_eq!(would.last().unwrap()["results"], json!({"taken_over": 6}));
        assert_eq!(would.last().unwrap()["dryRun"], true);

        let there = if cfg!(debug_assertions) { 2 } else { 0 };
        #[cfg(debug_assertions)]
        killed_at(&ours, &import, "delivr:row", there);
        let done = ours.lines(&import, 0);
        let mut wanted = json!({"taken_over": 6 - there});
        if there > 0 {
            wanted["already_there"] = there.into();
        }
        assert_eq!(done.last().unwrap()["results"], wanted);
        assert_eq!(result(&done, &rows[5].id)["notTaken"], json!(["senderLogin"]));
        let again = ours.lines(&import, 0);
        assert_eq!(again.last().unwrap()["results"], json!({"already_there": 6}));

        for (number, row) in rows.iter().enumerate() {
            let found = ours.opened(&row.id).await;
            assert_eq!(found.access_token.as_ref().map(AccessToken::expose), Some(&*row.token));
            let hook = found.webhook_secret.as_ref().map(WebhookSecret::expose);
            assert_eq!(hook, row.hook.as_deref());
            let is = found.integration;
            assert_eq!(is.tenant_id.as_str(), row.tenant);
            assert_eq!(is.scm_type.as_str(), row.kind);
            assert_eq!(is.repository_url, row.url);
            assert_eq!(is.display_name, format!("App {number}"));
            assert_eq!(is.default_branch, "develop");
            assert_eq!(is.is_active, row.active);
            assert_eq!(is.verification_status.as_str(), row.status);
            assert_eq!(is.created_by_account_id.as_str(), format!("acc-{number}"));
            assert_eq!(is.created_at.to_string(), "2025-01-10T08:30:00.000Z");
            assert_eq!(is.updated_at.to_string(), "2025-03-02T11:00:00.000Z");
            assert_eq!(is.last_verified_at.unwrap().to_string(), "2025-03-01T10:00:00.000Z");
        }
        let audit = ours.run(&["audit", "verify"]);
        assert!(audit.status.success(), "{}", text(&audit));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_and_the_rest_is_done() {
    let Some(node) = Node::find() else { return };
    let theirs = TestDb::empty(Backend::Sqlite).await.unwrap();
    let rows = old_rows(5);
    filled(&theirs, &node, &rows).await;
    for (column, value, id) in [
        (
            "repositoryUrl",
            "https://git.nowhere.example/acme/hunter2",
            &rows[1].id,
        ),
        ("accessToken", "", &rows[3].id),
    ] {
        let sql = format!(
            "UPDATE tenant_scm_integrations SET \"{column}\" = '{value}' WHERE id = '{id}'"
        );
        theirs.execute_by_hand(&sql).await;
    }
    let ours = Ours::on(Backend::Sqlite).await;
    let import = ["import", "delivr", "--from", &theirs.url];
    let done = ours.run(&import);
    assert_eq!(done.status.code(), Some(3), "{}", text(&done));
    let said = text(&done);
    for want in [
        "old_000-x: could not be read; accessToken is sealed by the old server; give its pass phrase",
        "old_001-x: could not be read; repositoryUrl ",
        "old_003-x: could not be read; accessToken is empty",
        "5 rows: 5 could not be read",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");

    let phrase = ours.place.path("phrase");
    let with: Vec<_> = import
        .into_iter()
        .chain(["--json", "--pass-phrase-file", phrase.to_str().unwrap()])
        .collect();
    let lines = ours.lines(&with, 3);
    assert_eq!(
        lines.last().unwrap()["results"],
        json!({"taken_over": 3, "unreadable": 2})
    );
    let fault = &result(&lines, &rows[3].id)["faults"][0];
    assert_eq!(
        *fault,
        json!({"column": "accessToken", "problem": "is empty"})
    );

    ours.place
        .write("wrong", "another pass phrase that opens nothing");
    let other = Ours::on(Backend::Sqlite).await;
    other
        .place
        .write("phrase", "another pass phrase that opens nothing");
    let done = other.run(&[
        "import",
        "delivr",
        "--from",
        &theirs.url,
        "--pass-phrase-file",
        "phrase",
    ]);
    assert!(
        text(&done).contains("accessToken does not open with the pass phrase"),
        "{}",
        text(&done)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_table_is_taken_over_where_it_is() {
    let Some(node) = Node::find() else { return };
    let ours = Ours::on(Backend::Sqlite).await;
    let sealed = node.run("seal", &["ghp_sealed".to_owned()]);
    for (id, token) in [("in-clear", "ghp_in_clear"), ("sealed", &sealed[0])] {
        let sql = format!(
            "INSERT INTO tenant_scm_integrations (id, tenantId, scmType, displayName, repositoryUrl, \
             accessToken, createdByAccountId) VALUES ('{id}', 't', 'GITHUB', 'Old', \
             'https://github.com/acme/{id}', '{token}', 'acc')"
        );
        ours.db.execute_by_hand(&sql).await;
    }
    let lines = ours.lines(&["import", "delivr", "--json"], 3);
    assert_eq!(
        lines.last().unwrap()["results"],
        json!({"sealed": 1, "unreadable": 1})
    );
    let with = ["import", "delivr", "--json", "--pass-phrase-file", "phrase"];
    let lines = ours.lines(&with, 0);
    assert_eq!(lines.last().unwrap()["results"], json!({"sealed": 1}));
    let lines = ours.lines(&with, 0);
    assert_eq!(lines.last().unwrap()["rows"], 0);
    for (id, token) in [("in-clear", "ghp_in_clear"), ("sealed", "ghp_sealed")] {
        let found = ours.opened(id).await;
        assert_eq!(
            found.access_token.as_ref().map(AccessToken::expose),
            Some(token)
        );
    }
    let doctor = text(&ours.run(&["doctor"]));
    assert!(!doctor.contains("not sealed"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_table_of_the_old_server_is_refused() {
    let ours = Ours::on(Backend::Sqlite).await;
    let other = Ours::on(Backend::Sqlite).await;
    let url = other.db.url.clone();
    for (arguments, want) in [
        (vec!["--from", &url], "export and import"),
        (vec!["--table", "nowhere"], "there is no table of this name"),
        (vec!["--table", "a;b"], "letters, digits and underscores"),
        (vec!["--table", "scm_jobs"], "no table of the old server"),
        (
            vec!["--pass-phrase-file", "nowhere"],
            "nowhere cannot be read",
        ),
        (vec!["--from", "ftp://x"], "must start with"),
    ] {
        let arguments: Vec<_> = ["import", "delivr"].into_iter().chain(arguments).collect();
        let done = ours.run(&arguments);
        assert_eq!(
            done.status.code(),
            Some(1),
            "{arguments:?}: {}",
            text(&done)
        );
        assert!(text(&done).contains(want), "{want}: {}", text(&done));
    }
    let no_file = ours.run(&["import"]);
    assert_eq!(no_file.status.code(), Some(2), "a file has to be named");
}

/// What stands in a column there, by id.
async fn column(db: &TestDb, column: &str) -> Vec<String> {
    let text = match db.backend {
        Backend::Mysql => format!("CAST(`{column}` AS CHAR)"),
        _ => format!("CAST(`{column}` AS TEXT)"),
    };
    let sql = format!("SELECT COALESCE({text}, '-') FROM `tenant_scm_integrations` ORDER BY `id`");
    texts(&db.connect().await, &quoted(db.backend, &sql)).await
}

on_every_database! {
    empty async fn the_way_home_is_read_by_the_old_server(theirs: TestDb) {
        let Some(node) = Node::find() else { return };
        let rows = old_rows(4);
        filled(&theirs, &node, &rows).await;
        let ours = Ours::on(theirs.backend).await;
        let phrase = ["--pass-phrase-file", "phrase"];
        let import: Vec<_> =
            ["import", "delivr", "--json", "--from", &theirs.url].into_iter().chain(phrase).collect();
        ours.lines(&import, 0);
        // Something was done here since.
        ours.db.execute_by_hand(&quoted(theirs.backend, &format!(
            "UPDATE `tenant_scm_integrations` SET `defaultBranch` = 'release' WHERE `id` = '{}'", rows[0].id
        ))).await;

        let empty = TestDb::empty(theirs.backend).await.unwrap();
        empty.execute_by_hand(&later_table(theirs.backend)).await;
        for (target, word) in [(&theirs, "updated"), (&empty, "added")] {
            let export: Vec<_> =
                ["export", "delivr", "--json", "--to", &target.url].into_iter().chain(phrase).collect();
            let dry: Vec<_> = export.iter().copied().chain(["--dry-run"]).collect();
            let before = column(target, "accessToken").await;
            for (arguments, changes) in [(&dry, false), (&export, true)] {
                let lines = ours.lines(arguments, 0);
                assert_eq!(lines.last().unwrap()["results"], json!({word: 4}));
                assert_eq!(column(target, "accessToken").await != before, changes);
            }
            let sealed = column(target, "accessToken").await;
            let tokens: Vec<_> = rows.iter().map(|row| row.token.clone()).collect();
            assert_eq!(node.run("read", &sealed), tokens);
            assert!(sealed.iter().zip(&tokens).all(|(sealed, token)| !sealed.contains(token)));
            let hooks = column(target, "webhookSecret").await;
            let wanted: Vec<_> =
                rows.iter().map(|row| row.hook.clone().unwrap_or("-".to_owned())).collect();
            assert_eq!(node.run("read", &hooks), wanted);
            let of = |what: fn(&Old) -> &str| rows.iter().map(what).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(column(target, "owner").await, of(|row| &row.owner));
            assert_eq!(column(target, "repo").await, of(|row| &row.repo));
            assert_eq!(column(target, "repositoryUrl").await, of(|row| &row.url));
            assert_eq!(column(target, "verificationStatus").await, of(|row| row.status));
            let branches = column(target, "defaultBranch").await;
            assert_eq!(branches, ["release", "develop", "develop", "develop"]);
        }
        assert_eq!(column(&theirs, "senderLogin").await, ["octocat"; 4], "it stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_table_cannot_hold_is_told() {
    let Some(node) = Node::find() else { return };
    let theirs = TestDb::empty(Backend::Sqlite).await.unwrap();
    let rows = old_rows(2);
    filled(&theirs, &node, &rows).await;
    let ours = Ours::on(Backend::Sqlite).await;
    let import = [
        "import",
        "delivr",
        "--json",
        "--from",
        &theirs.url,
        "--pass-phrase-file",
        "phrase",
    ];
    ours.lines(&import, 0);
    // A second one of the first tenant, and the second one deleted.
    let second = format!(
        "INSERT INTO tenant_scm_integrations (id, tenantId, scmType, displayName, repositoryUrl, \
         accessToken, tokenExpiresAt, createdByAccountId, createdAt) VALUES ('second', '{}', 'GITHUB', 'n', \
         'https://github.com/acme/second', 'ghp_second', '2031-01-01T00:00:00+00:00', 'acc', \
         '2020-01-01T00:00:00+00:00')",
        rows[0].tenant
    );
    ours.db.execute_by_hand(&second).await;
    ours.lines(&["import", "delivr", "--json"], 0);
    let deleted = format!(
        "UPDATE tenant_scm_integrations SET isActive = 0, accessToken = NULL, webhookSecret = NULL, \
         deletedAt = '2027-01-01T00:00:00+00:00' WHERE id = '{}'",
        rows[1].id
    );
    ours.db.execute_by_hand(&deleted).await;

    let bare = ours.run(&["export", "delivr", "--to", &theirs.url]);
    assert!(text(&bare).contains("or say --plain"), "{}", text(&bare));
    let asked = ours.run(&["export", "delivr", "--to", &theirs.url, "--plain"]);
    assert!(
        text(&asked).contains("Say --yes to do it"),
        "{}",
        text(&asked)
    );
    let plain = [
        "export",
        "delivr",
        "--to",
        &theirs.url,
        "--plain",
        "--yes",
        "--json",
    ];
    let lines = ours.lines(&plain, 3);
    let numbers = json!({"updated": 2, "not_written": 1});
    assert_eq!(lines.last().unwrap()["results"], numbers);
    let told = result(&lines, "second");
    assert_eq!(told["result"], "not_written");
    assert_eq!(told["notTaken"], json!(["tokenExpiresAt"]));
    assert!(
        told["faults"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("its tenant"),
        "{told}"
    );
    assert_eq!(
        column(&theirs, "isActive").await,
        ["1", "0"],
        "what was deleted here is off there"
    );
    assert_eq!(
        column(&theirs, "accessToken").await[0],
        rows[0].token,
        "in clear, as it was said"
    );
}
