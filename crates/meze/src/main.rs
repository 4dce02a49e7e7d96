//! The binary: looks at the CPU, reads the command line, runs the command, gives its exit code.

use std::process::ExitCode;

use meze::cpu;

// Proving allocates and frees gigabytes again and again; this allocator keeps the pages, the system's
// gives them back and pays for every one again as a page fault.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(missing) = cpu::check() {
        eprintln!("meze: {missing}");
        return ExitCode::FAILURE;
    }
    meze::command::run(std::env::args_os())
}
