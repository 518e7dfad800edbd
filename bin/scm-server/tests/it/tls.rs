//! TLS of the server itself, and what a running server takes over on SIGHUP.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};

use crate::server::{Place, text};

/// A certificate in the server's files; gives what a client has to believe.
fn certificate(place: &Place) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    // The certificate last: it is what is looked at.
    place.write("key.pem", &signing_key.serialize_pem());
    place.write("cert.pem", &cert.pem());
    cert.der().clone()
}

fn with_tls() -> (Place, CertificateDer<'static>) {
    let place = Place::new();
    let believed = certificate(&place);
    place.write("scm.toml", SETTINGS);
    (place, believed)
}

const SETTINGS: &str = "keys_check_seconds = 1\n[tls]\ncertificate_file = \"cert.pem\"\n\
                        private_key_file = \"key.pem\"\n";

/// The status line of `/livez`, if the server shows a certificate that is believed.
fn alive(port: u16, believed: &CertificateDer<'static>) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(believed.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(client), name).unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut stream = StreamOwned::new(connection, tcp);
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_and_nothing_else() {
    let (place, believed) = with_tls();
    let server = place.start();
    assert_eq!(alive(server.port, &believed).unwrap(), "HTTP/1.1 200 OK");
    assert!(server.client().send("GET", "/livez", None).is_err());
    let stranger = certificate(&Place::new());
    assert!(alive(server.port, &stranger).is_err());

    let listen = format!("127.0.0.1:{}", server.port);
    let ready = place.run(&["healthcheck", "--listen", &listen]);
    assert_eq!(text(&ready), "200\n");
    assert!(ready.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_stop() {
    let (place, first) = with_tls();
    let server = place.start();
    place.write("cert.pem", "nothing");
    until("told", || server.log().contains("holds no certificate")).await;
    assert!(alive(server.port, &first).is_ok(), "goes on");
    let second = certificate(&place);
    until("shown", || alive(server.port, &second).is_ok()).await;
    assert!(alive(server.port, &first).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_told_before_the_start() {
    fn check(prepare: impl Fn(&Path), want: &str) {
        let (place, _) = with_tls();
        prepare(&place.path("."));
        let output = place.run(&["config", "check"]);
        assert_eq!(output.status.code(), Some(78), "{}", text(&output));
        assert!(text(&output).contains(want), "{want}: {}", text(&output));
        assert!(!text(&output).contains("MII"), "{}", text(&output));
    }
    let write = |dir: &Path, name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    check(
        |dir| write(dir, "scm.toml", "[tls]\nprivate_key_file = \"key.pem\"\n"),
        "tls.certificate_file: must be given with private_key_file",
    );
    check(
        |dir| std::fs::remove_file(dir.join("key.pem")).unwrap(),
        "tls.private_key_file: key.pem cannot be read",
    );
    check(
        |dir| write(dir, "key.pem", "MIIsecret"),
        "tls.private_key_file: key.pem holds no private key as PEM",
    );
    check(
        |dir| {
            let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            write(dir, "key.pem", &other.signing_key.serialize_pem());
        },
        "does not belong to the certificate",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_takes_the_log_filter_of_the_settings() {
    let place = Place::new();
    place.write("scm.toml", "[log]\nfilter = \"info\"\n");
    let server = place.start();
    let ask = || server.client().get("/api/v1/integrations/scm?tenantId=t");
    ask();
    until("logged", || server.log().contains("GET")).await;
    place.write("scm.toml", "[log]\nfilter = \"info,[\"\n");
    server.signal("HUP");
    until("told", || server.log().contains("cannot be read again")).await;
    place.write("scm.toml", "[log]\nfilter = \"warn,scm_server=info\"\n");
    server.signal("HUP");
    until("taken", || {
        server.log().contains("a new log filter is in use")
    })
    .await;
    let before = server.log();
    ask();
    server.signal("HUP");
    until("looked", || server.log().len() > before.len()).await;
    assert!(
        !server.log()[before.len()..].contains("GET"),
        "{}",
        server.log()
    );
}
