//! Why a delivery is refused, and why a verified one cannot be read.

/// A delivery that is not proved to be the host's. The variants are for logs; outside they are all
/// the same refusal. Holds nothing of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not one or two secrets: without one nothing can be verified.
    #[error("Verifying a delivery takes one secret, or two while it is replaced")]
    Secrets,
    /// The scheme signs with a `whsec_` key, and no secret is one.
    #[error(
        "The webhook's secret is no signing key: it must be whsec_ and base64; replace the secret"
    )]
    SigningKey,
    /// The header that the scheme asks for is not there.
    #[error("The delivery has no signature of the kind that its webhook is set up for")]
    Missing,
    /// The header is there twice, or not in the form that the host writes.
    #[error("The delivery's signature is not in the form of its host")]
    Malformed,
    /// It was signed more than five minutes ago or ahead.
    #[error("The delivery was signed too long ago or in the future; compare the clocks")]
    Stale,
    /// No secret made this signature.
    #[error("The delivery was signed with another secret")]
    Mismatch,
}

impl SignatureError {
    /// True if not the delivery is at fault but the secret that is stored.
    #[must_use]
    pub fn is_configuration(self) -> bool {
        matches!(self, Self::Secrets | Self::SigningKey)
    }
}

/// A verified delivery that cannot be read. Holds nothing of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON by its header, such as GitHub's form-encoded deliveries.
    #[error(
        "Content-Type must be application/json; set the webhook's content type to application/json at the code host"
    )]
    ContentType,
    /// The header that names the event is not there.
    #[error("The delivery does not name its event")]
    Event,
    /// Bytes that are no text.
    #[error("The payload must be UTF-8")]
    Encoding,
    /// More brackets within each other than any host sends.
    #[error("The payload must be at most {max} levels deep", max = Self::MAX_DEPTH)]
    Depth,
    /// No JSON object.
    #[error("The payload must be a JSON object; it breaks off or goes wrong in line {line}")]
    Json {
        /// Counted from 1.
        line: usize,
    },
    /// JSON, but a member that is needed has another type.
    #[error("The payload has not the form of its event; look at line {line}")]
    Shape {
        /// Counted from 1.
        line: usize,
    },
    /// A member that is needed is not there or makes no sense.
    #[error("The payload must have {0}")]
    Missing(&'static str),
}

impl PayloadError {
    /// How deep a payload may be nested; the hosts' own stay below 20.
    pub const MAX_DEPTH: usize = 64;
}

impl From<serde_json::Error> for PayloadError {
    fn from(error: serde_json::Error) -> Self {
        let line = error.line();
        if error.is_data() {
            Self::Shape { line }
        } else {
            Self::Json { line }
        }
    }
}
