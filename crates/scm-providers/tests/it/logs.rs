//! Nothing of a credential, a query or an answer gets into the log, at any level, from any crate.

use std::{
    io,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
};

use scm_testkit::code_host::{Reply, Standard};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::Bench;

/// What one thread logs. Set for the whole process, because what a call site may log is decided for
/// all threads together; the other tests' lines are dropped.
#[derive(Clone)]
struct Log {
    thread: ThreadId,
    text: Arc<Mutex<Vec<u8>>>,
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if thread::current().id() == self.thread {
            self.text.lock().unwrap().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn logs_hold_no_secret() {
    let log = Log {
        thread: thread::current().id(),
        text: Arc::default(),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        bench.check().await.unwrap();
        for reply in [
            Reply::json(200, &json!({"id": "b0dy-t3xt"})),
            Reply::json(401, &json!({"message": "b0dy-t3xt"})),
            Reply::text(502, "b0dy-t3xt"),
            Reply::redirect(302, "https://elsewhere.example/?q=b0dy-t3xt"),
            Reply::close(),
        ] {
            bench.host.on_everything(reply);
            assert!(bench.check().await.is_err());
        }
    }
    crate::renewal::exercise().await;
    let text = String::from_utf8(log.text.lock().unwrap().clone()).unwrap();
    assert!(text.contains("/site/oauth2/access_token"), "{text}");
    assert!(text.contains("code host answered"), "the log was on");
    assert!(text.contains("status=401"), "{text}");
    let basic = "ZGV2QGV4YW1wbGUuY29tOkFUQVRUM3hGZkdGMDEyMzQ1Njc4OQ";
    for secret in ["0123456789", basic, "b0dy-t3xt", "per_page", "full_name"] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
