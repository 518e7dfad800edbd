//! Who calls, as the embedding program says.

use scm_http::Fields;
use scm_types::{Access, AccountId, Caller, RequestId, TenantId};

use crate::fault::Fault;

/// Reads `{accountId, tenantId?, role?, requestId?}`. Without a tenant the role has to be `platform`,
/// so that a forgotten tenant is refused and does not reach everything.
pub(crate) fn caller(json: &str) -> Result<Caller, Fault> {
    let mut fields = Fields::parse(json.as_bytes())?;
    let account = fields.required_text("accountId", AccountId::parse);
    let tenant = fields.text("tenantId", TenantId::parse);
    let role = fields.required_text("role", Ok::<_, String>);
    let request_id = fields.text("requestId", RequestId::parse);
    let access = role.and_then(|role| {
        let access = Access::of(&role, tenant);
        if access.is_none() {
            let text = "must be viewer, editor or owner with a tenantId, or platform without one";
            fields.refuse("role", text);
        }
        access
    });
    fields.finish(&[])?;
    match (account, access) {
        (Some(account), Some(access)) => {
            let mut caller = Caller::new(account, access);
            caller.request_id = request_id;
            Ok(caller)
        }
        // `finish` has told what is missing.
        _ => Err(Fault::invalid("caller", "is not complete")),
    }
}
