//! Thirty-two or sixty-four bytes at a time: the few questions that the scanners ask of a stretch of text, answered as
//! bit masks, and sixteen at a time the ends of names, and the numbers that columns are made of; with AVX2 where the
//! machine has it and in plain arithmetic elsewhere. (With AVX-512 for the sixty-four nothing was gained, on two kinds of
//! machines that have it.)
//!
//! All vector code of the parse stage is here. The scanners, and what makes columns of numbers, are generic over
//! [`Lanes`] and run through [`Level::run`], once per block of records or column of it: what is marked
//! `#[inline(always)]` there becomes one function that is compiled for the vectors of its level. Closures on the way
//! cannot be marked so, and would stay calls: there are none. Nothing here knows what a record is.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::mem::MaybeUninit;

use portable::Portable;

/// Bytes in a vector.
pub const WIDTH: usize = 32;
/// Bytes in two of them.
pub const WIDE: usize = 2 * WIDTH;

/// A vector of [`WIDTH`] bytes. In the masks bit `i` stands for byte `i`.
pub trait Lanes: Copy {
    /// These bytes.
    fn new(bytes: &[u8; WIDTH]) -> Self;
    /// Where `byte` stands.
    fn equal(self, byte: u8) -> u32;
    /// Where a JSON string cannot simply go on: quotes, backslashes and control characters.
    fn string_stops(self) -> u32;
    /// Where an ASCII digit stands.
    fn digits(self) -> u32;
    /// Where a small letter of ASCII stands.
    fn letters(self) -> u32;
    /// Where a byte of a character that is not ASCII stands.
    fn not_ascii(self) -> u32;
    /// Where one of these bytes stands, or one of a character that is not ASCII.
    fn unusual(self, bytes: [u8; 2]) -> u32;
    /// Whether every byte is at least that of `low` and at most that of `high`, which is no less, and none is a quote
    /// or a backslash where all bits of `texts` are set; elsewhere none of them is.
    fn fits(self, low: Self, high: Self, texts: Self) -> bool;

    /// Whether those bits of sixteen bytes are alike that are set in the mask.
    fn alike(bytes: &[u8; 16], others: &[u8; 16], mask: &[u8; 16]) -> bool;
    /// The number of the last `len` of sixteen bytes, 1 to 16, if all of them are digits.
    fn whole(window: &[u8; 16], len: usize) -> Option<u64>;
    /// The digits of the last `len` of sixteen bytes, 1 to 16, one of which may be a point, and how many of them stand
    /// behind that. `None` may say nothing: [`crate::number::short`] tells.
    fn decimal(window: &[u8; 16], len: usize) -> Option<(u64, u8)>;

    /// [`Lanes::decimal`] of a number that may have a minus in front of its digits, which counts.
    #[inline(always)]
    fn signed(window: &[u8; 16], len: usize) -> Option<(i64, u8)> {
        if let Some((mantissa, scale)) = Self::decimal(window, len) {
            return Some((mantissa as i64, scale));
        }
        if len < 2 || window[16 - len] != b'-' {
            return None;
        }
        Self::decimal(window, len - 1).map(|(mantissa, scale)| (-(mantissa as i64), scale))
    }

    /// [`Lanes::equal`] of twice as many bytes.
    #[inline(always)]
    fn equal_wide(bytes: &[u8; WIDE], byte: u8) -> u64 {
        let (low, upper) = (Self::new(half(bytes, 0)), Self::new(half(bytes, 1)));
        u64::from(low.equal(byte)) | u64::from(upper.equal(byte)) << WIDTH
    }

    /// [`Lanes::string_stops`] of twice as many bytes.
    #[inline(always)]
    fn string_stops_wide(bytes: &[u8; WIDE]) -> u64 {
        let (low, upper) = (Self::new(half(bytes, 0)), Self::new(half(bytes, 1)));
        u64::from(low.string_stops()) | u64::from(upper.string_stops()) << WIDTH
    }

    /// [`Lanes::digits`] of twice as many bytes.
    #[inline(always)]
    fn digits_wide(bytes: &[u8; WIDE]) -> u64 {
        let (low, upper) = (Self::new(half(bytes, 0)), Self::new(half(bytes, 1)));
        u64::from(low.digits()) | u64::from(upper.digits()) << WIDTH
    }

    /// [`Lanes::letters`] of twice as many bytes.
    #[inline(always)]
    fn letters_wide(bytes: &[u8; WIDE]) -> u64 {
        let (low, upper) = (Self::new(half(bytes, 0)), Self::new(half(bytes, 1)));
        u64::from(low.letters()) | u64::from(upper.letters()) << WIDTH
    }

    /// Whether one of twice as many bytes is [`Lanes::not_ascii`].
    #[inline(always)]
    fn not_ascii_wide(bytes: &[u8; WIDE]) -> bool {
        let (low, upper) = (Self::new(half(bytes, 0)), Self::new(half(bytes, 1)));
        low.not_ascii() | upper.not_ascii() != 0
    }

    /// Whether one of twice as many bytes is [`Lanes::unusual`].
    #[inline(always)]
    fn has_unusual_wide(bytes: &[u8; WIDE], these: [u8; 2]) -> bool {
        let (low, upper) = (Self::new(half(bytes, 0)), Self::new(half(bytes, 1)));
        low.unusual(these) | upper.unusual(these) != 0
    }

    /// [`Lanes::fits`] of twice as many bytes, of which those from `len` on need not be looked at: all fit.
    #[inline(always)]
    fn fits_wide(bytes: &[u8; WIDE], bounds: &Bounds, len: usize) -> bool {
        half_fits::<Self>(bytes, bounds, 0) && (len <= WIDTH || half_fits::<Self>(bytes, bounds, 1))
    }
}

/// [`Lanes::fits`] of one half of a wide vector.
#[inline(always)]
fn half_fits<L: Lanes>(bytes: &[u8; WIDE], bounds: &Bounds, n: usize) -> bool {
    let (low, high) = (L::new(half(&bounds.low, n)), L::new(half(&bounds.high, n)));
    L::new(half(bytes, n)).fits(low, high, L::new(half(&bounds.texts, n)))
}

/// What [`Lanes::fits_wide`] compares with.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The least byte at each place.
    pub low: [u8; WIDE],
    /// The greatest.
    pub high: [u8; WIDE],
    /// All bits where no quote and no backslash may stand.
    pub texts: [u8; WIDE],
}

/// The first or the second half of a wide vector.
#[inline(always)]
fn half(bytes: &[u8; WIDE], n: usize) -> &[u8; WIDTH] {
    &bytes.as_chunks().0[n]
}

/// The bytes from `at` on, with zeros behind the end of the text.
#[inline(always)]
pub fn load<L: Lanes>(text: &[u8], at: usize) -> L {
    if at < text.len().saturating_sub(WIDTH - 1) {
        // SAFETY: at + WIDTH is at most the length of the text.
        return L::new(unsafe { &*text.as_ptr().add(at).cast() });
    }
    L::new(&tail(text, at))
}

/// Twice as many bytes from `at` on, with zeros behind the end of the text: there they are in `copy`.
#[inline(always)]
pub fn wide<'t>(text: &'t [u8], at: usize, copy: &'t mut MaybeUninit<[u8; WIDE]>) -> &'t [u8; WIDE] {
    if at < text.len().saturating_sub(WIDE - 1) {
        // SAFETY: at + WIDE is at most the length of the text.
        return unsafe { &*text.as_ptr().add(at).cast() };
    }
    copy.write(tail(text, at))
}

#[cold]
#[inline(never)]
fn tail<const N: usize>(text: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    let rest = text.get(at..).unwrap_or_default();
    let len = rest.len().min(N);
    bytes[..len].copy_from_slice(&rest[..len]);
    bytes
}

/// Whether the number of bits up to and with each bit is odd: between which quotes of a pair a byte stands.
#[inline(always)]
pub fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Writes down the places of the bits of a mask that begins at `at`; what stands behind them means nothing.
#[inline(always)]
pub fn place(mut bits: u64, at: u32, room: &mut [u32; WIDE]) {
    // Where separators are looked for, seven or eight stand in a step: eight without asking, then more if need be.
    let mut eights = room.chunks_exact_mut(8);
    loop {
        let Some(eight) = eights.next() else { return };
        for place in eight {
            *place = at + bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
        }
        if bits == 0 {
            return;
        }
    }
}

/// Work that is compiled once for each level.
pub trait Work {
    /// What comes of it.
    type Output;
    /// Does it. Implementations are `#[inline(always)]`, or the vectors are calls.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// What the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    avx2: bool,
}

impl Level {
    /// Plain arithmetic, which every machine can do.
    pub const PORTABLE: Level = Level { avx2: false };

    /// The best that this machine can do.
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Level { avx2 }
    }

    /// All that this machine can do, the least first.
    pub fn all() -> impl Iterator<Item = Level> {
        [false, true]
            .map(|avx2| Level { avx2 })
            .into_iter()
            .filter(|level| Level::detect().avx2 || !level.avx2)
    }

    /// Does the work with the vectors of this level.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            // SAFETY: only `detect`, and `all` after it, make a level with `avx2`, where all these features are.
            return unsafe { x86::run(work) };
        }
        work.run::<Portable>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All masks of the bytes, by one level, against `char` methods.
    struct Check([u8; WIDTH]);

    impl Work for Check {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self) {
            let all = |is: &dyn Fn(u8) -> bool| {
                self.0.iter().enumerate().fold(0, |mask, (n, byte)| mask | u32::from(is(*byte)) << n)
            };
            let lanes = L::new(&self.0);
            for byte in [0, b'\n', b'"', b',', 0x7f, 0x80, 0xff, self.0[3]] {
                assert_eq!(lanes.equal(byte), all(&|b| b == byte), "{byte} in {:?}", self.0);
            }
            let stops = all(&|b| b < 0x20 || b == b'"' || b == b'\\');
            assert_eq!(lanes.string_stops(), stops, "{:?}", self.0);
            assert_eq!(lanes.digits(), all(&|b| b.is_ascii_digit()), "{:?}", self.0);
            assert_eq!(lanes.letters(), all(&|b| b.is_ascii_lowercase()), "{:?}", self.0);
            assert_eq!(lanes.not_ascii(), all(&|b| !b.is_ascii()), "{:?}", self.0);
            let these = [b'"', self.0[5]];
            let unusual = all(&|b| !b.is_ascii() || these.contains(&b));
            assert_eq!(lanes.unusual(these), unusual, "{:?}", self.0);
        }
    }

    /// The same of twice as many.
    struct CheckWide([u8; WIDE]);

    impl Work for CheckWide {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self) {
            let bytes = &self.0;
            for byte in [0, b'\n', b'"', 0x80, self.0[3], self.0[40]] {
                let all = (0..WIDE).filter(|&at| bytes[at] == byte).fold(0, |mask, at| mask | 1 << at);
                assert_eq!(L::equal_wide(bytes, byte), all, "{byte} in {bytes:?}");
            }
            let both = |of: &dyn Fn(L) -> u32| {
                u64::from(of(L::new(half(bytes, 0)))) | u64::from(of(L::new(half(bytes, 1)))) << WIDTH
            };
            assert_eq!(L::string_stops_wide(bytes), both(&|half| half.string_stops()));
            assert_eq!(L::digits_wide(bytes), both(&|half| half.digits()));
            assert_eq!(L::letters_wide(bytes), both(&|half| half.letters()));
            assert_eq!(L::not_ascii_wide(bytes), !bytes.is_ascii());
            let these = [b'"', b'\n'];
            let is_unusual = !bytes.is_ascii() || bytes.iter().any(|byte| these.contains(byte));
            assert_eq!(L::has_unusual_wide(bytes, these), is_unusual);
            // Bounds around some of the bytes, at places that are texts or not.
            let mut other = *bytes;
            other.rotate_left(7);
            let around = |sign: i16| bytes.map(|byte| (i16::from(byte) + sign * 9).clamp(0, 255) as u8);
            let mut bounds = Bounds {
                low: around(-1),
                high: around(1),
                texts: other.map(|byte| if byte & 1 == 1 { u8::MAX } else { 0 }),
            };
            for at in [4, 21, 39, 60] {
                bounds.low[at] = other[at].min(bytes[WIDE - at]);
                bounds.high[at] = other[at].max(bytes[WIDE - at]);
            }
            let Bounds { low, high, texts } = &bounds;
            let is_end = |at: usize| texts[at] != 0 && [b'"', b'\\'].contains(&bytes[at]);
            let may = |at: usize| low[at] <= bytes[at] && bytes[at] <= high[at] && !is_end(at);
            assert_eq!(L::fits_wide(bytes, &bounds, WIDE), (0..WIDE).all(may));
            let part = |range: std::ops::Range<usize>, bytes: &[u8; WIDE]| -> L {
                L::new(bytes[range].try_into().unwrap())
            };
            for range in [0..WIDTH, WIDTH..WIDE] {
                let fits = range.clone().all(may);
                let [low, high, texts] = [low, high, texts].map(|bytes| part(range.clone(), bytes));
                assert_eq!(part(range, bytes).fits(low, high, texts), fits);
            }
        }
    }

    /// The numbers at the end of sixteen bytes, against the reader of all numbers.
    struct CheckNumbers([u8; 16]);

    impl Work for CheckNumbers {
        type Output = usize;

        #[inline(always)]
        fn run<L: Lanes>(self) -> usize {
            let mut read = 0;
            for len in 1..=16 {
                let text = &self.0[16 - len..];
                let is_unsigned = !matches!(text[0], b'+' | b'-');
                let wanted = crate::number::short(text).filter(|_| is_unsigned);
                let wanted = wanted.map(|(mantissa, scale)| (mantissa as u64, scale));
                let digits = text.iter().all(u8::is_ascii_digit);
                assert_eq!(L::whole(&self.0, len), wanted.filter(|_| digits).map(|it| it.0), "{text:?}");
                let signed = crate::number::short(text).filter(|_| text[0] != b'+');
                let is_read = L::signed(&self.0, len).is_some_and(|read| Some(read) == signed);
                assert!(is_read || L::signed(&self.0, len).is_none(), "{text:?}");
                let magnitude = if text[0] == b'-' && len > 1 { len - 1 } else { len };
                assert_eq!(is_read, L::decimal(&self.0, magnitude).is_some(), "{text:?}");
                match L::decimal(&self.0, len) {
                    // What every machine can do stops at eight bytes.
                    None => assert!(wanted.is_none() || (len > 8 && !digits), "{text:?}"),
                    number => {
                        assert_eq!(number, wanted, "{text:?}");
                        read += 1;
                    }
                }
            }
            read
        }
    }

    #[test]
    fn numbers_are_right() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut read = [0; 2];
        for round in 0..40_000 {
            let mut window: [u8; 16] = std::array::from_fn(|_| random.u8(b'0'..=b'9'));
            for _ in 0..round % 4 {
                window[random.usize(..16)] = [b'.', b'.', b'-', random.u8(..)][random.usize(..4)];
            }
            for (level, read) in Level::all().zip(&mut read) {
                *read += level.run(CheckNumbers(window));
            }
        }
        assert!(read[0] > 200_000 && (Level::all().count() == 1 || read[1] > read[0]), "{read:?}");
    }

    #[test]
    fn masks_are_right() {
        let mut random = fastrand::Rng::with_seed(1);
        for byte in 0..=255 {
            for level in Level::all() {
                level.run(Check([byte; WIDTH]));
                level.run(CheckWide([byte; WIDE]));
                let mut bytes = [0; WIDE];
                bytes.fill_with(|| random.u8(..));
                bytes[random.usize(..WIDE)] = byte;
                level.run(Check(*half(&bytes, 0)));
                level.run(CheckWide(bytes));
                bytes.fill_with(|| b"0123456789/:\"\\\x1f \n"[random.usize(..17)]);
                level.run(Check(*half(&bytes, 0)));
                level.run(CheckWide(bytes));
                // All alike but for one: most of it fits.
                let mut bytes = [b'3'; WIDE];
                bytes[random.usize(..WIDE)] = byte;
                level.run(CheckWide(bytes));
            }
        }
    }

    /// A function of vectors that is not inlined is compiled without them, and each of its questions is a call: records
    /// that fit no template took three times as long for it.
    #[test]
    fn whatever_asks_vectors_is_inlined() {
        let mut files = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/parse"))];
        let mut count = 0;
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for (n, line) in lines.iter().enumerate() {
                let is_function =
                    ["fn ", "pub fn ", "pub(super) fn "].iter().any(|head| line.starts_with(head));
                if is_function && line.contains("<L: Lanes") && !line.ends_with(';') {
                    assert_eq!(lines[n - 1], "#[inline(always)]", "{}: {line}", path.display());
                    count += 1;
                }
            }
        }
        assert!(count > 15, "{count} functions of vectors");
    }

    #[test]
    fn behind_the_end_stand_zeros() {
        struct Ends;
        impl Work for Ends {
            type Output = ();
            #[inline(always)]
            fn run<L: Lanes>(self) {
                let text = [b'1'; 90];
                for at in 0..=text.len() + 2 {
                    let left = text.len().saturating_sub(at);
                    let ones =
                        |width: usize| u64::MAX.checked_shl(left.min(width) as u32).map_or(u64::MAX, |n| !n);
                    assert_eq!(u64::from(load::<L>(&text, at).digits()), ones(WIDTH));
                    let mut copy = MaybeUninit::uninit();
                    let bytes = wide(&text, at, &mut copy);
                    assert_eq!(L::equal_wide(bytes, b'1'), ones(WIDE));
                    assert_eq!(L::equal_wide(bytes, 0), !ones(WIDE));
                }
            }
        }
        Level::all().for_each(|level| level.run(Ends));
    }
}
