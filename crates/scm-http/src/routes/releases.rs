//! Release notes and releases.

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::{NewRelease, NotesRequest, ReleaseDate};
use scm_types::{DisplayName, TagName};

use crate::{
    ApiError,
    auth::{Known, State},
    body::Fields,
    envelope::Envelope,
    query::Query,
    routes::{
        ensured,
        integrations::id,
        tag_fields::{TagFields, previous, prose, target},
        there,
    },
};

/// The longest given notes, in bytes: what fits every host.
const MAX_NOTES: usize = 120_000;

/// `POST /{id}/release-notes`
pub(crate) async fn notes(
    caller: Known,
    mut body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let current = body.required_text("currentTag", |raw| TagName::parse(&raw));
    let previous = previous(&mut body, current.as_ref());
    let date = body.text("releaseDate", |raw| raw.parse::<ReleaseDate>());
    body.finish(&[])?;
    let wanted = NotesRequest {
        current: there(current)?,
        previous,
        date,
    };
    let services = &state.services;
    let notes = services.release_notes(&caller.0, &id, &wanted).await?;
    Ok(HttpResponse::Ok().json(Envelope::of(&notes)))
}

/// `POST /{id}/releases`
pub(crate) async fn create(
    caller: Known,
    body: Fields,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let id = id(&request)?;
    Query::of(&request)?.finish()?;
    let new = new_release(body)?;
    let made = state.services.create_release(&caller.0, &id, &new).await?;
    let (new, old) = if made.value.release.is_some() {
        ("Release created", "Release exists already")
    } else {
        // The host has no releases: the notes are the tag's message.
        ("Tag created", "Tag exists already")
    };
    Ok(ensured(&made, new, old))
}

fn new_release(mut body: Fields) -> Result<NewRelease, ApiError> {
    let tag = TagFields::OF_RELEASE.required(&mut body);
    let target = target(&mut body);
    if body.has("notes") {
        // They would have no effect: given notes are not made of commits.
        let mut idle = TagFields::PREVIOUS.sent(&body);
        idle.extend(body.has("releaseDate").then_some("releaseDate"));
        for field in idle {
            body.refuse(field, "has no effect on given notes; leave one of them out");
        }
    }
    let previous = previous(&mut body, tag.as_ref());
    let name = body.text("name", |raw| DisplayName::parse(&raw));
    let notes = body.text("notes", |raw| prose(raw, MAX_NOTES));
    let date = body.text("releaseDate", |raw| raw.parse::<ReleaseDate>());
    let prerelease = body.boolean("prerelease").unwrap_or_default();
    body.finish(&[])?;
    Ok(NewRelease {
        tag: there(tag)?,
        target,
        name: name.map(|name| name.to_string()),
        notes,
        previous,
        date,
        prerelease,
    })
}
