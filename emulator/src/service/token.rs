//! Task tokens that prove by themselves that this service gave them out, so that none has to be remembered.

use std::hash::{BuildHasher, RandomState};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Every token begins like this.
const PREFIX: &str = "AAAAKgAAAAIAAAAAAAAAA";
/// Codes in a token: with them it is as long as the service's are.
const BLOCKS: u8 = 8;

/// Makes tokens and reads them.
pub(super) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// With a key that no one else has.
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        for (i, chunk) in key.chunks_mut(8).enumerate() {
            chunk.copy_from_slice(&RandomState::new().hash_one(i).to_be_bytes());
        }
        Tokens { key }
    }

    /// The token of the task with this number.
    pub(super) fn issue(&self, task: u64) -> String {
        let mut token = format!("{PREFIX}{task:016x}");
        for block in 0..BLOCKS {
            token.push_str(&hex(&self.code(task, block)));
        }
        token
    }

    /// The number of the task, if this service issued the token.
    pub(super) fn open(&self, token: &str) -> Option<u64> {
        let number = token.strip_prefix(PREFIX)?.get(..16)?;
        let task = u64::from_str_radix(number, 16).ok()?;
        (self.issue(task) == token).then_some(task)
    }

    fn code(&self, task: u64, block: u8) -> [u8; 32] {
        let mut message = [block; 9];
        message[..8].copy_from_slice(&task.to_be_bytes());
        hmac_sha256(&self.key, &message)
    }
}

/// The name under which a task's token may be shown: the first 128 bits of its SHA-256 as 32 hex digits.
pub(crate) fn token_id(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes())[..16])
}

/// HMAC-SHA-256.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_of_this_service_are_opened() {
        let tokens = Tokens::new();
        let token = tokens.issue(7);
        assert_eq!(tokens.open(&token), Some(7));
        assert_eq!(tokens.open(&token.replace("0000000000000007", "0000000000000008")), None);
        assert_eq!(tokens.open(&token[..token.len() - 1]), None);
        assert_eq!(Tokens::new().open(&token), None);
        assert!((500..2_048).contains(&token.len()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_no_token(text in "(AAAAKgAAAAIAAAAAAAAAA)?\\PC{0,40}") {
            proptest::prop_assert_eq!(Tokens::new().open(&text), None);
        }
    }
}
