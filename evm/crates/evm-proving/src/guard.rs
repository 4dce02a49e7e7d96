//! The proof system panics on what it does not like and recurses deeply; nothing of that gets out of this crate.

use std::any::Any;
use std::thread::Builder;

/// The stack for its work, in bytes: its kernel is parsed, and tries are walked, by recursion.
const STACK: usize = 64 << 20;

/// Runs `work` on a thread with a large stack, and makes of a panic a reason.
pub(crate) fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let done = std::thread::scope(|scope| {
        let thread = Builder::new().name("proving".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        thread.map(std::thread::ScopedJoinHandle::join)
    });
    match done {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(panic)) => Err(shortened(&message(&*panic))),
        Err(error) => Err(format!("no thread could be started: {error}")),
    }
}

/// The same, and makes of an error a reason too.
pub(crate) fn guard<T: Send, E: std::fmt::Display>(work: impl FnOnce() -> Result<T, E> + Send) -> Result<T, String> {
    deep(|| work().map_err(|error| shortened(&format!("{error:#}")))).flatten()
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

/// One line that fits into a table: errors of the proof system may carry whole tries.
pub(crate) fn shortened(text: &str) -> String {
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
