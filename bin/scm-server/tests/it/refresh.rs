//! Two server processes on one database, and a code host whose refresh tokens work once: whoever uses
//! one twice loses all of its family.

use std::{sync::Arc, thread};

use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use serde_json::{Value, json};

use crate::server::{BASE, Client, Place, Server, text};

/// A database, a code host and a place for servers, all of which use both.
pub(crate) struct Bench {
    place: Place,
    pub(crate) git: GitHost,
    db: TestDb,
}

impl Bench {
    /// `None` if there is no server for this kind of database.
    async fn on(backend: Backend) -> Option<Arc<Self>> {
        let db = TestDb::migrated(backend).await?;
        let git = GitHost::start(Dialect::Gitlab).await;
        git.set_oauth("client", "s3cr3t");
        let place = Place::new();
        place.write(
            "scm.toml",
            &format!(
                "[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\nallow_private_addresses = true\n\
                 oauth = {{ client_id = \"client\", client_secret = \"s3cr3t\" }}\n",
                git.base_url(),
            ),
        );
        std::fs::create_dir(place.path("data")).unwrap();
        let made = place.run(&["keys", "generate", "--out", "data/keys"]);
        assert!(made.status.success(), "{}", text(&made));
        Some(Arc::new(Self { place, git, db }))
    }

    pub(crate) fn start(&self, fault: Option<&str>) -> Server {
        let mut command = self.place.command(&[]);
        command
            .env("SCM_DATABASE__URL", &self.db.url)
            .env("SCM_KEYS_FILE", self.place.path("data/keys"));
        if let Some(point) = fault {
            command.env("SCM_TEST_FAULT", format!("{point}:1"));
        }
        Server::start(command)
    }

    /// An integration whose token has just expired, here and at the host; its path.
    pub(crate) fn connected(&self, client: &Client) -> String {
        let (access, refresh) = self.git.issue();
        self.git.expire_tokens();
        let (status, made) = client.post(
            BASE,
            &json!({
                "tenantId": "t",
                "scmType": "GITLAB",
                "repositoryUrl": self.git.repository_url(),
                "accessToken": access,
                "refreshToken": refresh,
                "tokenExpiresAt": "2026-01-31T09:00:00Z",
            }),
        );
        assert_eq!(status, 201, "{made}");
        assert_eq!(made["data"]["isTokenExpired"], true, "{made}");
        format!("{BASE}/{}", made["data"]["id"].as_str().unwrap())
    }

    /// A renewal's time is over: the database's clock cannot be moved, what it is compared with can.
    #[cfg(debug_assertions)]
    pub(crate) fn passed(&self, column: &str) {
        let (quote, past) = match self.db.backend {
            Backend::Sqlite => ('"', "2001-02-03T04:05:06.007+00:00"),
            Backend::Mysql => ('`', "2001-02-03 04:05:06.007"),
            Backend::Postgres => ('"', "2001-02-03 04:05:06.007+00"),
        };
        let sql = format!("UPDATE scm_credential_renewals SET {quote}{column}{quote} = '{past}'");
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(self.db.execute_by_hand(&sql));
    }
}

/// Takes an integration away, so that its repository can be connected again.
#[cfg(debug_assertions)]
pub(crate) fn removed(client: &Client, row: &str) {
    let removed = client.send("DELETE", &format!("{row}?hard=true"), None);
    assert_eq!(removed.unwrap().0, 200);
}

/// An operation that asks the host.
pub(crate) fn work(client: &Client, row: &str) -> (u16, Value) {
    client.get(&format!("{row}/branches"))
}

/// On each kind of server database.
pub(crate) async fn on_servers(
    backends: &[Backend],
    test: impl Fn(&Bench) + Copy + Send + 'static,
) {
    for backend in backends {
        if let Some(bench) = Bench::on(*backend).await {
            let work = move || test(&bench);
            tokio::task::spawn_blocking(work).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_requests_to_two_servers_one_refreshes_and_none_fails() {
    on_servers(&[Backend::Mysql, Backend::Postgres], |bench| {
        let servers = [bench.start(None), bench.start(None)];
        let clients = servers.each_ref().map(Server::client);
        let row = bench.connected(&clients[0]);
        let (_, before) = clients[0].get(&row);
        let answers: Vec<_> = thread::scope(|threads| {
            let requests = (0..200).map(|number| {
                let (client, row) = (&clients[number % 2], &row);
                threads.spawn(move || work(client, row))
            });
            let requests: Vec<_> = requests.collect();
            requests.into_iter().map(|it| it.join().unwrap()).collect()
        });
        for (status, answer) in answers {
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer["data"][0]["name"], "main");
        }
        assert_eq!(bench.git.refreshes(), 1, "{}", bench.db.backend);
        let (_, after) = clients[1].get(&row);
        let status = |row: &Value| row["data"]["verificationStatus"].clone();
        assert_eq!(status(&after), status(&before));
        assert_eq!(after["data"]["hasValidToken"], true);
        assert_eq!(work(&clients[1], &row).0, 200);
        assert_eq!(bench.git.refreshes(), 1);
    })
    .await;
}
