//! One table per file, as the migrations made it. Rows become domain types in `convert`.

pub(crate) mod scm_credential_renewal;
pub(crate) mod scm_idempotency_key;
pub(crate) mod scm_key_canary;
pub(crate) mod tenant_scm_integration;
