//! The webhook at the code host, what it delivers, and what is told of it.

use scm_service::{DeliveryDetail, WebhookReport, WebhookRotated, WebhookTested};
use scm_types::{DeliveryState, DeliverySummary, ErrorCode, Role, TenantEvent, TenantId};
use serde_json::{Value, json};

use crate::openapi::{
    Api,
    answer::Answer,
    bodies::ReplayDead,
    examples::{self, bodies},
    failures::{HOST, LIMITS, SERVER, WORK},
    operation::Operation,
    parts::{cursor, limit, path, query},
};

const TAG: &str = "webhook";

/// Where a page of deliveries starts.
const CURSOR: (&str, &str) = (
    "^[0-9]{1,13}\\.[A-Za-z0-9_-]{1,32}$",
    "1793527200000.dl_8Jx2",
);

/// Of every change of a webhook.
const CHANGES: &[ErrorCode] = &[ErrorCode::WebhookBusy, ErrorCode::NoRandomness];

/// Of what needs a webhook.
const NEEDED: &[ErrorCode] = &[ErrorCode::WebhookNotRegistered, ErrorCode::WebhookGone];

/// Of what tells the code host where to deliver.
const ADDRESS: &[ErrorCode] = &[ErrorCode::PublicUrlMissing, ErrorCode::WebhookUrlRefused];

pub(super) fn add(api: &mut Api) {
    look(api);
    register(api);
    change(api);
    deliveries(api);
    replay(api);
    events(api);
    receive(api);
}

fn look(api: &mut Api) {
    let report = api.schema::<WebhookReport>();
    let operation = Operation::get("/{id}/webhook", "getWebhook", Role::Owner)
        .tag(TAG)
        .about(
            "The webhook",
            "As it is stored, and as the code host tells it.",
        )
        .answer(
            200,
            Answer::new("The webhook.").data(report, examples::webhook()),
        )
        .fails(&[HOST, WORK, NEEDED]);
    api.add(operation);
}

fn register(api: &mut Api) {
    let report = api.schema::<WebhookReport>();
    let made = |text: &'static str| Answer::new(text).data(report.clone(), examples::webhook());
    let operation = Operation::post("/{id}/webhook", "registerWebhook", Role::Owner)
        .tag(TAG)
        .about(
            "Make sure that the webhook is there",
            "The repository has exactly one webhook with this server's address then.",
        )
        .no_body()
        .answer(
            201,
            made("It was made.")
                .message("Webhook registered")
                .existing(false),
        )
        .answer(
            200,
            made("It was there already.")
                .message("Webhook exists already")
                .existing(true),
        )
        .fails(&[HOST, WORK, CHANGES, ADDRESS]);
    api.add(operation);
}

fn change(api: &mut Api) {
    let rotated = api.schema::<WebhookRotated>();
    let tested = api.schema::<WebhookTested>();
    let remove = Operation::delete("/{id}/webhook", "removeWebhook", Role::Owner)
        .tag(TAG)
        .about("Remove the webhook", "Here and at the code host.")
        .answer(
            200,
            Answer::new("It was removed.")
                .data(
                    one("removedAtHost", json!({"type": "boolean"})),
                    json!({"removedAtHost": true}),
                )
                .message("Webhook removed"),
        )
        .fails(&[HOST, WORK, CHANGES, NEEDED]);
    let rotate = Operation::post("/{id}/webhook/rotate", "rotateWebhook", Role::Owner)
        .tag(TAG)
        .about(
            "Give the webhook a new secret",
            "The one before is accepted until a delivery is signed with the new one, or its time is over.",
        )
        .no_body()
        .answer(
            200,
            Answer::new("It has a new secret.")
                .data(rotated, examples::rotated())
                .message("Webhook secret rotated and confirmed by a delivery"),
        )
        .fails(&[HOST, WORK, CHANGES, NEEDED, ADDRESS]);
    let test = Operation::post("/{id}/webhook/test", "testWebhook", Role::Owner)
        .tag(TAG)
        .about("Ask the code host for a test delivery", "")
        .no_body()
        .answer(
            200,
            Answer::new("What came of it.").data(one("result", tested), json!({"result": "sent"})),
        )
        .fails(&[HOST, WORK, CHANGES, NEEDED]);
    for operation in [remove, rotate, test] {
        api.add(operation);
    }
}

/// An object with one member.
#[expect(
    clippy::needless_pass_by_value,
    reason = "takes what a description makes, as it comes"
)]
fn one(member: &str, schema: Value) -> Value {
    json!({"type": "object", "required": [member], "properties": {member: schema}})
}

/// The delivery that a path names.
fn delivery_id() -> Value {
    let schema =
        json!({"type": "string", "pattern": "^[-A-Za-z0-9_]{1,32}$", "examples": ["dl_8Jx2"]});
    path(
        "delivery",
        schema,
        "The delivery, by this service's own id.",
    )
}

fn deliveries(api: &mut Api) {
    let summary = api.schema::<DeliverySummary>();
    let detail = api.schema::<DeliveryDetail>();
    let state = api.schema::<DeliveryState>();
    let list = Operation::get("/{id}/deliveries", "listDeliveries", Role::Viewer)
        .tag(TAG)
        .about("List deliveries", "Newest first; old ones are removed.")
        .parameters([
            query("state", state, "Those in this state."),
            limit(1000),
            cursor(CURSOR.0, CURSOR.1),
        ])
        .answer(
            200,
            Answer::new("The deliveries.").page(summary, examples::delivery(), false, CURSOR.1),
        );
    let get = Operation::get("/{id}/deliveries/{delivery}", "getDelivery", Role::Owner)
        .tag(TAG)
        .about(
            "Read a delivery",
            "With its headers, in which what proves something is masked, and its body.",
        )
        .parameter(delivery_id())
        .answer(
            200,
            Answer::new("The delivery.").data(detail, examples::delivery_detail()),
        )
        .fails(&[&[ErrorCode::DeliveryNotFound, ErrorCode::SecretUnreadable]]);
    api.add(list);
    api.add(get);
}

fn replay(api: &mut Api) {
    let replayed = one("replayed", json!({"type": "integer", "minimum": 0}));
    let answer = |replayed: &Value| {
        Answer::new("They will be processed.")
            .data(replayed.clone(), json!({"replayed": 1}))
            .message("Deliveries will be processed again")
    };
    let body = api.schema::<ReplayDead>();
    let example = bodies([("sinceYesterday", json!({"since": "2026-11-22T00:00:00Z"}))]);
    let all = Operation::post(
        "/{id}/deliveries/replay",
        "replayDeadDeliveries",
        Role::Owner,
    )
    .tag(TAG)
    .about(
        "Process all dead deliveries again",
        "Events that were told are not told twice.",
    )
    .body(body, example)
    .answer(202, answer(&replayed));
    let single = Operation::post(
        "/{id}/deliveries/{delivery}/replay",
        "replayDelivery",
        Role::Owner,
    )
    .tag(TAG)
    .about(
        "Process a delivery again",
        "Events that were told are not told twice.",
    )
    .parameter(delivery_id())
    .no_body()
    .answer(202, answer(&replayed))
    .fails(&[&[ErrorCode::DeliveryNotFound]]);
    api.add(all);
    api.add(single);
}

fn events(api: &mut Api) {
    let event = api.schema::<TenantEvent>();
    let tenant = api.schema::<TenantId>();
    let wait = json!({"type": "integer", "minimum": 0, "maximum": scm_service::Services::LONGEST_WAIT.as_secs(), "default": 0});
    let operation = Operation::get("/events", "listEvents", Role::Viewer)
        .tag(TAG)
        .about(
            "What happened, in order",
            "Oldest first. Ask on with the `nextCursor` of each answer; the first call needs none. Deliveries \
             come late, twice and out of order: an event is what one said, not what is true now.",
        )
        .parameters([
            query("tenantId", tenant, "The tenant; the platform must name one."),
            cursor("^e[0-9]{1,18}$", "e41"),
            limit(1000),
            query("wait", wait, "Seconds to wait for an event if there is none."),
        ])
        .answer(200, Answer::new("The events.").page(event, examples::event(), true, "e41"))
        .fails(&[&[ErrorCode::ForeignTenant]]);
    api.add(operation);
}

fn receive(api: &mut Api) {
    let any = json!({"required": true, "content": {"application/json": {"schema": {}}}});
    let operation = Operation::signed("/webhooks/{id}", "receiveDelivery")
        .tag(TAG)
        .about(
            "A delivery of a code host",
            "What code hosts call. The signature is checked over the bytes as they came; a delivery that is \
             not genuine and one for an unknown webhook are the same 404.",
        )
        .raw_body(any)
        .answer(202, Answer::new("It is stored and will be processed.").message("Delivery accepted"))
        .answer(200, Answer::new("It came before.").message("Delivery was accepted before"))
        .fails(&[
            SERVER,
            LIMITS,
            &[
                ErrorCode::UnknownWebhook,
                ErrorCode::BodyIncomplete,
                ErrorCode::RequestTimeout,
                ErrorCode::DeliveryTooLarge,
                ErrorCode::UnsupportedContentEncoding,
                ErrorCode::ReceiverFull,
                ErrorCode::SecretUnreadable,
            ],
        ]);
    api.add(operation);
}
