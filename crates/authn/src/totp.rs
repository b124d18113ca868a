//! One-time codes of a device (RFC 6238): six digits a time step, made with HMAC-SHA-1 as authenticator apps do.
//!
//! Time stands here as the number of a step alone: how long a step is and which steps are good now is for the caller to know.

use core::ops::RangeInclusive;

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Secret;

/// Bytes of a seed: 320 bits, which are 64 letters, as AWS hands out.
pub const SEED_BYTES: usize = 40;
/// Fewest bytes of a seed that is read: RFC 4226 wants 128 bits.
const SEED_BYTES_MIN: usize = 16;
/// Digits of a code.
const DIGITS: usize = 6;

/// What a device and the cluster share.
pub struct Seed {
    bytes: Zeroizing<Vec<u8>>,
    key: hmac::Key,
}

/// Bytes that are no seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seed has 128 bits or more")]
pub struct SeedError;

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl Seed {
    /// A seed of these bytes, which must have been drawn at random.
    pub fn new(bytes: Vec<u8>) -> Result<Self, SeedError> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < SEED_BYTES_MIN {
            return Err(SeedError);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
        Ok(Self { bytes, key })
    }

    /// The bytes. Only for sealing.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The seed as people type it: Base32 (RFC 4648) without padding.
    pub fn base32(&self) -> Secret {
        Secret::new(BASE32_NOPAD.encode(&self.bytes))
    }

    /// The dynamic truncation of RFC 4226: 31 bits.
    fn truncated(&self, step: u64) -> u32 {
        let tag = hmac::sign(&self.key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0x0f);
        let word = bytes.get(offset..).and_then(|rest| rest.first_chunk::<4>());
        u32::from_be_bytes(word.copied().unwrap_or_default()) & 0x7fff_ffff
    }

    /// The code of a step.
    pub fn code(&self, step: u64) -> Secret {
        Secret::new(format!("{:0DIGITS$}", self.truncated(step) % 1_000_000))
    }

    fn is_code(&self, code: &str, step: u64) -> bool {
        self.code(step).expose().as_bytes().ct_eq(code.as_bytes()).into()
    }

    /// The first of these steps whose code this is. It takes as long whichever it is.
    pub fn step_of(&self, code: &str, steps: RangeInclusive<u64>) -> Option<u64> {
        steps
            .rev()
            .fold(None, |found, step| if self.is_code(code, step) { Some(step) } else { found })
    }

    /// The first of these steps at which the second of two consecutive codes stands.
    pub fn step_of_pair(&self, codes: (&str, &str), steps: RangeInclusive<u64>) -> Option<u64> {
        steps.rev().fold(None, |found, step| {
            let before = step.checked_sub(1).is_some_and(|before| self.is_code(codes.0, before));
            if before & self.is_code(codes.1, step) { Some(step) } else { found }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> Seed {
        Seed::new(b"12345678901234567890".to_vec()).unwrap()
    }

    /// The SHA-1 rows of RFC 6238, appendix B, which have eight digits.
    #[test]
    fn the_vectors_of_rfc_6238() {
        for (seconds, code) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000_u64, 65_353_130),
        ] {
            let step = seconds / 30;
            assert_eq!(rfc().truncated(step) % 100_000_000, code);
            assert_eq!(rfc().code(step).expose(), format!("{:06}", code % 1_000_000));
        }
    }

    /// RFC 4226, appendix D: the codes of the counters 0 to 9.
    #[test]
    fn the_vectors_of_rfc_4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(rfc().code(step).expose(), code);
            assert_eq!(rfc().step_of(code, 0..=9), Some(step));
        }
        assert_eq!(rfc().step_of("755224", 1..=9), None);
        assert_eq!(rfc().step_of("75522", 0..=9), None);
        assert_eq!(rfc().step_of("", 0..=9), None);
    }

    #[test]
    fn a_pair_is_two_codes_in_their_order() {
        let pair = |a, b| rfc().step_of_pair((a, b), 0..=9);
        assert_eq!(pair("287082", "359152"), Some(2));
        assert_eq!(pair("359152", "287082"), None);
        assert_eq!(pair("287082", "287082"), None);
        assert_eq!(pair("287082", "969429"), None);
    }

    #[test]
    fn seeds_are_long_and_read_aloud_in_base32() {
        assert_eq!(Seed::new(vec![0; 15]).unwrap_err(), SeedError);
        assert_eq!(rfc().base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(Seed::new(vec![7; SEED_BYTES]).unwrap().base32().expose().len(), 64);
        assert!(!format!("{:?}", rfc()).contains("49"));
    }
}
