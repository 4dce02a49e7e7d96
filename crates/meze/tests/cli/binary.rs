//! Runs the binary.

use std::process::Command;

use serde_json::Value;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The object of `--json`: the last line of stdout.
    pub(crate) fn object(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_else(|| panic!("no object; stderr:\n{}", self.stderr));
        serde_json::from_str(line).unwrap()
    }
}

/// Runs `meze` with these arguments and none of its settings from the environment.
pub(crate) fn meze(arguments: &[&str]) -> Run {
    meze_with(&[], arguments)
}

/// Runs `meze` with these arguments, these settings from the environment and no others.
pub(crate) fn meze_with(variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meze"));
    for name in ["MAX_CIRCUIT_SIZE", "NUM_INNER_ROLLUP_TXS", "NUM_OUTER_ROLLUP_PROOFS", "PROVERLESS", "LAZY_INIT"] {
        command.env_remove(name);
    }
    for name in ["MEZE_URL", "MEZE_TOKEN", "MEZE_TOKEN_FILE", "MEZE_CA"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let output = command.env_remove("PERSIST").env_remove("DATA_DIR").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
