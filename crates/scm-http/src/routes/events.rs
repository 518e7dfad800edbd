//! `GET /events`: what happened, in order.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use scm_service::Services;
use scm_types::{EventCursor, TenantId};

use crate::{
    ApiError,
    auth::{Known, State},
    envelope::Envelope,
    query::{Query, limit},
};

/// The oldest first. Without events the answer comes when there is one or the wait is over; its
/// `nextCursor` is there in any case.
pub(crate) async fn list(
    caller: Known,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let mut query = Query::of(&request)?;
    let tenant = query.get("tenantId", |raw| TenantId::parse(raw));
    let after = query.get("cursor", str::parse::<EventCursor>);
    let limit = query.get("limit", limit);
    let wait = query.get("wait", seconds).unwrap_or_default();
    query.finish()?;
    let page = state
        .services
        .events(
            &caller.0,
            tenant.as_ref(),
            after.unwrap_or_default(),
            limit.unwrap_or_default(),
            wait,
        )
        .await?;
    let mut envelope = Envelope::of(&page.items);
    envelope.count = Some(page.items.len());
    envelope.next_cursor = Some(page.next.to_string());
    Ok(HttpResponse::Ok().json(envelope))
}

/// How long to wait for events, in whole seconds.
fn seconds(raw: &str) -> Result<Duration, String> {
    let longest = Services::LONGEST_WAIT.as_secs();
    let seconds = raw.parse::<u64>().ok();
    let seconds = seconds.filter(|seconds| *seconds <= longest);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("must be a number of seconds from 0 to {longest}"))
}
