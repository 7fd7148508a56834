//! Bech32 of the plain case (BIP-173): a short prefix in lower case, and a text that is right. A block
//! writes and reads tens of thousands of addresses. Whatever else there is goes to the `bech32` crate,
//! which also says what is wrong.

const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// The value of each ASCII letter; 255 of the others.
const VALUES: [u8; 128] = values();
/// Longest text.
const MAX_LEN: usize = 128;

const fn values() -> [u8; 128] {
    let mut values = [255; 128];
    let mut value = 0;
    while value < 32 {
        values[LETTERS[value as usize] as usize] = value;
        value += 1;
    }
    values
}

/// The text of `bytes`; none for a prefix that is not plain or a long text.
pub(super) fn write(prefix: &str, bytes: &[u8]) -> Option<String> {
    let symbols = bytes.len().checked_mul(8)?.div_ceil(5);
    let length = prefix.len().checked_add(7)?.checked_add(symbols)?;
    if length > MAX_LEN || !is_plain(prefix) {
        return None;
    }
    let mut text = String::with_capacity(length);
    text.push_str(prefix);
    text.push('1');
    let mut sum = start(prefix);
    let (mut waiting, mut bits) = (0u32, 0u32);
    let mut put = |value: u32| {
        let value = value & 31;
        sum = step(sum, value);
        push(&mut text, value);
    };
    for byte in bytes {
        waiting = (waiting << 8) | u32::from(*byte);
        bits = bits.wrapping_add(8);
        while bits >= 5 {
            bits = bits.wrapping_sub(5);
            put(waiting >> bits);
        }
        waiting &= 31;
    }
    if bits > 0 {
        put(waiting << 5u32.wrapping_sub(bits));
    }
    let sum = (0..6).fold(sum, |sum, _| step(sum, 0)) ^ 1;
    for shift in [25, 20, 15, 10, 5, 0] {
        push(&mut text, (sum >> shift) & 31);
    }
    Some(text)
}

/// The prefix and the bytes of a plain text without faults.
pub(super) fn read(text: &str) -> Option<(&str, Vec<u8>)> {
    if text.len() > MAX_LEN {
        return None;
    }
    let (prefix, data) = text.rsplit_once('1')?;
    let symbols = data.len().checked_sub(6)?;
    if !is_plain(prefix) {
        return None;
    }
    let mut bytes = Vec::with_capacity(symbols.saturating_mul(5) / 8);
    let mut sum = start(prefix);
    let (mut waiting, mut bits) = (0u32, 0u32);
    for (at, letter) in data.bytes().enumerate() {
        let value = *VALUES.get(usize::from(letter)).filter(|it| **it < 32)?;
        sum = step(sum, u32::from(value));
        if at >= symbols {
            continue;
        }
        waiting = (waiting << 5) | u32::from(value);
        bits = bits.wrapping_add(5);
        if bits >= 8 {
            bits = bits.wrapping_sub(8);
            bytes.push(u8::try_from((waiting >> bits) & 255).ok()?);
            waiting &= 255;
        }
    }
    let left_over = waiting & (1u32 << bits).wrapping_sub(1);
    (sum == 1 && bits <= 4 && left_over == 0).then_some((prefix, bytes))
}

fn is_plain(prefix: &str) -> bool {
    !prefix.is_empty() && prefix.bytes().all(|it| it.is_ascii_lowercase())
}

fn push(text: &mut String, value: u32) {
    let letter = usize::try_from(value).ok().and_then(|it| LETTERS.get(it));
    text.extend(letter.map(|it| char::from(*it)));
}

/// The sum over a prefix.
fn start(prefix: &str) -> u32 {
    let sum = prefix.bytes().fold(1, |sum, it| step(sum, u32::from(it >> 5)));
    prefix.bytes().fold(step(sum, 0), |sum, it| step(sum, u32::from(it & 31)))
}

/// Takes five bits into the sum.
fn step(sum: u32, value: u32) -> u32 {
    let top = sum >> 25;
    let mut sum = ((sum & 0x01ff_ffff) << 5) ^ value;
    for (bit, term) in
        [(1, 0x3b6a_57b2), (2, 0x2650_8e6d), (4, 0x1ea1_19fa), (8, 0x3d42_33dd), (16, 0x2a14_62b3)]
    {
        if top & bit != 0 {
            sum ^= term;
        }
    }
    sum
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use bech32::{Bech32, ByteIterExt, Fe32IterExt, Hrp, primitives::decode::CheckedHrpstring};
    use sha2::{Digest, Sha256};

    fn bytes(length: usize) -> Vec<u8> {
        let blocks = (0u8..).flat_map(|it| Sha256::digest([u8::try_from(length).unwrap(), it]));
        blocks.take(length).collect()
    }

    #[test]
    fn writes_and_reads_as_the_crate() {
        for prefix in ["akash", "akashvalcons", "a"] {
            let hrp = Hrp::parse(prefix).unwrap();
            for length in 0..=60 {
                let bytes = bytes(length);
                let data = bytes.iter().copied().bytes_to_fes();
                let whole: String = data.with_checksum::<Bech32>(&hrp).chars().collect();
                assert_eq!(super::write(prefix, &bytes), Some(whole.clone()));
                assert_eq!(super::read(&whole), Some((prefix, bytes)));
            }
        }
        assert_eq!(super::write("akash", &bytes(80)), None, "too long");
        assert_eq!(super::write("", &bytes(20)), None);
        assert_eq!(super::write("Akash", &bytes(20)), None);
    }

    /// What is taken here must be right: every other letter at every place of a text.
    #[test]
    fn reads_nothing_that_the_crate_refuses() {
        for length in [0, 1, 2, 3, 4, 20, 32] {
            let text = super::write("akash", &bytes(length)).unwrap();
            for at in 0..text.len() {
                for letter in (0u8..128).map(char::from) {
                    let mut other: Vec<char> = text.chars().collect();
                    other[at] = letter;
                    let other: String = other.into_iter().collect();
                    if let Some((prefix, bytes)) = super::read(&other) {
                        let checked = CheckedHrpstring::new::<Bech32>(&other).unwrap();
                        assert_eq!(checked.hrp().as_str(), prefix);
                        assert_eq!(checked.byte_iter().collect::<Vec<_>>(), bytes);
                    }
                    let cut = other.get(..at).unwrap_or_default();
                    assert_eq!(super::read(cut), None, "{cut}");
                }
            }
        }
    }

    /// Letters of data may leave bits over; they are zero, and no letter is there for nothing.
    #[test]
    fn leaves_odd_ends_to_the_crate() {
        let hrp = Hrp::parse("akash").unwrap();
        let with = |letters: &str| -> String {
            let symbols = letters.chars().map(|it| bech32::Fe32::from_char(it).unwrap());
            symbols.with_checksum::<Bech32>(&hrp).chars().collect()
        };
        assert_eq!(super::read(&with("qq")), Some(("akash", vec![0])));
        assert_eq!(super::read(&with("qp")), None, "bits left over");
        assert_eq!(super::read(&with("q")), None, "half a byte");
        assert_eq!(super::read(&with("qqq")), None, "seven bits over");
    }
}
