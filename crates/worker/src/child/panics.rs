//! The panic hook of a prover child: remembers the last panic for the report, and shows a secret input's
//! to nobody.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

// A process has one panic hook, so what the hook knows is the process's too.
static SECRET: AtomicBool = AtomicBool::new(false);
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Installs the hook.
pub(super) fn report_to_stderr() {
    std::panic::set_hook(Box::new(|info| {
        let text = sentence(info, SECRET.load(Ordering::Acquire));
        eprintln!("{text}");
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }));
}

/// Whether messages are withheld from now on: an assertion's message shows what it compared.
pub(super) fn keep_secret(secret: bool) {
    SECRET.store(secret, Ordering::Release);
}

/// The last panic, taken.
pub(super) fn last() -> String {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
    last.unwrap_or_else(|| "the prover panicked".to_owned())
}

fn sentence(info: &PanicHookInfo<'_>, secret: bool) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    if secret {
        return format!("the prover panicked at {place}; the message is withheld, for the input is secret");
    }
    format!("the prover panicked at {place}: {}", info.payload_as_str().unwrap_or("no message"))
}
