//! Requests that are safe to send twice: the first answer is kept under the caller's key.
//!
//! - A key belongs to a tenant; what it was used for is known by a fingerprint of the request.
//! - An answer is kept for 24 hours; a request that died on the way holds its key for a minute.

use scm_store::{Claim, StoredAnswer, Ticket};
use scm_types::{Caller, Fingerprint, IdempotencyKey};

use crate::{ServiceError, Services};

impl Services {
    /// Takes a key for a request, or tells what became of the one that has it.
    pub async fn claim(
        &self,
        caller: &Caller,
        key: &IdempotencyKey,
        fingerprint: &Fingerprint,
    ) -> Result<Claim, ServiceError> {
        Ok(self
            .idempotency
            .claim(&caller.scope(), key, fingerprint)
            .await?)
    }

    /// Keeps the answer of a request. It must hold no secret.
    pub async fn finish(&self, ticket: Ticket, answer: &StoredAnswer) -> Result<(), ServiceError> {
        Ok(self.idempotency.finish(ticket, answer).await?)
    }

    /// Gives a key back: the request came to nothing and may be sent again.
    pub async fn release(&self, ticket: Ticket) -> Result<(), ServiceError> {
        Ok(self.idempotency.release(ticket).await?)
    }
}
