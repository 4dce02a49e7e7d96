//! How a command failed, for people: one sentence, and whether the command line was to blame.

use std::error::Error;

/// How the command line is wrong, in one sentence; the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// An error and what lies under it, where that is not said already.
pub fn sentence(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).fold(String::new(), |text, cause| match text.is_empty() {
        true => cause,
        false if text.contains(&cause) => text,
        false => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Says(&'static str, #[source] Option<Box<Says>>);

    #[test]
    fn what_is_said_already_is_not_said_again() {
        let under = |text, source| Some(Box::new(Says(text, source)));
        let error = Says("no file x: it is gone", under("it is gone", under("disk", None)));
        assert_eq!(sentence(&error), "no file x: it is gone: disk");
    }
}
