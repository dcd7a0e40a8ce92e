//! Who a server is: a key of its own and a certificate that it signed itself.
//!
//! Nobody vouches for the certificate; clients know the key by its pin, which links carry.

use core::fmt;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Pin;

/// The file in the identity's directory that holds the key.
const KEY_FILE: &str = "identity.pem";
/// Certificates need a name; clients look at the key alone.
const NAME: &str = "biplane";

/// A server's key and certificate: ECDSA P-256, self-signed. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Parts>);

struct Parts {
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A key or certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(Box<str>),
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file does not hold a key.
    #[error("{} holds no ECDSA P-256 key", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
}

impl Identity {
    /// Makes one that lives as long as the process.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Make`] if the system gives no randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        Self::of_key(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| made(&error))?)
    }

    /// Reads the one kept in `directory`; on first use makes it and keeps it there, readable by its
    /// owner alone (mode 0600).
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if the file cannot be read or written, or holds something else.
    pub fn load_or_create(directory: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = directory.as_ref().join(KEY_FILE);
        match fs::read_to_string(&path) {
            Ok(pem) => match KeyPair::from_pem_and_sign_algo(&pem, &PKCS_ECDSA_P256_SHA256) {
                Ok(key) => Self::of_key(key),
                Err(_) => Err(IdentityError::NoKey { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(IdentityError::File { path, source }),
        }
    }

    /// What clients know it by.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin::of_spki(&self.0.key.subject_public_key_info())
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.certificate.clone()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.key.serialize_der()).into()
    }

    fn create(path: PathBuf) -> Result<Self, IdentityError> {
        let identity = Self::generate()?;
        match write_private(&path, &identity.0.key.serialize_pem()) {
            Ok(()) => Ok(identity),
            Err(source) => Err(IdentityError::File { path, source }),
        }
    }

    fn of_key(key: KeyPair) -> Result<Self, IdentityError> {
        let params = CertificateParams::new([NAME.to_owned()]).map_err(|error| made(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| made(&error))?;
        Ok(Self(Arc::new(Parts { certificate: certificate.der().clone(), key })))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("pin", &self.pin()).finish_non_exhaustive()
    }
}

fn made(error: &rcgen::Error) -> IdentityError {
    IdentityError::Make(error.to_string().into())
}

/// Writes a file that its owner alone may read. It never stands half written under its name: a
/// server killed meanwhile would not start again.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension("pem.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests;
