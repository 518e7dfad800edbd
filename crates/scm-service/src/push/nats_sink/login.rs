//! How this process proves to NATS who it is.

use async_nats::ConnectOptions;
use zeroize::Zeroizing;

/// A login. Cannot be printed.
///
/// The client of NATS keeps a copy of it that is not wiped, for as long as the connection is there.
pub struct NatsLogin(Kind);

enum Kind {
    Nobody,
    Token(Zeroizing<String>),
    User {
        name: String,
        password: Zeroizing<String>,
    },
    Credentials(Zeroizing<String>),
}

/// The text is no login. Says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNatsLogin {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// Not what the tools of NATS write.
    #[error(
        "must be the text of a credentials file, as nsc writes it: a user's JWT and the seed of its key"
    )]
    Credentials,
}

impl NatsLogin {
    /// For a NATS that lets anybody in.
    #[must_use]
    pub fn nobody() -> Self {
        Self(Kind::Nobody)
    }

    /// With the token of the server's configuration.
    pub fn token(token: Zeroizing<String>) -> Result<Self, InvalidNatsLogin> {
        if token.is_empty() {
            return Err(InvalidNatsLogin::Empty);
        }
        Ok(Self(Kind::Token(token)))
    }

    /// With a name and a password.
    pub fn user(name: String, password: Zeroizing<String>) -> Result<Self, InvalidNatsLogin> {
        if name.is_empty() || password.is_empty() {
            return Err(InvalidNatsLogin::Empty);
        }
        Ok(Self(Kind::User { name, password }))
    }

    /// With the text of a credentials file.
    pub fn credentials(text: Zeroizing<String>) -> Result<Self, InvalidNatsLogin> {
        let login = Self(Kind::Credentials(text));
        login.apply(ConnectOptions::new())?;
        Ok(login)
    }

    pub(super) fn apply(
        &self,
        options: ConnectOptions,
    ) -> Result<ConnectOptions, InvalidNatsLogin> {
        Ok(match &self.0 {
            Kind::Nobody => options,
            Kind::Token(token) => options.token(token.as_str().to_owned()),
            Kind::User { name, password } => {
                options.user_and_password(name.clone(), password.as_str().to_owned())
            }
            // What cannot be read is told with a part of it.
            Kind::Credentials(text) => options
                .credentials(text)
                .map_err(|_| InvalidNatsLogin::Credentials)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user of nobody's, made for this test.
    const CREDENTIALS: &str = "-----BEGIN NATS USER JWT-----\n\
        eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2lnbmF0dXJl\n\
        ------END NATS USER JWT------\n\n\
        -----BEGIN USER NKEY SEED-----\n\
        SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n\
        ------END USER NKEY SEED------\n";

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn what_is_a_login() {
        assert!(NatsLogin::token(secret("t")).is_ok());
        assert!(NatsLogin::user("scm".to_owned(), secret("p")).is_ok());
        assert!(NatsLogin::credentials(secret(CREDENTIALS)).is_ok());
    }

    #[test]
    fn what_is_none() {
        let empty = Some(InvalidNatsLogin::Empty);
        assert_eq!(NatsLogin::token(secret("")).err(), empty);
        assert_eq!(NatsLogin::user(String::new(), secret("p")).err(), empty);
        assert_eq!(NatsLogin::user("scm".to_owned(), secret("")).err(), empty);
        let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
        for text in [
            String::new(),
            "hunter2".to_owned(),
            CREDENTIALS.replace(seed, ""),
            CREDENTIALS.replace(seed, "SUhunter2"),
        ] {
            let refused = NatsLogin::credentials(secret(&text)).err();
            assert_eq!(refused, Some(InvalidNatsLogin::Credentials), "{text}");
        }
    }
}
