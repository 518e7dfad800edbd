//! One webhook with our URL, as it is wanted: look, make or adopt, look again.

use scm_types::RepositoryInfo;
use url::Url;

use super::{Extent, Hook, RegisteredWebhook, WantedWebhook, WebhookTest, is_id};
use crate::{Missing, Outage, ProviderError, host::Host};

/// The most pages of webhooks; hosts take at most some hundred of them.
const MAX_PAGES: usize = 20;

/// See [`crate::Provider::ensure_webhook`].
pub(crate) async fn ensure<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    wanted: &WantedWebhook,
    known_id: Option<&str>,
) -> Result<RegisteredWebhook, ProviderError> {
    let found = ours(host, info, &wanted.url, known_id).await?;
    writable(info)?;
    // What the host has turned off for good may stay so whatever it is set to: it is replaced.
    let (spent, found): (Vec<_>, Vec<_>) = found.into_iter().partition(Hook::is_spent);
    if !found.is_empty() {
        return adopt(host, info, wanted, [found, spent].concat()).await;
    }
    // The webhook, and the look after it.
    let writes = u32::try_from(1 + spent.len()).unwrap_or(u32::MAX);
    let session = &host.context().session;
    session.reserve(writes.saturating_add(1), writes).await?;
    for hook in &spent {
        delete(host, info, &hook.info.id).await?;
    }
    let error = match host.create_hook(info, wanted).await {
        Ok(made) => return made_so(host, info, wanted, made).await,
        // A clear "no" before anything was made.
        Err(error) if is_refusal(&error) => return Err(error),
        Err(error) => error,
    };
    // It exists already, or nobody knows. The first failure is what the caller learns; the look
    // after it only decides.
    let found = match ours(host, info, &wanted.url, known_id).await {
        Ok(found) if !found.is_empty() => found,
        Ok(_) | Err(_) => return Err(error),
    };
    let existing = matches!(error, ProviderError::Conflict);
    // It may be another caller's, made at the same moment with another secret.
    let adopted = adopt(host, info, wanted, found).await?;
    Ok(RegisteredWebhook {
        existing,
        ..adopted
    })
}

/// See [`crate::Provider::webhook`]. The list is asked for to tell a webhook that is gone from one
/// that may not be seen.
pub(crate) async fn find<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
) -> Result<Option<Hook>, ProviderError> {
    if is_id(id)
        && let Some(found) = host.find_hook(info, id).await?
    {
        return Ok(Some(found));
    }
    host.hook_page(info, None).await?;
    Ok(None)
}

/// See [`crate::Provider::set_webhook_secret`].
pub(crate) async fn set_secret<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
    wanted: &WantedWebhook,
) -> Result<Option<RegisteredWebhook>, ProviderError> {
    let Some(found) = find(host, info, id).await? else {
        return Ok(None);
    };
    writable(info)?;
    host.context().session.reserve(2, 1).await?;
    let outcome = host.set_hook(info, &found, wanted, Extent::Secret).await;
    let Some(set) = if_still_there(host, info, id, outcome).await? else {
        return Ok(None);
    };
    let registered = read_back(host, info, wanted, set, Extent::Secret).await?;
    Ok(Some(RegisteredWebhook {
        existing: true,
        ..registered
    }))
}

/// See [`crate::Provider::test_webhook`].
pub(crate) async fn test<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
) -> Result<Option<WebhookTest>, ProviderError> {
    let Some(found) = find(host, info, id).await? else {
        return Ok(None);
    };
    let outcome = host.test_hook(info, &found).await;
    if_still_there(host, info, id, outcome).await
}

/// See [`crate::Provider::remove_webhook`].
pub(crate) async fn remove<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
    url: &Url,
) -> Result<bool, ProviderError> {
    let Some(found) = find(host, info, id).await? else {
        return Ok(false);
    };
    // Somebody has made another one of it.
    if !found.goes_to(url) {
        return Ok(false);
    }
    host.context().session.reserve(2, 1).await?;
    delete(host, info, &found.info.id).await?;
    Ok(true)
}

/// The webhooks that are ours, the one to keep first: the one that is known, else the oldest, so
/// that callers who do this at the same moment keep the same one.
async fn ours<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    url: &Url,
    known_id: Option<&str>,
) -> Result<Vec<Hook>, ProviderError> {
    let is_known = |hook: &Hook| Some(hook.info.id.as_str()) == known_id;
    let mut found: Vec<Hook> = Vec::new();
    let mut at = None;
    for _ in 0..MAX_PAGES {
        let page = host.hook_page(info, at.as_ref()).await?;
        for hook in page.items {
            let is_new = found.iter().all(|known| known.info.id != hook.info.id);
            if is_new && (is_known(&hook) || hook.goes_to(url)) {
                found.push(hook);
            }
        }
        at = page.next;
        if at.is_none() {
            // Numbers grow, uuids merely have an order.
            let age = |hook: &Hook| {
                (
                    hook.info.id.parse().unwrap_or(u64::MAX),
                    hook.info.id.clone(),
                )
            };
            found.sort_by_cached_key(|hook| (!is_known(hook), age(hook)));
            return Ok(found);
        }
    }
    Err(ProviderError::malformed(
        "a list of webhooks without an end",
    ))
}

/// Makes the first one as it is wanted, and removes the others.
async fn adopt<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    wanted: &WantedWebhook,
    found: Vec<Hook>,
) -> Result<RegisteredWebhook, ProviderError> {
    let mut found = found.into_iter();
    let kept = found.next();
    let kept = kept.ok_or_else(|| ProviderError::malformed("no webhook to adopt"))?;
    let others: Vec<_> = found.filter(|hook| hook.goes_to(&wanted.url)).collect();
    let writes = u32::try_from(1 + others.len()).unwrap_or(u32::MAX);
    let session = &host.context().session;
    session.reserve(writes.saturating_add(1), writes).await?;
    // First the others go: GitHub lets no two have the same URL.
    for other in &others {
        delete(host, info, &other.info.id).await?;
    }
    let outcome = host.set_hook(info, &kept, wanted, Extent::Whole).await;
    let set = if_still_there(host, info, &kept.info.id, outcome).await?;
    // Removed by somebody else in between; the next call makes another one.
    let set = set.ok_or_else(|| ProviderError::outage(Outage::Status(404)))?;
    let registered = read_back(host, info, wanted, set, Extent::Whole).await?;
    Ok(RegisteredWebhook {
        existing: true,
        ..registered
    })
}

/// After a webhook was made: somebody else may have made one at the same moment, where the host
/// allows two with the same URL.
async fn made_so<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    wanted: &WantedWebhook,
    made: Hook,
) -> Result<RegisteredWebhook, ProviderError> {
    match ours(host, info, &wanted.url, None).await {
        Ok(found) if found.len() > 1 => {
            let is_kept = found
                .first()
                .is_some_and(|kept| kept.info.id == made.info.id);
            let adopted = adopt(host, info, wanted, found).await?;
            Ok(RegisteredWebhook {
                existing: !is_kept,
                ..adopted
            })
        }
        Ok(found) => {
            let shown = found.into_iter().find(|hook| hook.info.id == made.info.id);
            // Some hosts are slow to show what they have said that they made.
            judged(wanted, shown.unwrap_or(made), Extent::Whole)
        }
        // Its own answer said that it was made.
        Err(_) => judged(wanted, made, Extent::Whole),
    }
}

async fn read_back<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    wanted: &WantedWebhook,
    set: Hook,
    extent: Extent,
) -> Result<RegisteredWebhook, ProviderError> {
    let shown = host.find_hook(info, &set.info.id).await;
    let shown = shown.ok().flatten();
    judged(wanted, shown.unwrap_or(set), extent)
}

/// Whether a webhook is as it was set. Which events it sends is not held against it: an older
/// version of a host may not know all of them, and [`super::WebhookInfo::complete`] tells.
fn judged(
    wanted: &WantedWebhook,
    found: Hook,
    extent: Extent,
) -> Result<RegisteredWebhook, ProviderError> {
    let is_off = extent == Extent::Whole && !found.info.active;
    if !found.goes_to(&wanted.url) || is_off || found.has_secret == Some(false) {
        return Err(ProviderError::malformed(
            "a webhook that was set and is not so",
        ));
    }
    Ok(RegisteredWebhook {
        id: found.info.id,
        scheme: found.info.scheme,
        existing: false,
    })
}

/// Removes a webhook. One that is not there any more is removed; after a lost answer that is looked
/// up.
async fn delete<H: Host>(host: &H, info: &RepositoryInfo, id: &str) -> Result<(), ProviderError> {
    let outcome = host.delete_hook(info, id).await;
    match if_still_there(host, info, id, outcome).await {
        Err(error @ ProviderError::Unavailable { .. }) => match find(host, info, id).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(error),
        },
        other => other.map(|_| ()),
    }
}

/// What a change came to; `None` if there is no such webhook any more. A 404 for one that is there
/// to be seen hides a missing right.
async fn if_still_there<H: Host, T: Send>(
    host: &H,
    info: &RepositoryInfo,
    id: &str,
    outcome: Result<T, ProviderError>,
) -> Result<Option<T>, ProviderError> {
    let gone = ProviderError::NotFound {
        what: Missing::Part,
    };
    match outcome {
        Err(ProviderError::NotFound {
            what: Missing::Part,
        }) => match find(host, info, id).await? {
            Some(_) => Err(gone),
            None => Ok(None),
        },
        other => other.map(Some),
    }
}

/// An answer that says that nothing was made, and why.
fn is_refusal(error: &ProviderError) -> bool {
    !matches!(
        error,
        ProviderError::Conflict | ProviderError::Unavailable { .. }
    )
}

/// A repository that takes no changes is not even asked.
fn writable(info: &RepositoryInfo) -> Result<(), ProviderError> {
    if info.archived {
        return Err(ProviderError::ReadOnly);
    }
    Ok(())
}
