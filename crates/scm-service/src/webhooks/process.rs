//! From a stored delivery to what tenants are told.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use scm_providers::delivery::{PayloadError, parse_kept};
use scm_store::{
    Claimed, DeliveryPayload, DeliveryTarget, InboxController, Settled, Settlement, StoreError,
};
use scm_trace::SpanKind;
use scm_types::{EventKind, IntegrationId, ScmEvent};

use super::{
    place::{Place, is_elsewhere},
    step::DeliveryStep,
};
use crate::{ServiceError, Services, gaps::Tracked};

/// The most deliveries of one integration that are processed in a row.
const IN_A_ROW: u64 = 100;

/// How long a delivery that is stored waits for those that are not. Those that are not can be lost.
pub(super) const STEP_BACK: Duration = Duration::from_millis(100);

/// Payloads from this size on are not read on a thread that serves others.
const LARGE: usize = 256 * 1024;

/// How often it is looked again at what is known of branches and tags.
const TRIES: u32 = 5;

/// A comparison has told it before.
const RECONCILED: &str = "already_reconciled";

/// What came of a delivery, before it is written.
enum Outcome {
    Done {
        events: Vec<ScmEvent>,
        note: Option<&'static str>,
    },
    /// A later one was processed before: it says nothing of what is now.
    Late(Vec<ScmEvent>),
    /// It counts, and nothing is told.
    Paused(Vec<ScmEvent>),
    Ignored(&'static str),
    Failed(&'static str),
    Dead(&'static str),
}

impl Outcome {
    /// The word that it is counted under.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Late(_) => "late",
            Self::Paused(_) => "paused",
            Self::Ignored(_) => "ignored",
            Self::Failed(_) => "failed",
            Self::Dead(_) => "dead",
        }
    }
}

impl Services {
    /// Processes the deliveries of an integration that are due, in their order, up to a hundred;
    /// gives how many. Beside any number of others who do the same.
    pub async fn process_deliveries(&self, id: &IntegrationId) -> Result<u64, ServiceError> {
        let mut processed = 0;
        while processed < IN_A_ROW {
            self.webhooks.inbox.calm(STEP_BACK).await;
            let Some(claimed) = self.webhooks.inbox.claim(id).await? else {
                break;
            };
            let name = "process delivery".to_owned();
            // On the heap: it is large, and it is wrapped.
            let work = Box::pin(self.process(claimed));
            let work = self.traced(name, SpanKind::Consumer, work, |span, done| match done {
                Ok(outcome) => span.set("scm.delivery.outcome", *outcome),
                Err(_) => span.fail("not_written"),
            });
            work.await?;
            processed += 1;
        }
        Ok(processed)
    }

    /// Processes one delivery, settles it and gives the word for what came of it. Fails only if that cannot be written, and then the
    /// delivery is taken again when its time is over.
    async fn process(&self, claimed: Claimed) -> Result<&'static str, ServiceError> {
        self.webhooks.watcher.pass(DeliveryStep::Claimed);
        let outcome = self.outcome(&claimed).await?;
        self.webhooks.watcher.pass(DeliveryStep::Processed);
        let mut settled = Settled::Outdated;
        for _ in 0..TRIES {
            let tracked = match &outcome {
                Outcome::Done { events, .. } | Outcome::Paused(events) => {
                    self.track(&claimed.integration_id, events).await?
                }
                _ => Tracked::default(),
            };
            settled = self.settle_delivery(&claimed, &outcome, &tracked).await?;
            if settled != Settled::Outdated {
                break;
            }
        }
        self.webhooks.watcher.pass(DeliveryStep::Settled);
        let id = claimed.id;
        if settled == Settled::Yes {
            self.metrics.processed(outcome.as_str());
        }
        match (settled, &outcome) {
            (Settled::Yes, Outcome::Done { .. } | Outcome::Late(_)) => {
                self.webhooks.told.send_modify(|told| *told += 1);
            }
            (Settled::Yes, Outcome::Failed(code) | Outcome::Dead(code)) => {
                tracing::warn!(delivery = id, code, "a delivery could not be processed");
            }
            (Settled::Yes, Outcome::Ignored(_) | Outcome::Paused(_)) => {}
            (Settled::NotMine, _) => tracing::warn!(
                delivery = id,
                "somebody else has processed a delivery meanwhile"
            ),
            (Settled::Outdated, _) => tracing::warn!(
                delivery = id,
                "what is known of branches changed again and again; a delivery is processed later"
            ),
        }
        Ok(outcome.as_str())
    }

    /// Writes what came of a delivery. What a comparison has told already is not told again.
    async fn settle_delivery(
        &self,
        claimed: &Claimed,
        outcome: &Outcome,
        tracked: &Tracked,
    ) -> Result<Settled, ServiceError> {
        let inbox = &self.webhooks.inbox;
        let moves = tracked.moves.as_ref();
        let settled = match outcome {
            Outcome::Done { events, note } => {
                let is_news = |event: &&ScmEvent| !tracked.is_told(event);
                let news: Vec<ScmEvent> = events.iter().filter(is_news).cloned().collect();
                let note = match *note {
                    None if news.len() < events.len() => Some(RECONCILED),
                    note => note,
                };
                let settlement = if news.is_empty() {
                    Settlement::Ignored { code: RECONCILED }
                } else {
                    Settlement::Done {
                        events: &news,
                        note,
                    }
                };
                inbox.settle_moving(claimed, &settlement, moves).await
            }
            Outcome::Late(events) => {
                let note = Some("late");
                let settlement = Settlement::Done { events, note };
                inbox.settle_moving(claimed, &settlement, None).await
            }
            Outcome::Paused(_) => {
                let code = "integration_paused";
                let settlement = Settlement::Ignored { code };
                inbox.settle_moving(claimed, &settlement, moves).await
            }
            Outcome::Ignored(code) => {
                let settlement = Settlement::Ignored { code };
                inbox.settle_moving(claimed, &settlement, None).await
            }
            Outcome::Failed(code) => {
                let settlement = Settlement::Failed { code };
                inbox.settle_moving(claimed, &settlement, None).await
            }
            Outcome::Dead(code) => {
                let settlement = Settlement::Dead { code };
                inbox.settle_moving(claimed, &settlement, None).await
            }
        };
        Ok(settled?)
    }

    async fn outcome(&self, claimed: &Claimed) -> Result<Outcome, ServiceError> {
        // Whoever had it died each time; it may have been the delivery that killed them.
        if claimed.attempts > InboxController::ATTEMPTS {
            return Ok(Outcome::Dead("attempts_used_up"));
        }
        let target = self.integrations.delivery_target(&claimed.integration_id);
        let Some(target) = target.await?.filter(|target| !target.is_deleted) else {
            return Ok(Outcome::Ignored("integration_deleted"));
        };
        let payload = match self.webhooks.inbox.payload(claimed).await {
            Ok(payload) => payload,
            Err(StoreError::Unreadable { .. }) => return Ok(Outcome::Failed("payload_unreadable")),
            Err(StoreError::Corrupt { .. }) => return Ok(Outcome::Dead("payload_corrupt")),
            Err(error) => return Err(error.into()),
        };
        let mut events = match parsed(payload).await {
            Ok(events) => events,
            Err(error) => return Ok(Outcome::Dead(code_of(error))),
        };
        if events.is_empty() {
            return Ok(Outcome::Ignored("told_elsewhere"));
        }
        events.retain(|event| !matches!(event.kind, EventKind::Unknown { .. }));
        if events.is_empty() {
            return Ok(Outcome::Ignored("unknown_event"));
        }
        let Ok(url) = self.repository_url(&target.integration) else {
            return Ok(Outcome::Dead("repository_url_unusable"));
        };
        if events
            .iter()
            .any(|event| is_elsewhere(event, &target, &url))
        {
            return Ok(Outcome::Ignored("other_repository"));
        }
        self.take_effect(claimed, &target, events).await
    }

    async fn take_effect(
        &self,
        claimed: &Claimed,
        target: &DeliveryTarget,
        mut events: Vec<ScmEvent>,
    ) -> Result<Outcome, ServiceError> {
        let is_active = target.integration.is_active;
        if self.webhooks.inbox.is_late(claimed).await? {
            return Ok(if is_active {
                Outcome::Late(events)
            } else {
                Outcome::Ignored("integration_paused")
            });
        }
        let url = self.repository_url(&target.integration)?;
        let place = Place { target, url };
        let note = self.react(&place, &mut events).await?;
        Ok(if is_active {
            Outcome::Done { events, note }
        } else {
            Outcome::Paused(events)
        })
    }
}

async fn parsed(payload: DeliveryPayload) -> Result<Vec<ScmEvent>, PayloadError> {
    if payload.body.len() < LARGE {
        return parse(&payload);
    }
    tokio::task::spawn_blocking(move || parse(&payload))
        .await
        // It panicked, or was cut off with the runtime.
        .unwrap_or(Err(PayloadError::Json { line: 0 }))
}

fn parse(payload: &DeliveryPayload) -> Result<Vec<ScmEvent>, PayloadError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &payload.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            headers.append(name, value);
        }
    }
    parse_kept(payload.scheme, &headers, &payload.body)
}

/// The word that is stored for what is wrong with a payload.
fn code_of(error: PayloadError) -> &'static str {
    match error {
        PayloadError::ContentType => "payload_content_type",
        PayloadError::Event => "payload_event",
        PayloadError::Encoding => "payload_encoding",
        PayloadError::Depth => "payload_depth",
        PayloadError::Json { .. } => "payload_json",
        PayloadError::Shape { .. } => "payload_shape",
        PayloadError::Missing(_) => "payload_incomplete",
    }
}
