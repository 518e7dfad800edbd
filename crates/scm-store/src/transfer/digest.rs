//! The digest of a table.

use ring::digest::{SHA256, digest};

const BYTES: usize = 32;

/// How many rows there are, and the sum of their SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDigest {
    rows: u64,
    sum: [u8; BYTES],
}

impl TableDigest {
    /// Counts a row, given as its line.
    pub fn add(&mut self, line: &str) {
        self.rows += 1;
        let hash = digest(&SHA256, line.as_bytes());
        let mut carry = 0_u16;
        // From the end: a sum of large numbers, what is too large for its place is dropped.
        for (place, byte) in self.sum.iter_mut().zip(hash.as_ref()).rev() {
            let sum = u16::from(*place) + u16::from(*byte) + carry;
            let [high, low] = sum.to_be_bytes();
            *place = low;
            carry = high.into();
        }
    }

    /// How many rows were counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The digest as 64 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        super::file::hex(&self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> TableDigest {
        let mut digest = TableDigest::default();
        for line in lines {
            digest.add(line);
        }
        digest
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let digest = of(&["a", "b", "c"]);
        assert_eq!(digest, of(&["c", "a", "b"]));
        assert_eq!(digest.rows(), 3);
        for other in [
            &["a", "b"][..],
            &["a", "b", "c", "c"],
            &["a", "b", "d"],
            &["a", "a", "c"],
        ] {
            assert_ne!(digest, of(other), "{other:?}");
        }
        // SHA-256 of "a", as everybody has it.
        let want = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(of(&["a"]).hex(), want);
    }

    #[test]
    fn sums_carry_over() {
        // 2 × 0xca97… is larger than the place that it has.
        assert!(of(&["a", "a"]).hex().starts_with("952f02"));
    }
}
