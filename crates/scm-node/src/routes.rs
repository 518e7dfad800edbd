//! The standalone server's own routes, on a thread of their own: what an Express router hands over is
//! answered by the code that answers there, so that both say the same.
//!
//! - The caller comes from the embedding program; a request without one is refused by the routes, but
//!   for deliveries, which are signed.
//! - A body arrives in pieces as it is read; limits of size and time are those of the routes.

use std::{panic::AssertUnwindSafe, pin::Pin};

use actix_http::{BoxedPayloadStream, Payload, Request};
use actix_web::{
    App, HttpMessage as _,
    body::to_bytes,
    dev::{AppConfig, Service, ServiceFactory, ServiceResponse},
    error::PayloadError,
    http::{
        Method, Uri,
        header::{HeaderName, HeaderValue},
    },
    web::{self, Bytes},
};
use futures_util::{FutureExt as _, Stream, stream};
use scm_http::{Authentication, configure, fallback};
use scm_service::Services;
use scm_types::Caller;
use tokio::sync::{mpsc, oneshot};

use crate::fault::Fault;

/// Where the server mounts them. A router of Express is told what follows its own mount point.
const PREFIX: &str = "/api/v1/integrations/scm";

/// A request without its body.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Head {
    method: String,
    /// Path and query below the mount point.
    url: String,
    /// Names and values in turn, as Node has them.
    headers: Vec<String>,
    /// Where the request comes from.
    peer: Option<String>,
}

/// A request on its way.
pub(crate) struct Incoming {
    pub(crate) head: Head,
    pub(crate) caller: Option<Caller>,
    pub(crate) body: mpsc::Receiver<Bytes>,
    pub(crate) answer: oneshot::Sender<Result<Answered, Fault>>,
}

/// An answer.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// The way to the thread. It ends when the last one is dropped.
pub(crate) type Door = mpsc::UnboundedSender<Incoming>;

/// Starts the thread.
pub(crate) fn start(services: Services) -> std::io::Result<Door> {
    let (door, requests) = mpsc::unbounded_channel();
    std::thread::Builder::new()
        .name("scm-routes".to_owned())
        .spawn(move || actix_web::rt::System::new().block_on(serve(services, requests)))?;
    Ok(door)
}

async fn serve(services: Services, mut requests: mpsc::UnboundedReceiver<Incoming>) {
    let app = App::new()
        .service(web::scope(PREFIX).configure(configure(services, Authentication::Host)))
        .default_service(web::to(fallback));
    let made =
        actix_service::IntoServiceFactory::into_factory(app).new_service(AppConfig::default());
    let Ok(service) = made.await else {
        tracing::error!("the routes could not be set up");
        return;
    };
    let service = std::rc::Rc::new(service);
    while let Some(incoming) = requests.recv().await {
        let service = std::rc::Rc::clone(&service);
        actix_web::rt::spawn(async move {
            let answered = AssertUnwindSafe(answer(
                &*service,
                incoming.head,
                incoming.caller,
                incoming.body,
            ));
            let answered = answered.catch_unwind().await;
            let answered = answered.unwrap_or_else(|_| Err(Fault::panicked()));
            // Whoever asked may be gone.
            let _ = incoming.answer.send(answered);
        });
    }
}

async fn answer<S, B>(
    service: &S,
    head: Head,
    caller: Option<Caller>,
    body: mpsc::Receiver<Bytes>,
) -> Result<Answered, Fault>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: actix_web::body::MessageBody + 'static,
{
    let request = request(head, caller, body)?;
    let response = match service.call(request).await {
        Ok(response) => response.into_parts().1.map_into_boxed_body(),
        Err(error) => error.error_response(),
    };
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let body = to_bytes(response.into_body()).await;
    Ok(Answered {
        status,
        headers,
        body: body.map_err(|_| Fault::panicked())?,
    })
}

fn request(
    head: Head,
    caller: Option<Caller>,
    body: mpsc::Receiver<Bytes>,
) -> Result<Request, Fault> {
    let body: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> =
        Box::pin(stream::unfold(body, async |mut body| {
            let piece = body.recv().await?;
            Some((Ok(piece), body))
        }));
    let body: BoxedPayloadStream = body;
    let mut request = Request::with_payload(Payload::Stream { payload: body });
    let unreadable = |what| Fault::invalid(what, "cannot be read");
    let parts = request.head_mut();
    parts.method = Method::from_bytes(head.method.as_bytes()).map_err(|_| unreadable("method"))?;
    parts.uri = format!("{PREFIX}{}", head.url)
        .parse::<Uri>()
        .map_err(|_| unreadable("url"))?;
    parts.peer_addr = head.peer.and_then(|peer| peer.parse().ok());
    for pair in head.headers.chunks_exact(2) {
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(pair[0].as_bytes()),
            // Node gives each byte of a value as a character.
            HeaderValue::from_bytes(&pair[1].chars().map(|c| c as u8).collect::<Vec<_>>()),
        ) else {
            return Err(unreadable("headers"));
        };
        parts.headers_mut().append(name, value);
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(request)
}
