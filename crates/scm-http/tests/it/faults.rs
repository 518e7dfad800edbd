//! The database away: 503 with `Retry-After`, and it recovers by itself.

use std::time::Duration;

use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};

use crate::app::TestApp;

/// A TCP relay that can be cut.
mod relay {
    use std::sync::Arc;

    use tokio::{
        io::copy_bidirectional,
        net::{TcpListener, TcpStream},
        sync::watch,
    };

    pub(super) struct Relay {
        pub(super) port: u16,
        open: Arc<watch::Sender<bool>>,
    }

    impl Relay {
        pub(super) async fn to(target: String) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let open = Arc::new(watch::channel(true).0);
            let state = Arc::clone(&open);
            tokio::spawn(async move {
                while let Ok((mut client, _)) = listener.accept().await {
                    if !*state.borrow() {
                        continue;
                    }
                    let (target, mut cut) = (target.clone(), state.subscribe());
                    tokio::spawn(async move {
                        let mut server = TcpStream::connect(target).await.unwrap();
                        tokio::select! {
                            // Looked at first, or a last answer could slip through.
                            biased;
                            _ = cut.wait_for(|open| !open) => {}
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                        }
                    });
                }
            });
            Self { port, open }
        }

        pub(super) fn set(&self, open: bool) {
            self.open.send_replace(open);
        }
    }
}

async fn away_and_back(backend: Backend) {
    let Some(db) = TestDb::migrated(backend).await else {
        return;
    };
    let (start, rest) = db.url.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let (user, address) = authority.split_once('@').unwrap();
    let relay = relay::Relay::to(address.to_owned()).await;
    let url = format!("{start}://{user}@127.0.0.1:{}/{path}", relay.port);
    let app = TestApp::new(&url, crate::app::Mode::Open).await;
    let id = app
        .post("", &app.body("t", Standard::Github))
        .await
        .expect(201)
        .id();

    relay.set(false);
    for _ in 0..2 {
        let answers = [
            app.get(&format!("/{id}")).await,
            app.get("").await,
            app.post("", &app.body("t", Standard::Gitlab)).await,
            app.verify(&id).await,
        ];
        for answer in answers {
            assert_eq!(answer.status, 503, "{}", answer.json);
            assert_eq!(answer.failure().0, "database_unavailable");
            assert_eq!(answer.header("retry-after"), Some("5"));
            let text = answer.json["error"].as_str().unwrap();
            assert!(
                !text.contains("127.0.0.1") && !text.contains("sqlx"),
                "{text}"
            );
        }
    }
    relay.set(true);
    let mut tries = 0;
    while app.get(&format!("/{id}")).await.status != 200 {
        tries += 1;
        assert!(tries < 300, "it does not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        app.get("").await.expect(200).json["count"],
        1,
        "what failed was not half-written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_away_and_back() {
    away_and_back(Backend::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_away_and_back() {
    away_and_back(Backend::Postgres).await;
}
