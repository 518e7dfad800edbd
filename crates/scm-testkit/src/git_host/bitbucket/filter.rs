//! The query language of listings, as far as names need it: `name = "x"` and `name ~ "x"`.

/// A filter: one comparison, or none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter(Option<Comparison>);

#[derive(Debug, PartialEq, Eq)]
struct Comparison {
    field: String,
    contains: bool,
    text: String,
}

impl Filter {
    pub(super) fn all() -> Self {
        Self(None)
    }

    /// None if this is not one comparison with a quoted text.
    pub(super) fn parse(query: &str) -> Option<Self> {
        let at = query.find(['=', '~'])?;
        let (field, rest) = query.split_at(at);
        let text = unquoted(rest[1..].trim())?;
        Some(Self(Some(Comparison {
            field: field.trim().to_owned(),
            contains: rest.starts_with('~'),
            text,
        })))
    }

    pub(super) fn takes(&self, field: &str, value: &str) -> bool {
        self.0.as_ref().is_none_or(|it| {
            let text = &it.text;
            it.field == field
                && if it.contains {
                    value.to_lowercase().contains(&text.to_lowercase())
                } else {
                    value == text
                }
        })
    }
}

/// The text between quotes, with `\"` and `\\` for what cannot stand there alone.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => plain.push(characters.next()?),
            other => plain.push(other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn comparisons() {
        #[track_caller]
        fn check(query: &str, name: &str, want: Option<bool>) {
            let got = Filter::parse(query).map(|it| it.takes("name", name));
            assert_eq!(got, want, "{query}");
        }
        check(r#"name="a""#, "a", Some(true));
        check(r#"name = "a""#, "ab", Some(false));
        check(r#"name ~ "A""#, "bab", Some(true));
        check(r#"name = "q\"\\=~""#, "q\"\\=~", Some(true));
        check(r#"other = "a""#, "a", Some(false));
        check(r#"name = "a" AND name = "b""#, "a", None);
        check("name = a", "a", None);
        check("a", "a", None);
    }
}
