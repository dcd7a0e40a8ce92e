//! Identities stay what they are.

use std::{env, process};

use super::*;

/// A directory of its own, gone when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("biplane-identity-{}-{name}", process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn two_identities_have_two_pins() {
    assert_ne!(Identity::generate().unwrap().pin(), Identity::generate().unwrap().pin());
}

#[test]
fn an_identity_that_is_kept_comes_back() {
    let scratch = Scratch::new("kept");
    let first = Identity::load_or_create(&scratch.0).unwrap();
    let second = Identity::load_or_create(&scratch.0).unwrap();
    assert_eq!(first.pin(), second.pin());
}

#[cfg(unix)]
#[test]
fn the_key_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("mode");
    Identity::load_or_create(&scratch.0).unwrap();
    let mode = fs::metadata(scratch.0.join(KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_holds_no_key_is_not_overwritten() {
    let scratch = Scratch::new("other");
    fs::create_dir_all(&scratch.0).unwrap();
    fs::write(scratch.0.join(KEY_FILE), "something else").unwrap();
    assert!(matches!(Identity::load_or_create(&scratch.0), Err(IdentityError::NoKey { .. })));
    assert_eq!(fs::read_to_string(scratch.0.join(KEY_FILE)).unwrap(), "something else");
}

#[test]
fn the_pin_is_that_of_the_certificate() {
    let identity = Identity::generate().unwrap();
    let certificate = identity.certificate();
    let parsed = webpki::EndEntityCert::try_from(&certificate).unwrap();
    assert_eq!(identity.pin(), Pin::of_spki(&parsed.subject_public_key_info()));
}
