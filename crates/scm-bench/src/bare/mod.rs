//! The bare program: the SQL and the JSON of each operation, and nothing else.
//!
//! Each worker has a pool of its own; on SQLite that reads, and one writer for all commits what waits
//! in one transaction. Statements are prepared once.

mod delivery;
mod row;
mod server;
mod sqlite;

use actix_web::{App, HttpResponse, HttpServer, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use self::{delivery::Delivery, row::Safe, server::Store, sqlite::Writer};
use crate::{cli::BareOptions, wrk::PREFIX};

/// What goes wrong here ends the run.
type Failed = Box<dyn std::error::Error>;

/// What a list can be narrowed by.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    tenant_id: String,
    verification_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Patch {
    display_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct New {
    tenant_id: String,
    scm_type: String,
    repository_url: String,
    access_token: String,
}

/// Serves until it is killed.
pub(crate) fn serve(options: &BareOptions) -> anyhow::Result<()> {
    let url = options.database_url.clone();
    let writer = if url.starts_with("sqlite:") {
        Some(Writer::start(&url)?)
    } else {
        None
    };
    let listen = options.listen;
    actix_web::rt::System::new().block_on(async move {
        HttpServer::new(move || {
            let store = Store::open(&url, writer.clone());
            let store = store.map(web::Data::new);
            App::new().configure(move |app| {
                if let Ok(store) = store {
                    app.app_data(store);
                }
                app.route("/readyz", web::get().to(HttpResponse::Ok))
                    .app_data(web::PayloadConfig::new(1024 * 1024))
                    .route(PREFIX, web::get().to(list))
                    .route(PREFIX, web::post().to(create))
                    .route(&format!("{PREFIX}/{{id}}"), web::get().to(get))
                    .route(&format!("{PREFIX}/{{id}}"), web::patch().to(patch))
                    .route(
                        &format!("{PREFIX}/webhooks/{{id}}"),
                        web::post().to(deliver),
                    );
            })
        })
        .bind(listen)?
        .run()
        .await
    })?;
    Ok(())
}

/// An answer as the server gives it.
#[derive(serde::Serialize)]
struct Answer<'a, T> {
    success: bool,
    data: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

async fn get(store: web::Data<Store>, id: web::Path<String>) -> Result<HttpResponse, Failed> {
    let found = store.get(&id).await?;
    Ok(match found {
        Some(row) => one(HttpResponse::Ok(), &row),
        None => HttpResponse::NotFound().finish(),
    })
}

fn one(mut answer: actix_web::HttpResponseBuilder, row: &Safe) -> HttpResponse {
    answer.json(Answer {
        success: true,
        data: row,
        count: None,
    })
}

async fn list(store: web::Data<Store>, filter: web::Query<Filter>) -> Result<HttpResponse, Failed> {
    let status = filter.verification_status.as_deref();
    let rows = store.list(&filter.tenant_id, status).await?;
    let count = Some(rows.len());
    Ok(HttpResponse::Ok().json(Answer {
        success: true,
        data: &rows,
        count,
    }))
}

async fn patch(
    store: web::Data<Store>,
    id: web::Path<String>,
    change: web::Json<Patch>,
) -> Result<HttpResponse, Failed> {
    let found = store.rename(&id, &change.display_name).await?;
    Ok(match found {
        Some(row) => one(HttpResponse::Ok(), &row),
        None => HttpResponse::NotFound().finish(),
    })
}

async fn create(store: web::Data<Store>, new: web::Json<New>) -> Result<HttpResponse, Failed> {
    let row = Safe::new(&new, delivery::id());
    store.create(&row, &new.access_token).await?;
    Ok(one(HttpResponse::Created(), &row))
}

async fn deliver(
    store: web::Data<Store>,
    request: actix_web::HttpRequest,
    integration: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse, Failed> {
    let header = |name| {
        let value = request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    // As long as what the server seals: the body, a line about it, nonce and tag.
    let mut payload = "v1.k-00000000.".to_owned();
    URL_SAFE_NO_PAD.encode_string(&body, &mut payload);
    URL_SAFE_NO_PAD.encode_string([0; 300], &mut payload);
    let delivery = Delivery {
        id: delivery::id(),
        tenant: "tenant-0000000".to_owned(),
        integration: integration.into_inner(),
        host_id: header("x-github-delivery"),
        digest: header("x-hub-signature-256").split_off("sha256=".len()),
        size: i32::try_from(body.len())?,
        payload,
    };
    store.deliver(delivery).await?;
    Ok(HttpResponse::Accepted().json(Answer {
        success: true,
        data: &(),
        count: None,
    }))
}
