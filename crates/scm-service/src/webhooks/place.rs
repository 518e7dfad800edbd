//! Which repository a delivery speaks of, and where that is now.

use scm_store::{DeliveryTarget, RepositoryMove};
use scm_types::{
    DisplayName, EventKind, EventRepository, HostKind, MoveEvent, RepoUrl, ScmEvent, WebHosts,
};
use url::Url;

/// The integration that a delivery is for.
pub(super) struct Place<'a> {
    pub(super) target: &'a DeliveryTarget,
    /// Its repository.
    pub(super) url: RepoUrl,
}

/// True if the event is about another repository than the integration's. The host's own id decides;
/// where none is known yet, the path.
pub(super) fn is_elsewhere(event: &ScmEvent, target: &DeliveryTarget, url: &RepoUrl) -> bool {
    let Some(repository) = &event.repository else {
        return false;
    };
    if let Some(known) = &target.provider_repository_id {
        return *known != repository.provider_repository_id;
    }
    let here = url.path();
    let was_here = moved(&event.kind).and_then(|moved| moved.old_path.as_deref());
    !is_same(&repository.path, &here) && !was_here.is_some_and(|path| is_same(path, &here))
}

/// The move that an event tells of.
pub(super) fn moved(kind: &EventKind) -> Option<&MoveEvent> {
    match kind {
        EventKind::RepositoryRenamed(moved) | EventKind::RepositoryTransferred(moved) => {
            Some(moved)
        }
        _ => None,
    }
}

/// Hosts do not tell `Acme/Shop` from `acme/shop`.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

impl Place<'_> {
    /// The event that tells that the repository is where `repository` says, if it is not where it
    /// was. Not every host tells of it; each delivery shows it.
    pub(super) fn unnoticed(&self, repository: &EventRepository) -> Option<EventKind> {
        let old = self.url.path();
        if is_same(&old, &repository.path) {
            return None;
        }
        let owner = |path: &str| path.rsplit_once('/').map(|(owner, _)| owner.to_lowercase());
        let same_owner = owner(&old) == owner(&repository.path);
        let moved = MoveEvent {
            old_path: Some(old),
            new_path: repository.path.clone(),
        };
        Some(if same_owner {
            EventKind::RepositoryRenamed(moved)
        } else {
            EventKind::RepositoryTransferred(moved)
        })
    }

    /// What changes of the integration when its repository is at this path; `None` if nothing on
    /// the same host can be meant by it.
    pub(super) fn moved_to(&self, path: &str, hosts: &WebHosts) -> Option<RepositoryMove> {
        let row = &self.target.integration;
        let to = RepoUrl::parse(self.url_of(path)?.as_str(), hosts).ok()?;
        if to.host() != self.url.host() || !is_same(&to.path(), path) {
            return None;
        }
        let by_path = row.display_name == self.url.path();
        let numeric = |id: &Option<String>| {
            id.clone()
                .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
        };
        Some(RepositoryMove {
            from: row.repository_url.clone(),
            display_name: by_path
                .then(|| DisplayName::parse(&to.path()).ok())
                .flatten(),
            gitlab_project_id: numeric(&row.gitlab_project_id).or_else(|| Some(to.path())),
            gitlab_group_id: numeric(&row.gitlab_group_id).or_else(|| Some(to.owner())),
            to,
        })
    }

    /// The address of a path on the integration's host.
    fn url_of(&self, path: &str) -> Option<Url> {
        let mut url = Url::parse(self.url.host().base_url()).ok()?;
        {
            let mut segments = url.path_segments_mut().ok()?;
            segments.pop_if_empty();
            if self.url.kind() == HostKind::BitbucketDataCenter {
                let (project, name) = path.split_once('/')?;
                segments.extend(["projects", project, "repos", name]);
            } else {
                segments.extend(path.split('/'));
            }
        }
        Some(url)
    }
}
