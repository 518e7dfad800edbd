//! The code hosts that tenants may connect to, as the embedding program lists them.

use scm_http::Fields;
use scm_service::{OauthClient, ProviderHost};
use scm_types::{ClientSecret, HostKind, WebHost};
use serde_json::Value;
use url::Url;

use crate::fault::Fault;

const KINDS: [HostKind; 4] = [
    HostKind::Github,
    HostKind::Gitlab,
    HostKind::Bitbucket,
    HostKind::BitbucketDataCenter,
];

/// Reads the list; each of its members as a section `[[hosts]]` of the server's configuration, in
/// camelCase.
pub(crate) fn hosts(json: &str) -> Result<Vec<ProviderHost>, Fault> {
    let list: Vec<Value> =
        serde_json::from_str(json).map_err(|_| Fault::invalid("hosts", "must be a list"))?;
    list.iter()
        .map(|host| {
            // Reading it again tells members that stand there twice, and keeps one way of reading.
            let fields = Fields::parse(host.to_string().as_bytes())?;
            one(fields)
        })
        .collect()
}

fn one(mut fields: Fields) -> Result<ProviderHost, Fault> {
    let kind = fields.required_text("kind", |raw| {
        let kind = KINDS.into_iter().find(|kind| kind.as_str() == raw);
        kind.ok_or_else(|| format!("must be one of {}", KINDS.map(HostKind::as_str).join(", ")))
    });
    let name = fields.required_text("host", Ok::<_, String>);
    let web = kind.zip(name).and_then(|(kind, name)| {
        let web = WebHost::parse(kind, &name);
        web.map_err(|error| fields.refuse("host", error)).ok()
    });
    let api_url = fields.text("apiUrl", |raw| raw.parse::<Url>());
    let oauth_url = fields.text("oauthUrl", |raw| raw.parse::<Url>());
    let private = fields.boolean("allowPrivateAddresses").unwrap_or_default();
    let ca = fields.text("caPem", Ok::<_, String>);
    let client_id = fields.text("oauthClientId", Ok::<_, String>);
    let client_secret = fields.text("oauthClientSecret", ClientSecret::parse);
    let redirect_uri = fields.text("oauthRedirectUri", Ok::<_, String>);
    if client_id.is_some() != client_secret.is_some() {
        fields.refuse(
            "oauthClientSecret",
            "goes with oauthClientId; give both or none",
        );
    }
    fields.finish(&[])?;
    let web = web.ok_or_else(|| Fault::invalid("hosts", "cannot be used"))?;
    let mut host = ProviderHost::default_for(web);
    if let Some(url) = api_url {
        host.api_url = url;
    }
    host.oauth_url = oauth_url.or(host.oauth_url);
    host.allow_private_addresses = private;
    host.ca_pem = ca.map(String::into_bytes);
    host.oauth = client_id
        .zip(client_secret)
        .map(|(client_id, client_secret)| OauthClient {
            client_id,
            client_secret,
            redirect_uri,
        });
    Ok(host)
}
