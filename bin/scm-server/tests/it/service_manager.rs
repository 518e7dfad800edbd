//! What a service manager is told.

use std::{os::unix::net::UnixDatagram, time::Duration};

use crate::server::{Place, Server};

#[test]
fn it_is_told_of_the_start_and_the_stop() {
    let place = Place::new();
    let socket = UnixDatagram::bind(place.path("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let told = || {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut command = place.command(&[]);
    command
        .env("NOTIFY_SOCKET", place.path("notify"))
        .env("WATCHDOG_USEC", "200000");
    let mut server = Server::start(command);
    let mut said = vec![told(), told(), told()];
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    while !said.last().unwrap().contains("STOPPING=1") {
        said.push(told());
    }
    let ready: Vec<_> = said.iter().filter(|it| it.contains("READY=1")).collect();
    assert_eq!(ready.len(), 1, "{said:?}");
    assert!(ready[0].contains("STATUS=listening on http://127.0.0.1:"));
    assert!(said.iter().any(|it| it.contains("WATCHDOG=1")), "{said:?}");
}
