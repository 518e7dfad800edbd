//! One table per file, as the migrations made it. Rows become domain types in `convert`.

pub(crate) mod scm_api_key;
pub(crate) mod scm_audit_head;
pub(crate) mod scm_audit_log;
pub(crate) mod scm_credential_renewal;
pub(crate) mod scm_event;
pub(crate) mod scm_event_head;
pub(crate) mod scm_idempotency_key;
pub(crate) mod scm_job;
pub(crate) mod scm_key_canary;
pub(crate) mod scm_known_ref;
pub(crate) mod scm_redelivery;
pub(crate) mod scm_ref_check;
pub(crate) mod scm_repository_alias;
pub(crate) mod scm_server;
pub(crate) mod scm_webhook_delivery;
pub(crate) mod tenant_scm_integration;
