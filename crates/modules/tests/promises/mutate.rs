//! Small changes to encoded messages and to genesis documents, from a generator of numbers.

/// A generator that gives the same numbers everywhere (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// An encoded message as a tree of its fields, guessed: what reads as a message is one.
#[derive(Clone)]
pub(crate) enum Field {
    Number(u64, u64),
    Bytes(u64, Vec<u8>),
    Message(u64, Vec<Field>),
}

pub(crate) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

pub(crate) fn read(bytes: &[u8]) -> Option<Vec<Field>> {
    let (mut fields, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let key = varint(bytes, &mut at)?;
        match key & 7 {
            0 => fields.push(Field::Number(key, varint(bytes, &mut at)?)),
            2 => {
                let len = usize::try_from(varint(bytes, &mut at)?).ok()?;
                let part = bytes.get(at..at.checked_add(len)?)?;
                at += len;
                let text = part.iter().all(|it| (0x20..0x7f).contains(it));
                match read(part).filter(|_| !text) {
                    Some(inner) => fields.push(Field::Message(key, inner)),
                    None => fields.push(Field::Bytes(key, part.to_vec())),
                }
            }
            _ => return None,
        }
    }
    Some(fields)
}

pub(crate) fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        match field {
            Field::Number(key, value) => {
                put_varint(*key, &mut out);
                put_varint(*value, &mut out);
            }
            Field::Bytes(key, bytes) => {
                put_varint(*key, &mut out);
                put_varint(u64::try_from(bytes.len()).unwrap(), &mut out);
                out.extend(bytes);
            }
            Field::Message(key, inner) => {
                let inner = write(inner);
                put_varint(*key, &mut out);
                put_varint(u64::try_from(inner.len()).unwrap(), &mut out);
                out.extend(inner);
            }
        }
    }
    out
}

/// Texts that mean something somewhere.
pub(crate) const TEXTS: [&str; 16] = [
    "",
    "0",
    "1",
    "-1",
    "500000",
    "9223372036854775807",
    "9223372036854775808",
    "1e9",
    "uact",
    "uakt",
    "uother",
    "x",
    "akash1",
    "\u{e9}",
    "100000000000000000000",
    "340282366920938463463374607431768211456",
];
pub(crate) const NUMBERS: [u64; 9] = [0, 1, 2, 3, 7, 1 << 31, (1 << 32) - 1, 1 << 63, u64::MAX];

/// Changes one field somewhere: another value, away with it, twice.
pub(crate) fn mutate(fields: &mut Vec<Field>, dice: &mut Dice) {
    if fields.is_empty() {
        fields.push(Field::Number(u64::try_from(dice.below(40)).unwrap() << 3, dice.next()));
        return;
    }
    let at = dice.below(fields.len());
    match dice.below(12) {
        0 => drop(fields.remove(at)),
        1 => fields.push(fields[at].clone()),
        2 => {
            let other = dice.below(fields.len());
            fields.swap(at, other);
        }
        _ => match &mut fields[at] {
            Field::Number(_, value) => *value = NUMBERS[dice.below(NUMBERS.len())],
            Field::Message(_, inner) => mutate(inner, dice),
            Field::Bytes(_, bytes) => match dice.below(3) {
                0 if !bytes.is_empty() => {
                    let at = dice.below(bytes.len());
                    bytes[at] = bytes[at].wrapping_add(1);
                }
                1 => bytes.truncate(bytes.len() / 2),
                _ => *bytes = TEXTS[dice.below(TEXTS.len())].into(),
            },
        },
    }
}
