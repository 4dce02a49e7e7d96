//! Where a store is, as users write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// `memory:`. It ends with the process.
    Memory,
    /// `sqlite:path`, or a plain path.
    Sqlite(PathBuf),
    /// `postgres://user@host:port/database`; `postgresql://` is the same.
    Postgres(String),
}

/// A text that is no location of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLocation {
    /// Nothing at all.
    #[error("it has no location: give a path, sqlite:path, postgres://… or memory:")]
    Empty,
    /// A URL of something else.
    #[error("{0}: is no store that meze knows: give a path, sqlite:path, postgres://… or memory:")]
    Scheme(String),
}

impl FromStr for Location {
    type Err = NoLocation;

    fn from_str(text: &str) -> Result<Self, NoLocation> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return if text.is_empty() { Err(NoLocation::Empty) } else { Ok(Self::Sqlite(text.into())) };
        };
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err(NoLocation::Empty),
                path => Ok(Self::Sqlite(path.into())),
            },
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            // A colon is a legal character of a path; only what looks like a URL is refused.
            _ if rest.starts_with("//") || scheme == "memory" => Err(NoLocation::Scheme(scheme.to_owned())),
            _ => Ok(Self::Sqlite(text.into())),
        }
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => write!(f, "memory"),
            Self::Sqlite(path) => write!(f, "SQLite at {}", path.display()),
            Self::Postgres(_) => write!(f, "PostgreSQL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_location_is_read() {
        let sqlite = |path: &str| Ok(Location::Sqlite(path.into()));
        for (text, location) in [
            ("memory:", Ok(Location::Memory)),
            ("sqlite:store.db", sqlite("store.db")),
            ("sqlite:/var/lib/store.db", sqlite("/var/lib/store.db")),
            ("sqlite:///var/lib/store.db", sqlite("/var/lib/store.db")),
            ("/var/lib/store.db", sqlite("/var/lib/store.db")),
            ("a:b.db", sqlite("a:b.db")),
            ("postgres://me@host/db", Ok(Location::Postgres("postgres://me@host/db".into()))),
            ("postgresql://host", Ok(Location::Postgres("postgresql://host".into()))),
            ("", Err(NoLocation::Empty)),
            ("sqlite:", Err(NoLocation::Empty)),
            ("redis://host", Err(NoLocation::Scheme("redis".into()))),
            ("memory:x", Err(NoLocation::Scheme("memory".into()))),
        ] {
            assert_eq!(text.parse::<Location>(), location, "{text}");
        }
    }

    #[test]
    fn debug_never_shows_a_password() {
        let location: Location = "postgres://me:hunter2@host/db".parse().unwrap();
        assert!(!format!("{location:?}").contains("hunter2"));
    }
}
