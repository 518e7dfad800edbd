//! Deliveries that did not arrive, where the host keeps a list of them.

use std::collections::HashMap;

use scm_types::{RepositoryInfo, Timestamp};

use super::{find, is_id, is_since};
use crate::{ProviderError, host::Host};

/// The most pages of attempts that are looked through.
const MAX_PAGES: usize = 10;

/// A delivery whose newest attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The host's id of the attempt, by which it is sent again.
    pub id: String,
    /// What the delivery is told apart by, however often it is sent.
    pub key: String,
    /// When the attempt was made, if the host tells.
    pub at: Option<Timestamp>,
    /// The status that it was answered with; `None` if there was no answer.
    pub status: Option<u16>,
    /// The event, by the host's own name.
    pub event: Option<String>,
}

/// Deliveries that did not arrive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedDeliveries {
    /// The deliveries, oldest first, in which order they are best sent again.
    pub items: Vec<FailedDelivery>,
    /// True if the list goes further back than was looked: older ones may be missing.
    pub truncated: bool,
}

/// An attempt to deliver, as a host lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) delivery: FailedDelivery,
    pub(crate) arrived: bool,
}

/// See [`crate::Provider::failed_deliveries`].
pub(crate) async fn failed<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
    since: Timestamp,
) -> Result<Option<FailedDeliveries>, ProviderError> {
    if !H::TRAITS.lists_deliveries || find(host, info, id).await?.is_none() {
        return Ok(None);
    }
    let mut attempts = Vec::new();
    let mut at = None;
    let mut truncated = true;
    for _ in 0..MAX_PAGES {
        let Some(page) = host.attempt_page(info, id, at.as_ref()).await? else {
            return Ok(None);
        };
        // Newest first, so behind an old one there are only older ones.
        let is_last = page
            .items
            .iter()
            .any(|attempt| !is_since(attempt.delivery.at, since));
        attempts.extend(page.items);
        at = page.next;
        if is_last || at.is_none() {
            truncated = false;
            break;
        }
    }
    Ok(Some(FailedDeliveries {
        items: newest_failed(attempts, since),
        truncated,
    }))
}

/// See [`crate::Provider::redeliver`].
pub(crate) async fn redeliver<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
    delivery: &FailedDelivery,
) -> Result<bool, ProviderError> {
    if !is_id(id) || !is_id(&delivery.id) {
        return Ok(false);
    }
    host.send_again(info, id, &delivery.id).await
}

/// Of each delivery the newest attempt, if that failed; oldest first, in which order they are best
/// sent again.
fn newest_failed(attempts: Vec<Attempt>, since: Timestamp) -> Vec<FailedDelivery> {
    let mut newest: HashMap<String, (usize, Attempt)> = HashMap::new();
    for (place, attempt) in attempts.into_iter().enumerate() {
        let key = attempt.delivery.key.clone();
        let is_newer = newest
            .get(&key)
            .is_none_or(|(_, known)| known.delivery.at < attempt.delivery.at);
        if is_newer {
            newest.insert(key, (place, attempt));
        }
    }
    let mut failed: Vec<_> = newest
        .into_values()
        .filter(|(_, it)| !it.arrived && is_since(it.delivery.at, since))
        .collect();
    failed.sort_by_key(|(place, attempt)| (attempt.delivery.at, std::cmp::Reverse(*place)));
    failed.into_iter().map(|(_, it)| it.delivery).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: &str, key: &str, minute: u32, arrived: bool) -> Attempt {
        let at = format!("2026-11-01T00:{minute:02}:00Z");
        Attempt {
            delivery: FailedDelivery {
                id: id.to_owned(),
                key: key.to_owned(),
                at: Timestamp::parse(&at).ok(),
                status: None,
                event: None,
            },
            arrived,
        }
    }

    #[test]
    fn the_newest_attempt_of_a_delivery_counts() {
        #[track_caller]
        fn check(attempts: &[Attempt], want: &[&str]) {
            let since = Timestamp::parse("2026-11-01T00:10:00Z").unwrap();
            let mut attempts = attempts.to_vec();
            for _ in 0..2 {
                let got = newest_failed(attempts.clone(), since);
                let got: Vec<_> = got.iter().map(|it| it.id.as_str()).collect();
                assert_eq!(got, want);
                // The host's order is of no account where it tells times.
                attempts.reverse();
            }
        }
        check(&[], &[]);
        check(&[attempt("1", "a", 20, false)], &["1"]);
        check(&[attempt("1", "a", 20, true)], &[]);
        check(&[attempt("1", "a", 9, false)], &[]);
        let failed = attempt("1", "a", 20, false);
        check(&[attempt("2", "a", 21, true), failed.clone()], &[]);
        check(&[attempt("2", "a", 21, false), failed.clone()], &["2"]);
        check(&[attempt("2", "a", 19, true), failed.clone()], &["1"]);
        check(
            &[
                attempt("3", "b", 12, false),
                attempt("2", "c", 30, false),
                failed,
            ],
            &["3", "1", "2"],
        );
    }

    #[test]
    fn without_times_the_hosts_order_counts() {
        let untimed = |id: &str, key: &str, arrived| {
            let mut attempt = attempt(id, key, 0, arrived);
            attempt.delivery.at = None;
            attempt
        };
        let attempts = vec![
            untimed("4", "b", false),
            untimed("3", "a", true),
            untimed("2", "a", false),
            untimed("1", "c", false),
        ];
        let since = Timestamp::parse("2026-11-01T00:10:00Z").unwrap();
        let got = newest_failed(attempts, since);
        let got: Vec<_> = got.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(got, ["1", "4"]);
    }
}
