//! The list of forgeries as a table.

use std::path::PathBuf;

use super::Subject;
use crate::switches::Constraint;

/// One forgery, for the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The constraint that it breaks.
    pub(crate) breaks: Constraint,
    /// What it does.
    pub(crate) says: &'static str,
    /// What else has to be off, because it implies the constraint.
    pub(crate) given_off: &'static [Constraint],
}

/// The forgeries of one circuit.
pub(crate) fn entries<S: Subject>() -> Vec<Entry> {
    let entry =
        |forgery: super::Forgery<S>| Entry { breaks: forgery.breaks, says: forgery.says, given_off: forgery.given_off };
    S::forgeries().into_iter().map(entry).collect()
}

/// The markdown table of `entries`, in protocol order.
pub(crate) fn table(mut entries: Vec<Entry>, proves: bool) -> String {
    entries.sort();
    let mut out =
        String::from("| constraint | statement | forgery | off: accepted | on: refused |\n|---|---|---|---|---|\n");
    let (off, on) = if proves { ("proof verifies", "no proof") } else { ("constraints hold", "violated") };
    for Entry { breaks, says, given_off } in entries {
        let given: Vec<String> = given_off.iter().map(|constraint| format!("{constraint:?}")).collect();
        let given = if given.is_empty() { String::new() } else { format!(" (with {} off too)", given.join(", ")) };
        out.push_str(&format!("| {breaks:?} | {} | {says}{given} | {off} | {on} |\n", breaks.statement()));
    }
    out
}

/// Prints a table and writes it to `constraints/` in the target folder.
pub(crate) fn publish(name: &str, table: &str) {
    println!("\n## {name}\n\n{table}");
    let folder = std::env::current_exe().ok().and_then(|exe| Some(exe.ancestors().nth(3)?.join("constraints")));
    let written = folder.is_some_and(|folder: PathBuf| {
        let file = folder.join(format!("{name}.md"));
        std::fs::create_dir_all(&folder).is_ok() && std::fs::write(file, table).is_ok()
    });
    assert!(written, "the table of {name} is written to the target folder");
}
