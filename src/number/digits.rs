//! Digits, eight at a time: the arithmetic below the readers and the writers of numbers.

const ZEROS: u64 = 0x3030_3030_3030_3030;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The first eight bytes of a text as one word, the first lowest; zeros stand for what is not there.
#[inline(always)]
pub(crate) fn word_of(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    // Two loads, which may overlap: where they do, both hold the same.
    match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some(low), Some(high)) => {
            let (low, high) = (u32::from_le_bytes(*low), u32::from_le_bytes(*high));
            u64::from(low) | u64::from(high) << (8 * (text.len() - 4))
        }
        _ => match *text {
            [a, b, c] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
            [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]),
            [a] => u64::from(a),
            _ => 0,
        },
    }
}

/// Whether one of eight bytes is this one.
#[inline(always)]
pub(crate) fn has_byte(word: u64, byte: u8) -> bool {
    let word = word ^ (ONES * u64::from(byte));
    // Where a byte is zero, its upper bit is set; others may be set above such a one only.
    word.wrapping_sub(ONES) & !word & HIGH != 0
}

/// Whether one of eight bytes is less than this one, which is at most 128. ("Determine if a word has a byte less than n",
/// Anderson, Bit Twiddling Hacks.)
#[inline(always)]
pub(crate) fn has_below(word: u64, byte: u8) -> bool {
    word.wrapping_sub(ONES * u64::from(byte)) & !word & HIGH != 0
}

/// The number of 1 to 18 digits and nothing else.
#[inline(always)]
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    match text.len() {
        1..=8 => eight(aligned(word_of(text), text.len())),
        9..=16 => sixteen(text),
        17 | 18 => longest(text),
        _ => None,
    }
}

/// The number of the last `len` of sixteen bytes, 1 to 16, if all of them are digits.
#[inline(always)]
pub(crate) fn whole_in(window: &[u8; 16], len: usize) -> Option<u64> {
    let [before, last] = halves(u128::from_le_bytes(*window));
    match len {
        1..=8 => eight(ending(last, len)),
        9..=16 => Some(eight(ending(before, len - 8))? * 100_000_000 + eight(last)?),
        _ => None,
    }
}

/// The digits of the last `len` of sixteen bytes, 1 to 16, one of which may be a point, and how many of them stand
/// behind that, as [`with_point`] reads them. `None` says nothing of more than eight bytes.
#[inline(always)]
pub(crate) fn decimal_in(window: &[u8; 16], len: usize) -> Option<(u64, u8)> {
    if len > 8 {
        return Some((whole_in(window, len)?, 0));
    }
    let [_, last] = halves(u128::from_le_bytes(*window));
    if len == 0 {
        return None;
    }
    let word = ending(last, len);
    let points = points(word);
    if points == 0 {
        return Some((eight(word)?, 0));
    }
    // What stands before the point moves into its place, and a zero comes before that.
    let place = points.trailing_zeros() & !7;
    let before = (1 << place) - 1;
    let behind = u64::MAX.checked_shl(place + 8).unwrap_or(0);
    let scale = (56 - place) / 8;
    let digits = word & behind | (word & before) << 8 | u64::from(b'0');
    if len == 1 { None } else { Some((eight(digits)?, scale as u8)) }
}

/// The last `count` bytes (1 to 8) of a word, with the digit zero before them.
#[inline(always)]
fn ending(word: u64, count: usize) -> u64 {
    let kept = u64::MAX << (64 - 8 * count as u32);
    word & kept | ZEROS & !kept
}

/// The number of 9 to 16 digits.
#[inline(always)]
fn sixteen(text: &[u8]) -> Option<u64> {
    // The first eight, less those that are among the last eight too.
    let rest = aligned(word_of(text), text.len() - 8);
    let last = text.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
    Some(eight(rest)? * 100_000_000 + eight(last)?)
}

/// The number of 17 or 18 digits.
#[inline(never)]
fn longest(text: &[u8]) -> Option<u64> {
    let (head, tail) = text.split_at(text.len() - 16);
    Some(eight(aligned(word_of(head), head.len()))? * 10_000_000_000_000_000 + sixteen(tail)?)
}

/// The digits of 1 to 16 bytes that may hold one point, and how many of them stand behind it.
#[inline(always)]
pub(crate) fn with_point(text: &[u8]) -> Option<(u64, u8)> {
    let len = text.len();
    if len <= 8 {
        let word = word_of(text);
        let (word, digits, scale) = match points(word) {
            0 => (word, len, 0),
            points => {
                let place = points.trailing_zeros() as usize / 8;
                let before = (1u64 << (8 * place)) - 1;
                (word & before | (word >> 8) & !before, len - 1, len - 1 - place)
            }
        };
        return if digits == 0 { None } else { Some((eight(aligned(word, digits))?, scale as u8)) };
    }
    if len <= 16 { with_point_long(text) } else { None }
}

/// [`with_point`] for 9 to 16 bytes.
#[inline(never)]
fn with_point_long(text: &[u8]) -> Option<(u64, u8)> {
    let len = text.len();
    let word = word_of_long(text);
    let [low, high] = [points(word as u64), points((word >> 64) as u64)];
    let (word, digits, scale) = if low | high == 0 {
        (word, len, 0)
    } else {
        let place = if low != 0 { low.trailing_zeros() } else { 64 + high.trailing_zeros() } as usize / 8;
        let before = (1u128 << (8 * place)) - 1;
        (word & before | (word >> 8) & !before, len - 1, len - 1 - place)
    };
    let [high, low] = halves(aligned_long(word, digits));
    Some((eight(high)? * 100_000_000 + eight(low)?, scale as u8))
}

/// 9 to 16 bytes as one word.
#[inline(always)]
fn word_of_long(text: &[u8]) -> u128 {
    let last = text.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
    // The upper word takes of the last eight bytes those that the lower one has not.
    u128::from(word_of(text)) | u128::from(last >> (8 * (16 - text.len()))) << 64
}

/// The first and the last eight of sixteen bytes.
#[inline(always)]
fn halves(word: u128) -> [u64; 2] {
    [word as u64, (word >> 64) as u64]
}

/// Moves `count` digits (1 to 8) to the end of the word, with the digit zero before them.
#[inline(always)]
fn aligned(word: u64, count: usize) -> u64 {
    let shift = 64 - 8 * count as u32;
    word << shift | ZEROS & !(u64::MAX << shift)
}

/// The same for up to 16 digits.
#[inline(always)]
fn aligned_long(word: u128, count: usize) -> u128 {
    let zeros = u128::from(ZEROS) << 64 | u128::from(ZEROS);
    let shift = 128 - 8 * count as u32;
    word << shift | zeros & !(u128::MAX << shift)
}

/// The upper bit of each byte that is a point.
#[inline(always)]
fn points(word: u64) -> u64 {
    let word = word ^ (ONES * b'.' as u64);
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

/// The number of eight digits: neighbours are joined to pairs, pairs to fours, fours to the number, each by one product
/// whose upper part is the sum.
#[inline(always)]
fn eight(word: u64) -> Option<u64> {
    // The upper bit of a byte above '9' is set in the first, of one below '0' in the second. What a byte carries into its
    // neighbour it only does where it shows itself.
    if (word.wrapping_add(ONES * 0x46) | word.wrapping_sub(ZEROS)) & HIGH != 0 {
        return None;
    }
    let ones = word & (ONES * 0x0f);
    let pairs = (ones.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// The decimal digits of a number below 10^8, the first one in the lowest byte, with zeros before it.
#[inline(always)]
fn eight_digits(number: u64) -> u64 {
    // In halves side by side, then in quarters, then one by one; the divisions are multiplications that are exact there.
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | (halves - 100 * hundreds) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (quarters - 10 * tens) << 8
}

/// The text of a number below 10^8, and how long it is.
#[inline(always)]
pub(super) fn eight_digits_text(number: u64) -> Option<(u64, usize)> {
    if number >= 100_000_000 {
        return None;
    }
    let digits = eight_digits(number);
    let start = (digits.trailing_zeros() as usize / 8).min(7);
    Some(((digits | ZEROS) >> (8 * start), 8 - start))
}

/// The text of a number of which so many digits stand behind the point, without zeros at its end, the first byte lowest,
/// and how long it is: of a number below 10^15 with at most 14 digits behind the point.
#[inline(always)]
pub(crate) fn short_text(number: u64, scale: u8) -> Option<(u128, usize)> {
    let digits = match number {
        0..100_000_000 => u128::from(eight_digits(number)) << 64,
        100_000_000..1_000_000_000_000_000 => {
            let (high, low) = (number / 100_000_000, number % 100_000_000);
            u128::from(eight_digits(high)) | u128::from(eight_digits(low)) << 64
        }
        _ => return None,
    };
    let scale = usize::from(scale);
    if scale > 14 {
        return None;
    }
    // Of sixteen digits the first is zero, so that there is room for a point; one at least stands before it.
    let start = (digits.trailing_zeros() as usize / 8).min(15 - scale);
    let zeros = (digits.leading_zeros() as usize / 8).min(scale);
    let text = (digits | u128::from_le_bytes([b'0'; 16])) >> (8 * start);
    let (before, behind) = (16 - start - scale, scale - zeros);
    if behind == 0 {
        return Some((text, before));
    }
    let below = (1 << (8 * before)) - 1;
    let with_point = text & below | u128::from(b'.') << (8 * before) | (text & !below) << 8;
    Some((with_point, before + 1 + behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_reading_digit_by_digit() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let mut text: Vec<u8> = (0..random.usize(0..20)).map(|_| random.u8(b'0'..=b'9')).collect();
            for _ in 0..random.usize(0..3) {
                if !text.is_empty() {
                    let at = random.usize(0..text.len());
                    text[at] = if random.bool() { b'.' } else { random.u8(..) };
                }
            }
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let shown = String::from_utf8_lossy(&text);
            let number = |digits: bool| if digits { shown.replace('.', "").parse().ok() } else { None };
            assert_eq!(whole(&text), number(digits && text.len() <= 18), "{shown}");
            let points = text.iter().filter(|byte| **byte == b'.').count();
            let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
            let readable = points <= 1 && digits > 0 && points + digits == text.len() && text.len() <= 16;
            let behind = text.iter().rev().position(|byte| *byte == b'.').unwrap_or(0);
            assert_eq!(with_point(&text), number(readable).map(|number| (number, behind as u8)), "{shown}");
            let mut padded = text.clone();
            padded.resize(8.max(text.len()), 0);
            assert_eq!(word_of(&text).to_le_bytes(), padded[..8]);
        }
        for byte in 0..=255u8 {
            let text = [b'1', b'2', b'3', byte, b'5', b'6', b'7', b'8'];
            assert_eq!(whole(&text).is_some(), byte.is_ascii_digit());
        }
    }
}
