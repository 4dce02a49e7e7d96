//! Finds a program, and says which package has it where there is none.

use std::path::{Path, PathBuf};

use crate::ServiceError;

/// The first of `places` that is there, otherwise `program` in one of the folders of `PATH`.
pub(crate) fn find(
    program: &'static str,
    package: &'static str,
    places: impl IntoIterator<Item = PathBuf>,
) -> Result<PathBuf, ServiceError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join(program)).collect::<Vec<_>>();
    let mut candidates = places.into_iter().chain(in_path);
    candidates.find(|place| place.is_file()).ok_or(ServiceError::NotInstalled { program, package })
}

/// `<folder>/<version>/bin/<program>` for each version that is there, the newest first, as Debian lays
/// PostgreSQL out.
pub(crate) fn versioned(folder: &Path, program: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> =
        entries.flatten().filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()))).collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, path)| path.join("bin").join(program)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let error = find("no-such-server", "no-such-package", []).unwrap_err();
        assert_eq!(error.to_string(), "no-such-server is not installed: `apt-get install no-such-package`");
    }

    #[test]
    fn the_newest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["9", "15", "not-a-version"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let found = versioned(folder.path(), "postgres");
        assert_eq!(found, ["15", "9"].map(|version| folder.path().join(version).join("bin/postgres")));
    }
}
