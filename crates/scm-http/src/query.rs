//! Reading a query string: each parameter known and given once, with every wrong one told at once.

use std::fmt::Display;

use actix_web::HttpRequest;
use scm_service::FieldError;
use scm_types::{InvalidPage, PageLimit};

use crate::{ApiError, path::decode, unknown::refused};

/// The parameters of a request, taken out one by one.
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Query {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let parts = request.query_string().split('&');
        let pairs = parts.filter(|part| !part.is_empty()).map(pair);
        Ok(Self {
            pairs: pairs
                .collect::<Option<_>>()
                .ok_or(ApiError::MalformedQuery)?,
            known: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// A parameter turned into what it means; `None` if it is absent or wrong.
    pub(crate) fn get<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.known.push(name);
        let position = self.pairs.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.pairs.swap_remove(position);
        if self.pairs.iter().any(|(key, _)| key == name) {
            self.pairs.retain(|(key, _)| key != name);
            self.errors
                .push(FieldError::new(name, "must be given once"));
            return None;
        }
        parse(&value)
            .map_err(|error| self.errors.push(FieldError::new(name, error)))
            .ok()
    }

    /// The same for a parameter that has to be there.
    pub(crate) fn required<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.has(name) {
            return self.get(name, parse);
        }
        self.known.push(name);
        self.refuse(name, "is required");
        None
    }

    /// True if the parameter was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// Notes a problem with a parameter.
    pub(crate) fn refuse(&mut self, name: &str, message: impl ToString) {
        self.errors.push(FieldError::new(name, message));
    }

    /// Names what was left over, and fails if anything was wrong.
    pub(crate) fn finish(mut self) -> Result<(), ApiError> {
        let names = self.pairs.iter().map(|(name, _)| name.as_str());
        self.errors.extend(refused(names, &self.known, &[]));
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.errors))
        }
    }
}

/// A parameter's name and value, decoded strictly: a wrong byte must not become another name.
fn pair(raw: &str) -> Option<(String, String)> {
    let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
    let text = |raw: &str| decode(&raw.replace('+', " "));
    Some((text(name)?, text(value)?))
}

/// How many of a list are wanted at the most.
pub(crate) fn limit(raw: &str) -> Result<PageLimit, InvalidPage> {
    PageLimit::new(raw.parse().unwrap_or_default())
}

/// `true` or `false` and nothing else.
pub(crate) fn boolean(raw: &str) -> Result<bool, &'static str> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn parameters() {
        #[track_caller]
        fn check(query: &str, want: Result<Option<bool>, &str>) {
            let request = TestRequest::with_uri(&format!("/?{query}")).to_http_request();
            let mut query = Query::of(&request).unwrap();
            let hard = query.get("hard", boolean);
            let got = query
                .finish()
                .map(|()| hard)
                .map_err(|error| error.to_string());
            assert_eq!(got, want.map_err(str::to_owned));
        }
        check("", Ok(None));
        check("hard=true", Ok(Some(true)));
        check("hard=1", Err("hard must be true or false"));
        check("hard=", Err("hard must be true or false"));
        check("hard=true&hard=true", Err("hard must be given once"));
        check("&hard=true&", Ok(Some(true)));
        check("h%61rd=%74rue", Ok(Some(true)));
        check("soft=true", Err("soft is not known here; known are hard"));
    }

    #[test]
    fn values_are_decoded_strictly() {
        for (raw, want) in [
            ("a=b", Some(("a", "b"))),
            ("a", Some(("a", ""))),
            ("a=b=c", Some(("a", "b=c"))),
            ("a=b+c%2Bd%20e", Some(("a", "b c+d e"))),
            ("%C3%BC=%C3%BC", Some(("ü", "ü"))),
            ("a=%ff", None),
            ("%ff=a", None),
            ("a=100%", None),
            ("a=%2", None),
            ("a=%zz", None),
        ] {
            let got = pair(raw);
            let got = got.as_ref().map(|(name, value)| (&**name, &**value));
            assert_eq!(got, want, "{raw}");
        }
    }
}
