//! Names in a request that do not belong there: told once each, and never more than a handful.

use scm_service::FieldError;

/// So many are told one by one; an answer must not grow with what was sent.
pub(crate) const TOLD: usize = 20;

/// What to say about names that nobody asked for. The first unknown one lists the known ones.
pub(crate) fn refused<'a>(
    names: impl Iterator<Item = &'a str>,
    known: &[&str],
    immutable: &[&str],
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut listed = false;
    let mut more = 0_usize;
    for name in names {
        if errors.len() == TOLD {
            more += 1;
        } else if immutable.contains(&name) {
            errors.push(FieldError::new(name, "cannot be changed"));
        } else if listed {
            errors.push(FieldError::new(printable(name), "is not known here"));
        } else {
            listed = true;
            let hint = match known {
                [] => "is not known here; nothing is".to_owned(),
                known => format!("is not known here; known are {}", known.join(", ")),
            };
            errors.push(FieldError::new(printable(name), hint));
        }
    }
    if more > 0 {
        errors.push(FieldError::new(
            "",
            format!("{more} more are not known here"),
        ));
    }
    errors
}

/// A name that came from outside, fit to be shown: short and without control characters.
pub(crate) fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_does_not_grow_with_the_request() {
        let names: Vec<_> = (0..20_000)
            .map(|number| format!("n{number}\u{1}"))
            .collect();
        let errors = refused(names.iter().map(String::as_str), &["a", "b"], &[]);
        assert_eq!(errors.len(), TOLD + 1);
        assert_eq!(errors[0].field, "n0");
        assert_eq!(errors[0].message, "is not known here; known are a, b");
        assert_eq!(errors[1].message, "is not known here");
        assert_eq!(errors[TOLD].message, "19980 more are not known here");
        assert_eq!(
            refused(["id"].into_iter(), &["a"], &["id"])[0].message,
            "cannot be changed"
        );
    }
}
