//! Bytes of what is written to a state directory: bincode, in a frame that is checked before it is decoded.
//!
//! ```text
//! offset  bytes
//!      0      8  magic, "WNDRWCP1"
//!      8      2  format version, little-endian as all numbers here
//!     10      2  what the payload is: see [`Kind`]
//!     12      8  length of the payload in bytes
//!     20      8  CRC-64/NVME of the payload
//!     28      8  CRC-64/NVME of the 28 bytes before
//!     36      -  the payload
//! ```
//!
//! The payload is bincode's fixed-width little-endian form (`bincode::config::legacy`). Written types are plain
//! structs of their own, apart from the live ones; a version, once released, is never changed.

use std::fmt;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::digest::{digest, join};

const MAGIC: &[u8; 8] = b"WNDRWCP1";
/// Bytes of a header.
pub const HEADER_BYTES: usize = 36;

/// The form of payloads; decoding may claim no more memory than this many bytes.
const fn form<const BYTES_MAX: usize>() -> Configuration<LittleEndian, Fixint, Limit<BYTES_MAX>> {
    bincode::config::legacy().with_limit::<BYTES_MAX>()
}

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// One consistent cut of a run.
    Checkpoint = 1,
    /// Remembered ids.
    Ids = 2,
    /// How much has been delivered to a stream.
    Delivery = 3,
    /// A decision about event time.
    Decision = 4,
}

impl Kind {
    /// The newest version of such payloads that this program knows.
    pub fn newest(self) -> u16 {
        match self {
            Kind::Checkpoint => 6,
            Kind::Ids | Kind::Delivery | Kind::Decision => 1,
        }
    }
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// They do not begin as a file of ours does.
    Foreign,
    /// They are of a newer format than this program knows.
    Newer {
        /// Their version.
        version: u16,
        /// The newest that is known.
        known: u16,
    },
    /// They are of another kind than expected.
    OtherKind,
    /// They are not there.
    Missing,
    /// They end too early, or go on too long.
    Length,
    /// A checksum does not fit.
    Checksum,
    /// The payload is not what its kind has.
    Content,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Foreign => f.write_str("it is no file of windrow's"),
            Damage::Newer { version, known } => write!(
                f,
                "it was written by a newer windrow (format {version}, this one knows up to {known}); \
                 use that one, or start anew with --replay"
            ),
            Damage::OtherKind => f.write_str("it is a file of windrow's, but of another kind"),
            Damage::Missing => f.write_str("it is not there"),
            Damage::Length => f.write_str("it is cut off or too long"),
            Damage::Checksum => f.write_str("its checksum does not fit"),
            Damage::Content => f.write_str("its content makes no sense"),
        }
    }
}

/// The bytes of a written type.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::legacy())
        .expect("written types have nothing that bincode refuses")
}

/// A written type from its bytes, all of which it must take up.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Damage> {
    // bincode believes a length before it looks whether the bytes are there: small payloads may claim little.
    let decoded = match bytes.len() {
        0..0x1_0000 => bincode::serde::decode_from_slice(bytes, form::<{ 1 << 24 }>()),
        0x1_0000..0x100_0000 => bincode::serde::decode_from_slice(bytes, form::<{ 1 << 31 }>()),
        _ => bincode::serde::decode_from_slice(bytes, form::<{ 1 << 40 }>()),
    };
    match decoded {
        Ok((value, len)) if len == bytes.len() => Ok(value),
        _ => Err(Damage::Content),
    }
}

/// The header of a payload of version 1; the payload follows it in the file.
pub fn header(kind: Kind, payload: &[u8]) -> [u8; HEADER_BYTES] {
    header_of(kind, 1, payload)
}

/// The same for another version.
pub fn header_of(kind: Kind, version: u16, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&version.to_le_bytes());
    header[10..12].copy_from_slice(&(kind as u16).to_le_bytes());
    header[12..20].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[20..28].copy_from_slice(&digest(payload).to_le_bytes());
    let own = digest(&header[..28]);
    header[28..].copy_from_slice(&own.to_le_bytes());
    header
}

/// How many bytes a frame with this header says it takes up, itself included. Nothing is checked yet.
pub fn length(header: &[u8]) -> Option<u64> {
    let len = header.get(12..20)?.try_into().ok().map(u64::from_le_bytes)?;
    len.checked_add(HEADER_BYTES as u64)
}

/// The version and payload at the start of `bytes`, and how many bytes they take up. More may follow.
pub fn split(kind: Kind, bytes: &[u8]) -> Result<(u16, &[u8], usize), Damage> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(if bytes.starts_with(MAGIC) { Damage::Length } else { Damage::Foreign });
    };
    if !header.starts_with(MAGIC) {
        return Err(Damage::Foreign);
    }
    let number = |at: usize, len: usize| {
        let mut number = [0; 8];
        number[..len].copy_from_slice(&header[at..at + len]);
        u64::from_le_bytes(number)
    };
    if number(28, 8) != digest(&header[..28]) {
        return Err(Damage::Checksum);
    }
    let version = number(8, 2) as u16;
    if version > kind.newest() {
        return Err(Damage::Newer { version, known: kind.newest() });
    }
    if number(10, 2) != kind as u64 {
        return Err(Damage::OtherKind);
    }
    let end = usize::try_from(number(12, 8)).ok().and_then(|len| len.checked_add(HEADER_BYTES));
    let payload = end.and_then(|end| bytes.get(HEADER_BYTES..end)).ok_or(Damage::Length)?;
    if number(20, 8) != digest(payload) {
        return Err(Damage::Checksum);
    }
    Ok((version, payload, HEADER_BYTES + payload.len()))
}

/// The same for a file that holds nothing else.
pub fn open(kind: Kind, bytes: &[u8]) -> Result<(u16, &[u8]), Damage> {
    match split(kind, bytes)? {
        (version, payload, len) if len == bytes.len() => Ok((version, payload)),
        _ => Err(Damage::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back() {
        let value = (7u64, vec![1u8, 2, 3], String::from("x"));
        let payload = encode(&value);
        let file = [&header(Kind::Checkpoint, &payload)[..], &payload].concat();
        let (version, found) = open(Kind::Checkpoint, &file).unwrap();
        assert_eq!((version, decode::<(u64, Vec<u8>, String)>(found).unwrap()), (1, value));
        assert_eq!(open(Kind::Ids, &file), Err(Damage::OtherKind));
        assert_eq!(decode::<u64>(found), Err(Damage::Content));
    }

    /// No changed bit and no cut goes unnoticed.
    #[test]
    fn damage_is_found() {
        let payload = encode(&vec![5u64; 40]);
        let file = [&header(Kind::Ids, &payload)[..], &payload].concat();
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Kind::Ids, &damaged).is_err(), "bit {bit}");
        }
        for len in 0..file.len() {
            assert!(open(Kind::Ids, &file[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(open(Kind::Ids, b"hello"), Err(Damage::Foreign));
        assert_eq!(open(Kind::Ids, &[&file[..], b"x"].concat()), Err(Damage::Length));
    }

    #[test]
    fn a_newer_version_is_told() {
        let mut header = header(Kind::Ids, b"");
        header[8] = 200;
        let own = digest(&header[..28]);
        header[28..].copy_from_slice(&own.to_le_bytes());
        assert_eq!(open(Kind::Ids, &header), Err(Damage::Newer { version: 200, known: 1 }));
    }

    /// Bytes written by one version must be read by all later ones.
    #[test]
    fn the_form_is_frozen() {
        assert_eq!(
            encode(&(1u16, -2i64, true, "ab")),
            b"\x01\0\xfe\xff\xff\xff\xff\xff\xff\xff\x01\x02\0\0\0\0\0\0\0ab"
        );
        assert_eq!(encode(&vec![Some(3u32), None]), b"\x02\0\0\0\0\0\0\0\x01\x03\0\0\0\0");
    }
}
