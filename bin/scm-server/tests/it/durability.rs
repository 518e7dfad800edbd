//! SIGKILL at any moment: what was acknowledged is there after the restart.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::json;

use crate::server::{BASE, Place};

#[test]
fn every_acknowledged_write_survives() {
    let place = Place::new();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let number = Arc::new(AtomicUsize::new(0));
    for round in 0..4 {
        let server = place.start();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (client, acknowledged) = (server.client(), Arc::clone(&acknowledged));
                let number = Arc::clone(&number);
                thread::spawn(move || {
                    loop {
                        let name = format!("app-{}", number.fetch_add(1, Ordering::SeqCst));
                        let body = json!({
                            "tenantId": "t",
                            "scmType": "GITHUB",
                            "repositoryUrl": format!("https://github.com/octo/{name}"),
                            "accessToken": "ghp_x",
                        });
                        match client.send("POST", BASE, Some(&body)) {
                            Ok((201, row)) => {
                                let id = row["data"]["id"].as_str().unwrap().to_owned();
                                let path = format!("{BASE}/{id}");
                                let change = json!({"displayName": name});
                                let patched = client.send("PATCH", &path, Some(&change));
                                let patched = matches!(patched, Ok((200, _)));
                                acknowledged.lock().unwrap().push((id, name, patched));
                            }
                            Ok((status, body)) => panic!("{status} {body}"),
                            Err(_) => return,
                        }
                    }
                })
            })
            .collect();
        let before = acknowledged.lock().unwrap().len();
        while acknowledged.lock().unwrap().len() < before + 20 + round * 7 {
            thread::yield_now();
        }
        server.kill();
        for writer in writers {
            writer.join().unwrap();
        }
    }
    let server = place.start();
    let client = server.client();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > 80);
    for (id, name, patched) in &*acknowledged {
        let (status, row) = client.get(&format!("{BASE}/{id}"));
        assert_eq!(status, 200, "{name} was acknowledged and is gone");
        if *patched {
            assert_eq!(row["data"]["displayName"], **name);
        }
    }
}
