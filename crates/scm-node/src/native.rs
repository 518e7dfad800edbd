//! What Node sees. The one file with napi's macros, which write the unsafe calls between Node
//! and Rust; the project's ban on writing any holds here, too.
//!
//! Every function returns at once, with a promise that is resolved with JSON and never rejected:
//! `ts/` makes errors of faults.

#![expect(
    clippy::needless_pass_by_value,
    reason = "what Node hands over arrives as a value"
)]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::web::Bytes;
use napi::{
    Env, JsDeferred,
    bindgen_prelude::{Buffer, Either, Object, ToNapiValue},
};
use napi_derive::napi;
use scm_service::{KeyId, KeyRing};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::{
    call::{self, Call},
    caller::caller,
    fault::Fault,
    instance::Instance,
    open::Options,
    routes::{Answered, Head, Incoming},
};

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

/// A promise that somebody has to settle. Whoever drops it settles it, too: with the fault that the
/// services are closed, for a runtime that ends drops what it did not finish.
struct Settle<T: ToNapiValue + 'static> {
    deferred: Option<JsDeferred<T, Resolver<T>>>,
    left: fn(Fault) -> T,
}

impl<T: ToNapiValue + Send + 'static> Settle<T> {
    fn new(env: &Env, left: fn(Fault) -> T) -> napi::Result<(Self, Object<'_>)> {
        let (deferred, promise) = env.create_deferred()?;
        let settle = Self {
            deferred: Some(deferred),
            left,
        };
        Ok((settle, promise))
    }

    fn with(mut self, value: T) {
        if let Some(deferred) = self.deferred.take() {
            deferred.resolve(Box::new(move |_| Ok(value)));
        }
    }

    fn fault(self, fault: Fault) {
        let value = (self.left)(fault);
        self.with(value);
    }
}

impl<T: ToNapiValue + 'static> Drop for Settle<T> {
    fn drop(&mut self) {
        if let Some(deferred) = self.deferred.take() {
            let left = self.left;
            deferred.resolve(Box::new(move |_| Ok(left(Fault::closed()))));
        }
    }
}

fn as_text(fault: Fault) -> String {
    fault.into_json().to_string()
}

/// An answer of the routes: what stands in its head, as JSON, and its body.
#[napi(object)]
pub struct NativeAnswer {
    /// `{"status": …, "headers": […]}`, or a fault.
    pub head: String,
    /// The body.
    pub body: Buffer,
}

impl NativeAnswer {
    fn fault(fault: Fault) -> Self {
        Self {
            head: as_text(fault),
            body: Vec::new().into(),
        }
    }

    fn of(answered: &Answered) -> Self {
        let head = json!({"status": answered.status, "headers": answered.headers});
        Self {
            head: head.to_string(),
            body: answered.body.to_vec().into(),
        }
    }
}

/// An opened instance.
#[napi]
pub struct NativeServices {
    instance: Arc<Instance>,
}

/// A fresh key ring with one key, as the text of a key file; for a fault, its JSON.
#[napi(catch_unwind)]
#[must_use]
pub fn generate_key_ring() -> String {
    match KeyRing::generate(KeyId::random()) {
        Ok(ring) => ring.to_file_text().to_string(),
        Err(error) => as_text(Fault::keys(&error.to_string())),
    }
}

/// Opens an instance; gives it, or the fault that kept it from opening.
#[napi(catch_unwind)]
pub fn open(env: &Env, options: String) -> napi::Result<Object<'_>> {
    let (settle, promise) = Settle::new(env, |fault| Either::B(as_text(fault)))?;
    let open = move || {
        let opened = AssertUnwindSafe(|| Options::parse(&options).and_then(Instance::open));
        match catch_unwind(opened).unwrap_or_else(|_| Err(Fault::panicked())) {
            Ok(instance) => settle.with(Either::A(NativeServices {
                instance: Arc::new(instance),
            })),
            Err(fault) => settle.fault(fault),
        }
    };
    // A thread that cannot be started drops the promise, which settles it.
    let _ = std::thread::Builder::new()
        .name("scm-open".to_owned())
        .spawn(open);
    Ok(promise)
}

#[napi]
impl NativeServices {
    /// Does an operation.
    #[napi(catch_unwind)]
    pub fn call<'env>(
        &self,
        env: &'env Env,
        name: String,
        caller: String,
        subject: String,
        arguments: String,
    ) -> napi::Result<Object<'env>> {
        let (settle, promise) = Settle::new(env, as_text)?;
        let ready = match self.instance.ready() {
            Ok(ready) => ready,
            Err(fault) => {
                settle.fault(fault);
                return Ok(promise);
            }
        };
        let services = ready.services;
        let call = Call {
            name,
            caller,
            subject,
            arguments,
        };
        let turns = call.takes_turns().then_some(ready.turns);
        // A task of its own, so that a panic is its alone.
        let work = ready.runtime.spawn(async move {
            let _turn = match turns {
                Some(turns) => turns.acquire_owned().await.ok(),
                None => None,
            };
            call::answer(&services, call).await
        });
        let running = ready.call;
        ready.runtime.spawn(async move {
            match work.await {
                Ok(answer) => settle.with(answer),
                Err(error) if error.is_panic() => settle.fault(Fault::panicked()),
                Err(_) => settle.fault(Fault::closed()),
            }
            drop(running);
        });
        Ok(promise)
    }

    /// Begins a request to the routes; the caller is empty if there is none.
    #[napi(catch_unwind)]
    pub fn request<'env>(
        &self,
        env: &'env Env,
        head: String,
        caller: String,
    ) -> napi::Result<(NativeRequest, Object<'env>)> {
        let (settle, promise) = Settle::new(env, NativeAnswer::fault)?;
        let (sender, body) = mpsc::channel(4);
        let request = NativeRequest {
            instance: Arc::clone(&self.instance),
            body: Mutex::new(Some(sender)),
        };
        self.begin(&head, &caller, body, settle);
        Ok((request, promise))
    }

    fn begin(
        &self,
        head: &str,
        who: &str,
        body: mpsc::Receiver<Bytes>,
        settle: Settle<NativeAnswer>,
    ) {
        let prepared = || {
            let head: Head = serde_json::from_str(head)
                .map_err(|_| Fault::invalid("request", "cannot be read"))?;
            let caller = (!who.is_empty()).then(|| caller(who)).transpose()?;
            Ok((head, caller, self.instance.door()?, self.instance.ready()?))
        };
        let (head, caller, door, ready) = match prepared() {
            Ok(prepared) => prepared,
            Err(fault) => {
                settle.fault(fault);
                return;
            }
        };
        let (answer, answered) = oneshot::channel();
        let incoming = Incoming {
            head,
            caller,
            body,
            answer,
        };
        // A thread that is gone drops the sender of the answer.
        let _ = door.send(incoming);
        let running = ready.call;
        ready.runtime.spawn(async move {
            match answered.await {
                Ok(Ok(answered)) => settle.with(NativeAnswer::of(&answered)),
                Ok(Err(fault)) => settle.fault(fault),
                Err(_) => settle.fault(Fault::closed()),
            }
            drop(running);
        });
    }

    /// Closes the instance; the promise is settled when everything was given back.
    #[napi(catch_unwind)]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (settle, promise) = Settle::new(env, as_text)?;
        let instance = Arc::clone(&self.instance);
        let close = move || {
            let closed = catch_unwind(AssertUnwindSafe(|| instance.close()));
            match closed {
                Ok(()) => settle.with(json!({"value": null}).to_string()),
                Err(_) => settle.fault(Fault::panicked()),
            }
        };
        let _ = std::thread::Builder::new()
            .name("scm-close".to_owned())
            .spawn(close);
        Ok(promise)
    }
}

/// A request whose body is on its way.
#[napi]
pub struct NativeRequest {
    instance: Arc<Instance>,
    body: Mutex<Option<mpsc::Sender<Bytes>>>,
}

#[napi]
impl NativeRequest {
    /// Hands over a piece of the body, when there is room for it; gives true if more is wanted.
    #[napi(catch_unwind)]
    pub fn write<'env>(&self, env: &'env Env, piece: Buffer) -> napi::Result<Object<'env>> {
        let (settle, promise) = Settle::new(env, |_| false)?;
        let body = self
            .body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let piece = Bytes::copy_from_slice(&piece);
        if let (Some(body), Ok(ready)) = (body, self.instance.ready()) {
            ready
                .runtime
                .spawn(async move { settle.with(body.send(piece).await.is_ok()) });
        }
        Ok(promise)
    }

    /// Says that the body is complete.
    #[napi(catch_unwind)]
    pub fn end(&self) {
        self.body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}
