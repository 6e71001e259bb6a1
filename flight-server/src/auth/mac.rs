//! What is signed by one node and checked by another.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The length of a signature, in bytes.
pub(crate) const SIGNATURE: usize = 32;

/// HMAC-SHA256 by a derived key, of all these parts; `finalize` gives the signature, `verify_slice` compares one in constant time.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A key shorter than the hash's block of 64 bytes is filled up with zeroes: that is HMAC's own rule.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac
}
