//! Digests the sources that a circuit is made of, so that a stored key of other sources has another name.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut hasher = blake3::Hasher::new();
    for folder in [own.join("src"), own.join("../rollup/src")] {
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        collect(&folder, &mut files)?;
        files.sort();
        for file in files {
            hasher.update(file.strip_prefix(&folder).unwrap_or(&file).to_string_lossy().as_bytes());
            hasher.update(&fs::read(&file)?);
        }
    }
    println!("cargo::rustc-env=MEZE_CIRCUIT_SOURCES={}", hasher.finalize().to_hex());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // The forgeries of the tests are no part of a circuit.
            if !path.ends_with("constraint_tests") {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}
