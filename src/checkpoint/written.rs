//! What a checkpoint file holds, as written.
//!
//! These types are apart from the live ones, and a released one is never changed: a later version gets types of
//! its own, and reads these. `testdata/state/` has files of every version for that.
//!
//! Version 2 is version 1 with [`LiveV2`] behind it, version 3 is that with [`RepeatedV3`] behind
//! it, version 4 that with [`HeadV4`]s behind it, version 5 that with the number of kinds of windows,
//! version 6 that with the last rows of keys ([`FillsV6`]). A checkpoint has the least version that can say what it says.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{self, Damage};
use crate::operator::counts::Counts;
use crate::operator::cut::{PartCut, SequenceCut, SourceCut};
use crate::operator::saved_fills::FillsV6;
use crate::operator::saved_repeats::RepeatsV3;
use crate::time::{Form, Unit};

/// One consistent cut of a run: what was read, what is remembered of it, and how much was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointV1 {
    /// 1, 2, 3, ... within a state directory.
    pub epoch: u64,
    /// A random number that all checkpoints of one job and its other files have in common.
    pub run: u64,
    /// The seed of the hashes of keys and ids.
    pub hash_seed: u64,
    /// When it was taken by the clock, in microseconds since the Unix epoch: for people alone.
    pub taken_at: i64,
    /// How the run stood.
    pub ending: EndingV1,
    /// The job's fingerprint: options and their values.
    pub job: Vec<(String, String)>,
    /// The event time field.
    pub time_field: String,
    /// The watermark.
    pub watermark: i64,
    /// The form of the first source's times.
    pub form: Option<FormV1>,
    /// The sources, in the order in which they came to be known.
    pub sources: Vec<SourceV1>,
    /// The output of rows.
    pub rows: OutputV1,
    /// The file of late events.
    pub late: Option<OutputV1>,
    /// The file of bad records.
    pub bad: Option<OutputV1>,
    /// The files of remembered ids: bucket, and length in bytes.
    pub ids: Vec<(i64, u64)>,
    /// The open windows, by whatever owned them.
    pub owners: Vec<Blob>,
    /// What version 2 has in addition.
    #[serde(skip)]
    pub live: LiveV2,
    /// What version 3 has in addition.
    #[serde(skip)]
    pub repeated: RepeatedV3,
    /// What version 4 has in addition: how the files of [`LiveV2::unread`] began, by rank, ascending.
    #[serde(skip)]
    pub heads: Vec<HeadV4>,
    /// What version 5 has in addition: how many kinds of windows the owners have, if there are several; else 0.
    #[serde(skip)]
    pub kinds: u64,
    /// What version 6 has in addition: what each owner knows of the last rows of its keys, by kind of windows.
    #[serde(skip)]
    pub fills: Vec<Vec<FillsV6>>,
}

/// What a checkpoint says of inputs that are waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveV2 {
    /// How many decisions had been made: see `decisions`.
    pub decisions: u64,
    /// The sources that were idle, by rank, ascending.
    pub idle: Vec<u32>,
    /// Where the files begin in which sources stood that have had several, by rank, ascending.
    pub parts: Vec<PartV2>,
    /// The followed sources of which nothing had been read, by rank, ascending.
    pub unread: Vec<UnreadV2>,
}

/// What a checkpoint says of windows that may be written more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedV3 {
    /// Per source, how many of its accepted events came for windows that had fired.
    pub revising: Vec<u64>,
    /// What each owner knows of them, in the order of the owners.
    pub owners: Vec<RepeatsV3>,
}

impl RepeatedV3 {
    /// What owners know, if they do, and what the ledgers of the sources say of it.
    pub fn of(owners: impl Iterator<Item = RepeatsV3>, sources: &[SourceCut]) -> RepeatedV3 {
        let owners: Vec<RepeatsV3> = owners.collect();
        let revising = match owners.is_empty() {
            true => Vec::new(),
            false => sources.iter().map(|source| source.counts.revising).collect(),
        };
        RepeatedV3 { revising, owners }
    }
}

/// See [`PartCut`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartV2 {
    /// The rank of the source.
    pub source: u32,
    /// See [`PartCut::start`].
    pub start: u64,
    /// See [`PartCut::digest`].
    pub digest: u64,
    /// See [`PartCut::file`].
    pub file: Option<(u64, u64)>,
}

/// Since when a source is followed of which nothing had been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadV2 {
    /// The rank of the source.
    pub source: u32,
    /// In microseconds since the Unix epoch, by the clock.
    pub since: i64,
}

/// How the file began that had the name of a followed source of which nothing had been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadV4 {
    /// The rank of the source.
    pub source: u32,
    /// So many of its first bytes,
    pub len: u64,
    /// and their digest.
    pub digest: u64,
}

/// How a run stood when a checkpoint was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndingV1 {
    /// It goes on.
    Running,
    /// The input had ended, and windows were held open.
    Held,
    /// The input had ended, and all windows were closed.
    Closed,
}

/// The form of a source's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormV1 {
    /// Numbers of seconds.
    Seconds,
    /// Numbers of milliseconds.
    Millis,
    /// Numbers of microseconds.
    Micros,
    /// Numbers of nanoseconds.
    Nanos,
    /// Text.
    Text,
}

/// Where a source stood. The members are those of [`SourceCut`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceV1 {
    /// Its name.
    pub name: NameV1,
    /// Device and inode, for a regular file.
    pub identity: Option<(u64, u64)>,
    /// How its records are written, in words.
    pub format: String,
    /// The names of a CSV source's columns, once known.
    pub columns: Option<Vec<String>>,
    /// See [`SourceCut::offset`].
    pub offset: u64,
    /// See [`SourceCut::digest`].
    pub digest: u64,
    /// See [`SourceCut::records`].
    pub records: u64,
    /// See [`SourceCut::lines`].
    pub lines: u64,
    /// See [`SourceCut::largest`].
    pub largest: Option<i64>,
    /// See [`SourceCut::believed`].
    pub believed: Option<i64>,
    /// See [`SourceCut::form`].
    pub form: Option<FormV1>,
    /// See [`SourceCut::over`].
    pub over: bool,
    /// Its ledger: read, accepted, filtered, late, duplicate, bad, partially late.
    pub counts: [u64; 7],
}

/// What a source is called. Written as text: its name, and where it was called otherwise at first, a NUL, which no
/// name has, and its first name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameV1 {
    /// As it was given last, by which it is looked for.
    pub now: String,
    /// As it was given when it came to be known. Records that are set aside have it as their source, so that what is
    /// written again of them is the same when the source has been renamed since.
    pub first: String,
}

/// How much of an output is covered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputV1 {
    /// The file as it was named; empty for standard output.
    pub path: String,
    /// Whether it is a pipe or the like, and no file.
    pub stream: bool,
    /// Where the first byte of ours stands in the file.
    pub base: u64,
    /// Bytes produced.
    pub len: u64,
    /// Their digest.
    pub digest: u64,
    /// Rows produced.
    pub rows: u64,
}

impl Serialize for NameV1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let NameV1 { now, first } = self;
        match now == first {
            true => serializer.serialize_str(now),
            false => serializer.serialize_str(&format!("{now}\0{first}")),
        }
    }
}

impl<'de> Deserialize<'de> for NameV1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NameV1, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (now, first) = text.split_once('\0').unwrap_or((&text, &text));
        Ok(NameV1 { now: now.to_owned(), first: first.to_owned() })
    }
}

/// Bytes that are written as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

impl From<Form> for FormV1 {
    fn from(form: Form) -> FormV1 {
        match form {
            Form::Number(Unit::Seconds) => FormV1::Seconds,
            Form::Number(Unit::Millis) => FormV1::Millis,
            Form::Number(Unit::Micros) => FormV1::Micros,
            Form::Number(Unit::Nanos) => FormV1::Nanos,
            Form::Text => FormV1::Text,
        }
    }
}

impl From<FormV1> for Form {
    fn from(form: FormV1) -> Form {
        match form {
            FormV1::Seconds => Form::Number(Unit::Seconds),
            FormV1::Millis => Form::Number(Unit::Millis),
            FormV1::Micros => Form::Number(Unit::Micros),
            FormV1::Nanos => Form::Number(Unit::Nanos),
            FormV1::Text => Form::Text,
        }
    }
}

impl SourceV1 {
    /// A source of which nothing has been read.
    pub fn new(name: &str, format: String, identity: Option<(u64, u64)>) -> SourceV1 {
        SourceV1 {
            name: NameV1 { now: name.to_owned(), first: name.to_owned() },
            identity,
            format,
            columns: None,
            offset: 0,
            digest: 0,
            records: 0,
            lines: 0,
            largest: None,
            believed: None,
            form: None,
            over: false,
            counts: [0; 7],
        }
    }

    /// Takes over where the source stands.
    pub fn stand(&mut self, cut: &SourceCut) {
        // `revising` stands apart: see `RepeatedV3`.
        let Counts { read, accepted, filtered, late, duplicate, bad, partially_late, revising: _ } =
            cut.counts;
        self.offset = cut.offset;
        self.digest = cut.digest;
        self.records = cut.records;
        self.lines = cut.lines;
        self.largest = cut.largest;
        self.believed = cut.believed;
        self.form = cut.form.map(FormV1::from);
        self.over = cut.over;
        self.counts = [read, accepted, filtered, late, duplicate, bad, partially_late];
    }

    /// Where the source stood.
    pub fn cut(&self) -> SourceCut {
        let [read, accepted, filtered, late, duplicate, bad, partially_late] = self.counts;
        SourceCut {
            offset: self.offset,
            digest: self.digest,
            part: PartCut::default(),
            records: self.records,
            lines: self.lines,
            largest: self.largest,
            believed: self.believed,
            form: self.form.map(Form::from),
            counts: Counts { read, accepted, filtered, late, duplicate, bad, partially_late, revising: 0 },
            over: self.over,
            idle: false,
        }
    }
}

impl CheckpointV1 {
    /// The least version that can say what it says.
    pub fn version(&self) -> u16 {
        match (self.live == LiveV2::default(), self.repeated == RepeatedV3::default()) {
            _ if !self.fills.is_empty() => 6,
            _ if self.kinds > 0 => 5,
            _ if !self.heads.is_empty() => 4,
            (true, true) => 1,
            (false, true) => 2,
            (_, false) => 3,
        }
    }

    /// Its version and bytes.
    pub fn encode(&self) -> (u16, Vec<u8>) {
        let version = self.version();
        let bytes = match version {
            1 => codec::encode(self),
            2 => codec::encode(&(self, &self.live)),
            3 => codec::encode(&(self, &self.live, &self.repeated)),
            4 => codec::encode(&(self, &self.live, &self.repeated, &self.heads)),
            5 => codec::encode(&(self, &self.live, &self.repeated, &self.heads, self.kinds)),
            _ => codec::encode(&(self, &self.live, &self.repeated, &self.heads, self.kinds, &self.fills)),
        };
        (version, bytes)
    }

    /// A checkpoint from the bytes of a version.
    ///
    /// # Errors
    /// [`Damage::Content`] where they are not what that version has.
    pub fn decode(version: u16, bytes: &[u8]) -> Result<CheckpointV1, Damage> {
        match version {
            1 => codec::decode(bytes),
            2 => {
                let (checkpoint, live): (CheckpointV1, LiveV2) = codec::decode(bytes)?;
                Ok(CheckpointV1 { live, ..checkpoint })
            }
            3 => {
                let (checkpoint, live, repeated): (CheckpointV1, LiveV2, RepeatedV3) = codec::decode(bytes)?;
                Ok(CheckpointV1 { live, repeated, ..checkpoint })
            }
            4 => {
                type WrittenV4 = (CheckpointV1, LiveV2, RepeatedV3, Vec<HeadV4>);
                let (checkpoint, live, repeated, heads): WrittenV4 = codec::decode(bytes)?;
                Ok(CheckpointV1 { live, repeated, heads, ..checkpoint })
            }
            5 => {
                type WrittenV5 = (CheckpointV1, LiveV2, RepeatedV3, Vec<HeadV4>, u64);
                let (checkpoint, live, repeated, heads, kinds): WrittenV5 = codec::decode(bytes)?;
                Ok(CheckpointV1 { live, repeated, heads, kinds, ..checkpoint })
            }
            _ => {
                type WrittenV6 = (CheckpointV1, LiveV2, RepeatedV3, Vec<HeadV4>, u64, Vec<Vec<FillsV6>>);
                let (checkpoint, live, repeated, heads, kinds, fills): WrittenV6 = codec::decode(bytes)?;
                Ok(CheckpointV1 { live, repeated, heads, kinds, fills, ..checkpoint })
            }
        }
    }

    /// The ledger of a source.
    pub fn counts(&self, rank: usize) -> Counts {
        let revising = self.repeated.revising.get(rank).copied().unwrap_or(0);
        Counts { revising, ..self.sources[rank].cut().counts }
    }

    /// Where the file begins in which a source stood.
    pub fn part(&self, rank: u32) -> PartCut {
        let found = self.live.parts.binary_search_by_key(&rank, |part| part.source);
        found.map_or_else(
            |_| PartCut::default(),
            |at| {
                let PartV2 { start, digest, file, .. } = self.live.parts[at];
                PartCut { start, digest, file }
            },
        )
    }

    /// Where the sequencer stood.
    pub fn sequence(&self) -> SequenceCut {
        let cut = |(rank, source): (u32, &SourceV1)| SourceCut {
            idle: self.live.idle.binary_search(&rank).is_ok(),
            part: self.part(rank),
            counts: self.counts(rank as usize),
            ..source.cut()
        };
        SequenceCut {
            sources: (0..).zip(&self.sources).map(cut).collect(),
            watermark: self.watermark,
            form: self.form.map(Form::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::codec::{decode, encode};

    #[test]
    fn a_source_comes_back() {
        let counts = Counts {
            read: 6,
            accepted: 1,
            filtered: 2,
            late: 3,
            duplicate: 4,
            bad: 5,
            partially_late: 7,
            revising: 0,
        };
        let cut = SourceCut {
            offset: 1,
            digest: 2,
            part: PartCut::default(),
            records: 3,
            lines: 4,
            largest: Some(-5),
            believed: None,
            form: Some(Form::Number(Unit::Nanos)),
            counts,
            over: true,
            idle: false,
        };
        let mut source = SourceV1::new("a", "csv".into(), Some((1, 2)));
        source.stand(&cut);
        let found: SourceV1 = decode(&encode(&source)).unwrap();
        assert_eq!((found.cut(), &found), (cut, &source));
        source.name.now = "b".into();
        assert_eq!(decode::<SourceV1>(&encode(&source)).unwrap().name, source.name);
        assert!(encode(&source).starts_with(b"\x03\0\0\0\0\0\0\0b\0a"));
    }

    #[test]
    fn blobs_are_written_as_they_are() {
        let blob = Blob(vec![1, 2, 3]);
        assert_eq!(encode(&blob), b"\x03\0\0\0\0\0\0\0\x01\x02\x03");
        assert_eq!(decode::<Blob>(&encode(&blob)), Ok(blob));
        // A length that lies takes no memory.
        assert!(decode::<Blob>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]).is_err());
    }
}
