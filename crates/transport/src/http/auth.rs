//! Who may ask what: bearer tokens, each of one scope.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::problem::Problem;
use crate::setup::SetupError;

/// The shortest token that is taken.
pub const MIN_TOKEN_BYTES: usize = 16;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Asking for proofs.
    Ask,
    /// Making them.
    Work,
    /// Seeing and changing everything about both, and asking too.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Ask, Self::Work, Self::Admin];

    /// The word for it in token files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Work => "work",
            Self::Admin => "admin",
        }
    }

    /// Whether a token of this scope opens what needs `wanted`.
    const fn allows(self, wanted: Self) -> bool {
        matches!(
            (self, wanted),
            (Self::Ask | Self::Admin, Self::Ask) | (Self::Work, Self::Work) | (Self::Admin, Self::Admin)
        )
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scope {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let known = Self::ALL.into_iter().find(|scope| scope.name() == text);
        known.ok_or_else(|| Problem::bad("a scope is ask, work or admin"))
    }
}

/// The tokens that a dispatcher takes. It keeps their digests only. Without any, every request is refused.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(blake3::Hash, Scope)>);

impl Tokens {
    /// Reads `scope token` entries, one a line or with commas between; `#` begins a comment line.
    ///
    /// # Errors
    /// [`SetupError::Token`] for the first entry that is none, or when there is none at all.
    pub fn from_text(text: &str) -> Result<Self, SetupError> {
        let mut tokens = Vec::new();
        let entries = text.split(['\n', ',']).map(str::trim);
        for (index, entry) in entries.enumerate().filter(|(_, entry)| !entry.is_empty() && !entry.starts_with('#')) {
            let wrong = |why| SetupError::Token { entry: index + 1, why };
            let (scope, token) = entry.split_once(char::is_whitespace).ok_or_else(|| wrong("it has no space"))?;
            let scope = scope.parse().map_err(|_| wrong("a scope is ask, work or admin"))?;
            let token = token.trim_start();
            if token.len() < MIN_TOKEN_BYTES {
                return Err(wrong("a token has at least 16 characters"));
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(wrong("a token has visible ASCII characters only, and no spaces"));
            }
            tokens.push((blake3::hash(token.as_bytes()), scope));
        }
        if tokens.is_empty() {
            return Err(SetupError::Token { entry: 1, why: "there is no token at all" });
        }
        Ok(Self(tokens))
    }

    /// Reads the entries of a file that nobody but its owner can read.
    ///
    /// # Errors
    /// [`SetupError::TokensOpen`] when others can; else as [`from_text`](Self::from_text).
    pub fn from_file(path: &Path) -> Result<Self, SetupError> {
        let unreadable = |source| SetupError::File { what: "the token file", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SetupError::TokensOpen { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        Self::from_text(&text)
    }

    /// Whether `token` opens what needs `wanted`. Compares digests, each in constant time, so that neither the
    /// tokens' lengths nor their first bytes show in how long it takes.
    fn admit(&self, token: &[u8], wanted: Scope) -> Result<(), Refusal> {
        let presented = blake3::hash(token);
        let mut known = false;
        let mut allowed = false;
        for (digest, scope) in &self.0 {
            let same = *digest == presented;
            known |= same;
            allowed |= same & scope.allows(wanted);
        }
        match (known, allowed) {
            (_, true) => Ok(()),
            (true, false) => Err(Refusal::WrongScope),
            (false, false) => Err(Refusal::Unknown),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, scope)| scope)).finish()
    }
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It carries no bearer token.
    Missing,
    /// Nobody has this token.
    Unknown,
    /// The token is for something else.
    WrongScope,
}

impl Refusal {
    /// The word that a metric counts it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::WrongScope => "wrong-scope",
        }
    }
}

/// The door of a plane: its tokens, and who counts those that were sent away. Clones are the same door.
#[derive(Clone)]
pub struct Auth(Arc<Door>);

struct Door {
    tokens: Tokens,
    refused: Box<dyn Fn(Scope, Refusal) + Send + Sync>,
}

impl Auth {
    /// A door that lets these tokens in, and tells `refused` what scope was wanted and why it was not given.
    pub fn new(tokens: Tokens, refused: impl Fn(Scope, Refusal) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Door { tokens, refused: Box::new(refused) }))
    }

    /// Whether a request with these headers may do what needs `wanted`.
    ///
    /// # Errors
    /// 401 without a known token, 403 with one of another scope.
    pub fn admit(&self, headers: &HeaderMap, wanted: Scope) -> Result<(), Problem> {
        let admitted = match bearer(headers) {
            Some(token) => self.0.tokens.admit(token, wanted),
            None => Err(Refusal::Missing),
        };
        admitted.map_err(|refusal| {
            (self.0.refused)(wanted, refusal);
            Problem::refused(wanted, refusal)
        })
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Auth").field(&self.0.tokens).finish()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token.trim_ascii())
}

/// The routes of `router`, for those with a token of `scope` only; nothing of a request's body is read before.
pub fn guarded<S: Clone + Send + Sync + 'static>(router: Router<S>, auth: Auth, scope: Scope) -> Router<S> {
    router.route_layer(middleware::from_fn_with_state((auth, scope), require))
}

async fn require(
    State((auth, scope)): State<(Auth, Scope)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    auth.admit(request.headers(), scope)?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEXT: &str = "# comment\nask  0123456789abcdef\n\nwork fedcba9876543210\nadmin aaaaaaaaaaaaaaaa";

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn each_token_opens_its_own_scope_and_admin_asks_too() {
        let tokens = Tokens::from_text(TEXT).unwrap();
        let open = |token: &str| Scope::ALL.map(|scope| tokens.admit(token.as_bytes(), scope).is_ok());
        assert_eq!(open("0123456789abcdef"), [true, false, false]);
        assert_eq!(open("fedcba9876543210"), [false, true, false]);
        assert_eq!(open("aaaaaaaaaaaaaaaa"), [true, false, true]);
        assert_eq!(open("0123456789abcdee"), [false; 3]);
    }

    #[test]
    fn commas_do_for_line_ends_in_an_environment_value() {
        let tokens = Tokens::from_text("ask 0123456789abcdef, work fedcba9876543210").unwrap();
        assert_eq!(format!("{tokens:?}"), "[Ask, Work]");
    }

    #[test]
    fn wrong_entries_are_named_by_place_and_never_shown() {
        for text in ["", "ask short", "ask", "root 0123456789abcdef", "ask 0123456789 abcdef", "ask 0123456789abcdeä"]
        {
            let error = Tokens::from_text(text).unwrap_err().to_string();
            assert!(error.contains("entry 1") && !error.contains("0123456789"), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_token_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, TEXT).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Tokens::from_file(&path), Err(SetupError::TokensOpen { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Tokens::from_file(&path).is_ok());
        assert!(matches!(Tokens::from_file(&folder.path().join("none")), Err(SetupError::File { .. })));
    }

    #[test]
    fn only_bearer_tokens_are_read() {
        assert_eq!(bearer(&headers("Bearer abc")), Some(&b"abc"[..]));
        assert_eq!(bearer(&headers("bearer  abc")), Some(&b"abc"[..]));
        assert_eq!(bearer(&headers("Basic abc")), None);
        assert_eq!(bearer(&headers("")), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
