//! The document over HTTP: `/openapi.json`, and `/docs`, a page on which requests can be tried.
//!
//! - The page comes whole from this server: nothing is loaded from elsewhere, and its content security
//!   policy lets nothing in that would be. It has no inline script.
//! - Addresses in it are relative, so that it works behind a proxy that serves the server below a path.
//! - No authentication: neither tells anything that the source does not.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    web::{self, Bytes, ServiceConfig},
};
use ring::digest;
use utoipa_swagger_ui::Config;

use crate::{ApiDocument, routes};

/// The page itself; what it shows is loaded by [`START`].
const PAGE: &str = include_str!("docs/page.html");

/// Its only script beside Swagger UI's own.
const START: &str = include_str!("docs/start.js");

/// Its own script, styles and requests; pictures may stand in the styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Of Swagger UI, what the page uses.
const ASSETS: [&str; 3] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "favicon-32x32.png",
];

/// A text that does not change while the server runs.
#[derive(Clone)]
struct Fixed {
    kind: &'static str,
    text: Bytes,
    tag: HeaderValue,
}

impl Fixed {
    fn new(kind: &'static str, text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let digest = digest::digest(&digest::SHA256, &text);
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_ref()[..8]);
        let tag = HeaderValue::from_str(&format!("\"{:016x}\"", u64::from_be_bytes(first)));
        Self {
            kind,
            text,
            // Hexadecimal digits always make a header.
            tag: tag.unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = request.headers().get(IF_NONE_MATCH);
        let known = known.is_some_and(|known| known.as_bytes() == self.tag.as_bytes());
        let mut answer = if known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        answer
            .insert_header((ETAG, self.tag.clone()))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY));
        if known {
            answer.finish()
        } else {
            answer.content_type(self.kind).body(self.text.clone())
        }
    }
}

/// Adds `/openapi.json` and, with `page`, `/docs` and what it loads.
pub fn configure_docs(
    document: &ApiDocument,
    page: bool,
) -> impl FnOnce(&mut ServiceConfig) + Clone + use<> {
    let document = Fixed::new("application/json", document.as_json().to_string());
    let html = Fixed::new("text/html; charset=utf-8", PAGE);
    let start = Fixed::new("text/javascript; charset=utf-8", START);
    move |app| {
        app.service(fixed("/openapi.json", document));
        if page {
            app.service(fixed("/docs", html))
                .service(fixed("/docs/start.js", start))
                .service(
                    routes::readable("/docs/{file}")
                        .route(web::get().to(asset))
                        .route(web::head().to(asset)),
                );
        }
    }
}

fn fixed(path: &'static str, fixed: Fixed) -> actix_web::Resource {
    let head = fixed.clone();
    routes::readable(path)
        .route(web::get().to(move |request: HttpRequest| {
            let answer = fixed.answer(&request);
            async move { answer }
        }))
        .route(web::head().to(move |request: HttpRequest| {
            let answer = head.answer(&request);
            async move { answer }
        }))
}

/// A file of Swagger UI. They are compressed in the binary, and given out so: every browser that the
/// page runs in takes them.
async fn asset(request: HttpRequest) -> HttpResponse {
    let name = request.match_info().get("file").unwrap_or_default();
    let known = ASSETS.into_iter().find(|known| *known == name);
    let file = known.and_then(|name| {
        utoipa_swagger_ui::serve(name, Arc::new(Config::from("")))
            .ok()
            .flatten()
    });
    let Some(file) = file else {
        return routes::fallback(request).await;
    };
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(file.content_type)
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY));
    if file.gzpipped {
        answer.insert_header((CONTENT_ENCODING, "gzip"));
    }
    answer.body(file.bytes.into_owned())
}
