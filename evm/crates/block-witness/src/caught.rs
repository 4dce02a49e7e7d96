//! Panics of the decoder and of the virtual machine, turned into errors, without their noise.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// What the panic of this thread said, while one is expected here.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

static QUIET: Once = Once::new();

/// Runs it, and says what a panic in it said, and where.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            let expected = SAID.try_with(|said| match said.try_borrow_mut() {
                Ok(mut said) => said.as_mut().map(|said| *said = panic.to_string()).is_some(),
                Err(_) => false,
            });
            if !expected.unwrap_or(false) {
                loud(panic);
            }
        }));
    });
    let outer = SAID.with(|said| said.replace(Some(String::new())));
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let said = SAID.with(|said| said.replace(outer)).unwrap_or_default();
    outcome.map_err(|_| if said.is_empty() { "it panicked in another thread".to_owned() } else { one_line(&said) })
}

fn one_line(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_becomes_what_it_said() {
        assert_eq!(caught(|| 7), Ok(7));
        let said = caught(|| -> u8 { panic!("the trie\nis odd") }).unwrap_err();
        assert!(said.contains("the trie is odd") && said.contains("caught.rs"), "{said}");
        let nested = caught(|| {
            let inner = caught(|| -> u8 { panic!("within") });
            assert!(inner.is_err());
            panic!("outside");
        });
        assert!(nested.unwrap_err().contains("outside"));
    }
}
