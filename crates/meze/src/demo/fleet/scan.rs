//! Looks through everything that the fleet left on disk (store, inputs and proofs, logs, whatever crashes wrote) for the
//! wallets' secrets: phrases, account secrets, spending secrets, as bytes of either order and as hex of either case.
//!
//! A secret counts as found when 16 bytes of it in a row are: two limbs, which no accident brings together.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rollup::field::Digest;
use rollup::wallet::{SeedPhrase, WalletKeys};

/// Bytes of a secret that are looked for in one piece.
const WINDOW: usize = 16;
/// Account and spending secrets of a wallet, from the first on; the demo migrates less often.
const INDICES: u32 = 8;

/// What was looked through, and for how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Scan {
    pub(crate) secrets: usize,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    pub(crate) found: usize,
}

/// Looks through every file below `folder`.
pub(super) fn scan<'a>(folder: &Path, phrases: impl IntoIterator<Item = &'a SeedPhrase>) -> Result<Scan> {
    let mut needles: HashSet<[u8; WINDOW]> = HashSet::new();
    let mut scan = Scan::default();
    for phrase in phrases {
        scan.secrets += 1 + 2 * INDICES as usize;
        needles.extend(windows(phrase.reveal().as_bytes()));
        let keys = WalletKeys::new(phrase, "");
        for index in 0..INDICES {
            needles.extend(forms(keys.account(index).reveal()));
            needles.extend(forms(keys.spending(index).reveal()));
        }
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be listed", folder.display()))?;
        for entry in entries {
            let path: PathBuf = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            scan.files += 1;
            scan.bytes += bytes.len() as u64;
            scan.found += usize::from(bytes.windows(WINDOW).any(|window| needles.contains(window)));
        }
    }
    Ok(scan)
}

/// The pieces of a text; few enough of them, as long as it is.
fn windows(text: &[u8]) -> impl Iterator<Item = [u8; WINDOW]> {
    text.windows(WINDOW).filter_map(|window| window.try_into().ok())
}

/// A secret as it could be written.
fn forms(secret: &Digest) -> Vec<[u8; WINDOW]> {
    let limbs = secret.limbs();
    let little: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    let big: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    let straight: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_be_bytes()).collect();
    let mut forms = Vec::new();
    for bytes in [little, big, straight] {
        let hex = hex::encode(&bytes);
        forms.extend(windows(&bytes));
        forms.extend(windows(hex.as_bytes()));
        forms.extend(windows(hex.to_uppercase().as_bytes()));
    }
    forms
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn a_secret_in_any_form_is_found_wherever_it_lies() {
        let phrase = SeedPhrase::generate(&mut ChaCha20Rng::seed_from_u64(7));
        let secret = *WalletKeys::new(&phrase, "").account(1).reveal();
        let leaks = [
            phrase.reveal().as_bytes().to_vec(),
            secret.to_string().into_bytes(),
            forms(&secret)[3].to_vec(),
            secret.to_string().to_uppercase().into_bytes(),
        ];
        for leak in leaks {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("deep")).unwrap();
            fs::write(folder.path().join("harmless"), b"nothing to see here, whatever").unwrap();
            assert_eq!(scan(folder.path(), [&phrase]).unwrap().found, 0);
            fs::write(folder.path().join("deep/log"), [b"before ", &leak[..], b" after"].concat()).unwrap();
            let found = scan(folder.path(), [&phrase]).unwrap();
            assert_eq!((found.found, found.files), (1, 2), "{leak:?}");
        }
    }
}
