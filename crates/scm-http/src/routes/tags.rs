//! Tags: list, newest, read, make.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::{NewTag, TagPage, TagRequest};
use scm_types::{InvalidRefSearch, RefSearch, TagInfo};

use crate::{
    ApiError,
    auth::{Known, State},
    body::Fields,
    envelope::Envelope,
    path,
    query::{Query, limit},
    routes::{
        ensured,
        integrations::id,
        tag_fields::{MAX_MESSAGE, TagFields, prose, target},
        there,
    },
};

/// `GET /{id}/tags`
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let wanted = TagRequest {
        prefix: query.get("prefix", prefix).unwrap_or_default(),
        search: query.get("search", RefSearch::parse),
        limit: query.get("limit", limit).unwrap_or_default(),
        after: query.get("cursor", str::parse),
    };
    query.finish()?;
    let page = state.services.tags(&caller.0, &id, &wanted).await?;
    let mut envelope = certain(Envelope::of(&page.items), &page);
    envelope.count = Some(page.items.len());
    envelope.next_cursor = page.next.as_ref().map(ToString::to_string);
    Ok(HttpResponse::Ok().json(envelope))
}

/// `GET /{id}/tags/latest`
pub(crate) async fn latest(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let mut query = Query::of(&request)?;
    let prefix = query.get("prefix", prefix).unwrap_or_default();
    query.finish()?;
    let page = state.services.latest_tag(&caller.0, &id, &prefix).await?;
    let newest: Option<&TagInfo> = page.items.first();
    Ok(HttpResponse::Ok().json(certain(Envelope::of(newest), &page)))
}

/// `GET /{id}/tags/{name}`
pub(crate) async fn get(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    let name = path::tag(&request)?;
    Query::of(&request)?.finish()?;
    let tag = state.services.tag(&caller.0, &id, &name).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&tag)))
}

/// `POST /{id}/tags`
pub(crate) async fn create(
    caller: Known,
    mut body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let name = TagFields::NEW_TAG.required(&mut body);
    if !body.has("branch") && !body.has("expectedSha") {
        body.refuse("branch", "is required, or expectedSha to name the commit");
    }
    let target = target(&mut body);
    let message = body.text("message", |raw| prose(raw, MAX_MESSAGE));
    body.finish(&[])?;
    let new = NewTag {
        name: there(name)?,
        target: there(target)?,
        message,
    };
    let made = state.services.create_tag(&caller.0, &id, &new).await?;
    Ok(ensured(&made, "Tag created", "Tag exists already"))
}

/// The beginning of a name: any text that a name can contain.
fn prefix(raw: &str) -> Result<String, InvalidRefSearch> {
    RefSearch::parse(raw).map(|prefix| prefix.as_str().to_owned())
}

/// Says beside the tags how far they can be relied on.
fn certain<T>(mut envelope: Envelope<T>, page: &TagPage) -> Envelope<T> {
    envelope.truncated = Some(page.truncated);
    envelope.exact = Some(page.exact);
    envelope
}
