//! The binary: reads the command line, runs the command, gives its exit code.

use std::process::ExitCode;

// Proving allocates and frees gigabytes again and again; this allocator keeps the pages, the system's
// gives them back and pays for every one again as a page fault.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    meze_evm::command::run(std::env::args_os())
}
