//! Reading a body without ever keeping more of it than wanted.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, combinators::BoxBody};

use super::failure::{self, Phase};
use crate::{Cause, Outage, ProviderError};

/// What a dialled answer's body is, whichever client dialled.
pub(crate) type AnyBody = BoxBody<Bytes, Cause>;

/// The whole body, if it has at most `max` bytes. Room is made for what came, not for what was
/// announced.
pub(crate) async fn collect(mut body: AnyBody, max: usize) -> Result<Bytes, ProviderError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure::classify(&*error, Phase::Body))?;
        let Ok(data) = frame.into_data() else {
            continue; // trailers
        };
        if bytes.len() + data.len() > max {
            return Err(ProviderError::outage(Outage::TooLarge));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
