//! Panics of the decoder and of the virtual machine, turned into errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs it, and says what a panic in it said.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        said.to_owned()
    })
}
