//! What the original's `SCMService` does to a tenant's repository, on every code host.
//!
//! - It is done with the tenant's only active integration, or with the one that is named: which of
//!   several is meant is never guessed.
//! - A branch that is not there is an answer; a host that does not answer is a fault.

use scm_http::Fields;
use scm_service::{
    NewBranch, NewRelease, NewTag, NotesRequest, PreviousTag, ProviderError, ReleaseDate,
    ServiceError, Services, TagTarget, UrlRequest,
};
use scm_types::{
    BranchName, Caller, IntegrationId, PageLimit, PageRequest, RefSpec, ScmIntegrationFilters,
    TagName, TenantId, tag_name_for,
};
use serde_json::Value;

use crate::{
    call::{tenant, value},
    fault::Fault,
};

/// Whom and what an operation is for.
struct Work<'a> {
    services: &'a Services,
    caller: &'a Caller,
    tenant: TenantId,
}

/// Does one of them for the tenant `subject`.
pub(crate) async fn run(
    services: &Services,
    caller: &Caller,
    subject: &str,
    name: &str,
    fields: Fields,
) -> Result<Value, Fault> {
    let work = Work {
        services,
        caller,
        tenant: tenant(subject)?,
    };
    match name {
        "checkBranchExists" => work.branch_exists(fields).await,
        "forkOutBranch" => work.fork_branch(fields).await,
        "createReleaseTag" => work.tag(fields).await,
        "createReleaseNotes" => work.notes(fields).await,
        "createFinalReleaseNotes" => work.release(fields).await,
        "getCommitsDiff" => work.commits(fields).await,
        "checkCherryPickStatus" => work.cherry_picks(fields).await,
        "getBranchUrl" => work.branch_url(fields).await,
        "getTagUrl" => work.tag_url(fields).await,
        _ => Err(Fault::unknown_operation()),
    }
}

/// The integration that the caller named, if it did.
fn named(fields: &mut Fields) -> Option<IntegrationId> {
    fields.text("integrationId", IntegrationId::parse)
}

fn branch(fields: &mut Fields, field: &'static str) -> Option<BranchName> {
    fields.required_text(field, |raw| BranchName::parse(&raw))
}

fn tag(fields: &mut Fields, field: &'static str) -> Option<TagName> {
    fields.required_text(field, |raw| TagName::parse(&raw))
}

/// A required argument behind `finish`, which has let none through that is missing or wrong.
fn there<T>(argument: Option<T>) -> Result<T, Fault> {
    argument.ok_or_else(|| Fault::invalid("", "an argument is missing"))
}

/// A tag by its name, or by targets and a version if there is no name; an empty name is none.
fn name_or_parts(
    fields: &mut Fields,
    [name, targets, version]: [&'static str; 3],
) -> Option<TagName> {
    let named = !fields.is_missing(name);
    let given = fields.text(name, |raw| {
        if raw.is_empty() {
            Ok(None)
        } else {
            TagName::parse(&raw).map(Some)
        }
    });
    let parts = fields.has(targets).then(|| fields.texts(targets)).flatten();
    let number = fields.text(version, Ok::<_, String>);
    if named {
        return given.flatten();
    }
    let made = tag_name_for(&parts?, &number?);
    made.map_err(|error| fields.refuse(targets, error)).ok()
}

impl Work<'_> {
    /// The integration to work with.
    async fn integration(&self, named: Option<IntegrationId>) -> Result<IntegrationId, Fault> {
        if let Some(id) = named {
            let row = self.services.get(self.caller, &id).await?;
            // The platform reaches every row: the tenant that was named counts.
            return if row.tenant_id == self.tenant {
                Ok(id)
            } else {
                Err(ServiceError::NotFound.into())
            };
        }
        let filters = ScmIntegrationFilters {
            tenant_id: Some(self.tenant.clone()),
            is_active: Some(true),
            ..ScmIntegrationFilters::default()
        };
        let page = PageRequest {
            limit: PageLimit::new(2).unwrap_or_default(),
            after: None,
        };
        let found = self.services.list(self.caller, &filters, &page).await?;
        let mut rows = found.items.into_iter();
        match (rows.next(), rows.next()) {
            (None, _) => Err(Fault::none_active()),
            (Some(row), None) => Ok(row.id),
            (Some(_), Some(_)) => Err(Fault::ambiguous()),
        }
    }

    async fn branch_exists(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let name = branch(&mut fields, "branch");
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        match self.services.branch(self.caller, &id, &there(name)?).await {
            Ok(_) => value(true),
            Err(ServiceError::Provider(ProviderError::RefNotFound { .. })) => value(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn fork_branch(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let name = branch(&mut fields, "releaseBranch");
        let from = branch(&mut fields, "baseBranch");
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let new = NewBranch {
            name: there(name)?,
            from: RefSpec::Branch(there(from)?),
            expected_sha: None,
        };
        self.services.create_branch(self.caller, &id, &new).await?;
        Ok(Value::Null)
    }

    async fn tag(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let at = branch(&mut fields, "releaseBranch");
        let unnamed = fields.is_missing("tagName");
        if unnamed {
            for part in ["targets", "version"] {
                if !fields.has(part) {
                    fields.refuse(part, "is required without a tagName");
                }
            }
        }
        let name = name_or_parts(&mut fields, ["tagName", "targets", "version"]);
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let (name, at) = (there(name)?, there(at)?);
        let new = NewTag {
            message: Some(format!("Release tag: {name} created for {at}")),
            name,
            target: TagTarget::Branch {
                name: at,
                expected_sha: None,
            },
        };
        let made = self.services.create_tag(self.caller, &id, &new).await?;
        value(made.value.name)
    }

    async fn notes(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let current = tag(&mut fields, "currentTag");
        let parts = ["previousTag", "parentTargets", "baseVersion"];
        let previous = name_or_parts(&mut fields, parts);
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let request = NotesRequest {
            current: there(current)?,
            previous: previous.map_or(PreviousTag::Newest, PreviousTag::Given),
            date: None,
        };
        let notes = self.services.release_notes(self.caller, &id, &request);
        value(notes.await?.notes)
    }

    async fn release(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let current = tag(&mut fields, "currentTag");
        let previous = fields.text("previousTag", |raw| {
            if raw.is_empty() {
                Ok(None)
            } else {
                TagName::parse(&raw).map(Some)
            }
        });
        let date = fields.text("releaseDate", |raw| raw.parse::<ReleaseDate>());
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let new = NewRelease {
            tag: there(current)?,
            target: None,
            name: None,
            notes: None,
            previous: previous
                .flatten()
                .map_or(PreviousTag::Newest, PreviousTag::Given),
            date,
            prerelease: false,
        };
        let made = self.services.create_release(self.caller, &id, &new);
        value(made.await?.value.url)
    }

    async fn commits(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let head = branch(&mut fields, "branch");
        let base = tag(&mut fields, "tag");
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let (base, head) = (RefSpec::Tag(there(base)?), RefSpec::Branch(there(head)?));
        let compared = self.services.compare(self.caller, &id, &base, &head);
        value(compared.await?.comparison.count)
    }

    async fn cherry_picks(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let branch = branch(&mut fields, "branch");
        let tag = tag(&mut fields, "tag");
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let (branch, tag) = (there(branch)?, there(tag)?);
        let found = self.services.cherry_picks(self.caller, &id, &branch, &tag);
        value(found.await?.has_cherry_picks)
    }

    async fn branch_url(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let branch = branch(&mut fields, "branch");
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let request = UrlRequest {
            branch: Some(there(branch)?),
            ..UrlRequest::default()
        };
        value(self.services.urls(self.caller, &id, &request).await?.branch)
    }

    async fn tag_url(&self, mut fields: Fields) -> Result<Value, Fault> {
        let named = named(&mut fields);
        let tag = tag(&mut fields, "tag");
        fields.finish(&[])?;
        let id = self.integration(named).await?;
        let request = UrlRequest {
            tag: Some(there(tag)?),
            ..UrlRequest::default()
        };
        value(self.services.urls(self.caller, &id, &request).await?.tag)
    }
}
