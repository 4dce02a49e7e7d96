//! The proof system panics on what it does not like; nothing of that gets out of this crate.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`, and makes of a panic or an error a reason.
pub(crate) fn guard<T, E: std::fmt::Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(shortened(&format!("{error:#}"))),
        Err(panic) => Err(shortened(&message(&*panic))),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

/// One line that fits into a table: errors of the proof system may carry whole tries.
fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_reason_of_one_short_line() {
        assert_eq!(guard(|| Ok::<_, String>(7)), Ok(7));
        assert_eq!(guard(|| Err::<(), _>("no\n such thing")), Err("no such thing".to_owned()));
        assert_eq!(guard(|| -> Result<(), String> { panic!("{}", 5) }), Err("5".to_owned()));
        let long = guard(|| -> Result<(), String> { panic!("{}", "x".repeat(1000)) }).unwrap_err();
        assert_eq!(long.len(), 404);
    }
}
