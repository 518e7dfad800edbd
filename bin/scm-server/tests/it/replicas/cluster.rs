//! Three replicas on one database, behind the balancer and with its configuration from `deploy/`.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use scm_testkit::{
    db::TestDb,
    git_host::{Dialect, GitHost},
    line::Line,
    program,
};

use crate::{
    rotation::wait_for,
    server::{Client, Place, Server, text},
};

/// How many replicas the balancer's configuration has.
pub(super) const REPLICAS: usize = 3;

/// The OAuth client that the code host knows.
const OAUTH: (&str, &str) = ("client", "s3cr3t");

/// What is under test, and what stands around it.
pub(super) struct Cluster {
    // Dropped in this order: nobody is left to use the database when it goes.
    pub(super) balancer: Balancer,
    replicas: Vec<Option<Server>>,
    ports: [u16; REPLICAS],
    pub(super) place: Place,
    pub(super) git: Arc<GitHost>,
    pub(super) line: Line,
    pub(super) db: TestDb,
}

impl Cluster {
    /// Without any replica yet; `None` if there is no balancer on this machine.
    pub(super) async fn on(db: TestDb) -> Option<Self> {
        let program = program::find("haproxy")?;
        let place = Place::new();
        let ports = [free_port(), free_port(), free_port()];
        let balancer = Balancer::start(&program, &place, ports);
        let git = Arc::new(GitHost::start(Dialect::Github).await);
        git.set_oauth(OAUTH.0, OAUTH.1);
        let line = Line::to(&db).await;
        place.write(
            "scm.toml",
            &format!(
                "public_url = \"http://127.0.0.1:{}\"\ndrain_seconds = 4\n\
                 trusted_proxies = [\"127.0.0.1\"]\n[[hosts]]\nkind = \"github\"\n\
                 host = \"{}\"\napi_url = \"{}\"\nallow_private_addresses = true\n\
                 oauth = {{ client_id = \"{}\", client_secret = \"{}\" }}\n",
                balancer.port,
                git.base_url(),
                git.api_url(),
                OAUTH.0,
                OAUTH.1,
            ),
        );
        let made = place.run(&["keys", "generate", "--out", "master"]);
        assert!(made.status.success(), "{}", text(&made));
        Some(Self {
            db,
            git,
            line,
            balancer,
            replicas: (0..REPLICAS).map(|_| None).collect(),
            ports,
            place,
        })
    }

    fn command(&self, number: usize) -> Command {
        let mut command = self
            .place
            .command_at(self.ports[number], &["serve", "--migrate"]);
        command
            .env("SCM_DATABASE__URL", &self.line.url)
            .env("SCM_KEYS_FILE", self.place.path("master"));
        command
    }

    /// Starts all replicas in the same moment and waits until each takes requests.
    pub(super) fn start_all(&mut self) {
        let starting = (0..REPLICAS).map(|number| {
            let command = self.command(number);
            thread::spawn(move || Server::start(command))
        });
        let starting: Vec<_> = starting.collect();
        for (place, replica) in self.replicas.iter_mut().zip(starting) {
            *place = Some(replica.join().unwrap());
        }
        for number in 0..REPLICAS {
            self.wait_until_ready(number);
        }
        wait_for("the balancer's first good look", || {
            let client = self.balancer.client();
            client
                .send("GET", "/readyz", None)
                .is_ok_and(|it| it.0 == 200)
        });
    }

    /// Starts a replica again that was ended.
    pub(super) fn start(&mut self, number: usize) {
        self.replicas[number] = Some(Server::start(self.command(number)));
        self.wait_until_ready(number);
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, number: usize) {
        self.replicas[number].take().unwrap().kill();
    }

    /// SIGTERM, and the wait until it has drained and ended. Gives its log.
    pub(super) fn stop(&mut self, number: usize) -> String {
        let mut replica = self.replicas[number].take().unwrap();
        replica.signal("TERM");
        assert_eq!(replica.wait().code(), Some(0), "{}", replica.log());
        replica.log()
    }

    /// One replica itself, past the balancer.
    pub(super) fn replica(&self, number: usize) -> &Server {
        self.replicas[number].as_ref().unwrap()
    }

    pub(super) fn wait_until_ready(&self, number: usize) {
        let client = self.replica(number).client();
        wait_for("readiness", || {
            client
                .send("GET", "/readyz", None)
                .is_ok_and(|it| it.0 == 200)
        });
    }

    /// The logs of the present replicas, one after the other.
    pub(super) fn logs(&self) -> String {
        self.replicas.iter().flatten().map(Server::log).collect()
    }
}

/// The balancer. Killed when it is dropped.
pub(super) struct Balancer {
    child: Child,
    pub(super) port: u16,
    log: PathBuf,
}

impl Balancer {
    fn start(program: &Path, place: &Place, replicas: [u16; REPLICAS]) -> Self {
        let configuration = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../deploy/haproxy/haproxy.cfg")
            .canonicalize()
            .unwrap();
        let (port, log) = (free_port(), place.path("balancer.log"));
        let told = File::create(&log).unwrap();
        let mut command = Command::new(program);
        command
            .arg("-db")
            .arg("-f")
            .arg(configuration)
            .env("SCM_BALANCER_LISTEN", format!("127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(told)
            .stderr(Stdio::null());
        for (number, port) in replicas.iter().enumerate() {
            let address = format!("127.0.0.1:{port}");
            command.env(format!("SCM_REPLICA_{}", number + 1), address);
        }
        Self {
            child: command.spawn().unwrap(),
            port,
            log,
        }
    }

    /// A client that makes a connection for each request.
    pub(super) fn client(&self) -> Client {
        Client::at(self.port)
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port that nobody has and nobody is given: a replica needs the same one again after it was killed,
/// and the system gives out those above 32,768 meanwhile.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 1_000).unwrap();
    loop {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        assert!(number < 1_000, "there is no free port");
        let port = 20_000 + (process * 11 + number) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
