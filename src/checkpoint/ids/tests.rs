//! Files of ids against a plain map, through restarts, and damaged in every way that is known.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::checkpoint::codec::Kind;
use crate::operator::dedup::{Dealt, Dedup, Entry, Loader};

const SPAN: i64 = 32_000;

fn owner() -> Owner {
    Owner { run: 77, buckets: Buckets::for_span(SPAN) }
}

fn load(stored: &Stored, parts: usize) -> Result<Dedup> {
    let loader = |part| Loader::new(part, parts, SPAN, stored.entries());
    let mut loaders: Vec<Loader> = (0..parts).map(loader).collect();
    let mut dealt = Dealt::default();
    stored.read(|entries| {
        dealt.deal(entries);
        loaders.iter_mut().for_each(|loader| loader.add(&dealt));
    })?;
    Ok(Loader::join(loaders))
}

fn id(n: u64) -> u128 {
    xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes())
}

fn by_bucket(entries: &[Entry]) -> BTreeMap<i64, Vec<Entry>> {
    let mut by_bucket = BTreeMap::<i64, Vec<Entry>>::new();
    for entry in entries {
        by_bucket.entry(owner().buckets.of(entry.expiry)).or_default().push(*entry);
    }
    by_bucket
}

fn append(segments: &mut Segments, entries: &[Entry]) -> Result<()> {
    segments.append(by_bucket(entries).iter().map(|(&bucket, entries)| (bucket, &entries[..])))
}

/// All files and what they hold.
fn listing(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// Two blocks in one file, and the lengths that a checkpoint names.
fn small(dir: &Path) -> (PathBuf, Lengths) {
    let mut segments = Segments::create(dir, owner()).unwrap();
    for entries in
        [[Entry::new(id(1), 40), Entry::new(id(2), 41)], [Entry::new(id(3), 42), Entry::new(0, 43)]]
    {
        append(&mut segments, &entries).unwrap();
    }
    let lengths = segments.sync(i64::MIN).unwrap();
    assert_eq!(lengths.len(), 1);
    (dir.join(file::name(lengths[0].0)), lengths)
}

#[track_caller]
fn check_fails(dir: &Path, lengths: &[(i64, u64)], expected: fn(&Cause) -> bool) {
    let loaded = Stored::open(dir, owner(), lengths, 0).and_then(|stored| load(&stored, 1));
    let error = loaded.err().expect("damage is noticed");
    assert!(expected(&error.cause), "{error:?}");
    assert!(error.to_string().contains("ids-"), "{error} names the file");
}

/// Random entries, checkpoints, kills and restarts: what comes back is what the checkpoint had.
#[test]
fn agrees_with_a_map_through_kills() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut segments = Segments::create(dir.path(), owner()).unwrap();
    let mut dedup = Dedup::new(SPAN);
    dedup.record();
    let mut known = BTreeMap::<u128, i64>::new();
    let mut watermark = 0;
    // The newest checkpoint last: watermark, lengths, ids.
    let mut checkpoints = vec![(0, Lengths::new(), known.clone())];
    for _ in 0..300 {
        for _ in 0..random.u32(..300) {
            let id = id(random.u64(..3_000));
            let expiry = if random.u32(..200) == 0 { i64::MAX } else { watermark + random.i64(1..SPAN) };
            let seen = known.get(&id).is_some_and(|&until| until > watermark);
            assert_eq!(dedup.seen(id, expiry, watermark), seen);
            if !seen {
                known.insert(id, expiry);
            }
            watermark += random.i64(..4).max(0);
        }
        let pending = dedup.take_pending();
        segments.append(pending.iter().map(|(bucket, entries)| (*bucket, &entries[..]))).unwrap();
        if random.u32(..3) > 0 {
            checkpoints.push((watermark, segments.sync(i64::MIN).unwrap(), known.clone()));
            if checkpoints.len() > 3 {
                checkpoints.remove(0);
            }
            segments.expire(checkpoints[0].0).unwrap();
        }
        if random.u32(..4) == 0 {
            drop(segments);
            if random.u32(..3) == 0 && checkpoints.len() > 1 {
                checkpoints.pop();
            }
            let kept: Vec<Lengths> = checkpoints.iter().map(|checkpoint| checkpoint.1.clone()).collect();
            let (then, lengths, ids) = checkpoints.last().unwrap();
            let stored = Stored::open(dir.path(), owner(), lengths, *then).unwrap();
            dedup = load(&stored, random.usize(1..4)).unwrap();
            dedup.record();
            segments = stored.into_segments(&kept).unwrap();
            (watermark, known) = (*then, ids.clone());
            let counting = known.values().filter(|&&until| until > watermark).count();
            assert_eq!(dedup.len(), counting);
        }
        assert!(listing(dir.path()).len() < 80, "files are deleted");
    }
    for (&id, &until) in &known {
        assert_eq!(dedup.seen(id, watermark, watermark), until > watermark);
    }
}

#[test]
fn what_a_checkpoint_does_not_name_is_cut_off_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lengths) = small(dir.path());
    let before = listing(dir.path());
    let stored = Stored::open(dir.path(), owner(), &lengths, 0).unwrap();
    let mut segments = stored.into_segments(&[]).unwrap();
    append(&mut segments, &[Entry::new(id(4), 44), Entry::new(id(5), 9_000), Entry::new(id(6), 19_000)])
        .unwrap();
    assert!(
        segments.sync(0).unwrap().iter().map(|(_, len)| len).sum::<u64>()
            > fs::metadata(&path).unwrap().len()
    );
    drop(segments);
    fs::write(dir.path().join("other"), "stays").unwrap();
    let after = listing(dir.path());
    assert_eq!(after.len(), 4);
    // Looking changes nothing.
    let stored = Stored::open(dir.path(), owner(), &lengths, 0).unwrap();
    assert_eq!((load(&stored, 2).unwrap().len(), stored.entries() >= 4), (4, true));
    assert_eq!(listing(dir.path()), after);
    // Going on does.
    let older = vec![(owner().buckets.of(9_000), 1)];
    drop(stored.into_segments(&[older]).unwrap());
    let mut expected = before;
    expected.insert("other".to_owned(), b"stays".to_vec());
    let kept = file::name(owner().buckets.of(9_000));
    expected.insert(kept.clone(), after[&kept].clone());
    assert_eq!(listing(dir.path()), expected);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_file_goes_when_its_whole_bucket_has_expired() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lengths) = small(dir.path());
    let last = owner().buckets.last(lengths[0].0);
    let stored = Stored::open(dir.path(), owner(), &lengths, 42).unwrap();
    assert_eq!(load(&stored, 1).unwrap().len(), 1, "what has expired is not loaded");
    let mut segments = stored.into_segments(&[]).unwrap();
    segments.expire(last - 1).unwrap();
    assert!(path.exists());
    segments.expire(last).unwrap();
    assert!(!path.exists());
    assert_eq!(segments.sync(i64::MIN).unwrap(), []);
    assert_eq!(Stored::open(dir.path(), owner(), &lengths, last).unwrap().entries(), 0, "nothing is missed");
    check_fails(dir.path(), &lengths, |cause| matches!(cause, Cause::Io(_)));
}

#[test]
fn every_cut_and_every_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lengths) = small(dir.path());
    let whole = fs::read(&path).unwrap();
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        check_fails(dir.path(), &lengths, |cause| matches!(cause, Cause::Damaged(Damage::Length)));
    }
    // A checkpoint that names a length in the middle of a block is damaged too; between two it is an older one.
    fs::write(&path, &whole).unwrap();
    for len in 1..whole.len() as u64 {
        if len * 2 != whole.len() as u64 {
            check_fails(dir.path(), &[(lengths[0].0, len)], |cause| matches!(cause, Cause::Damaged(_)));
        }
    }
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        check_fails(dir.path(), &lengths, |cause| matches!(cause, Cause::Damaged(_)));
    }
}

#[test]
fn whole_blocks_in_the_wrong_place_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lengths) = small(dir.path());
    let whole = fs::read(&path).unwrap();
    let (a, b) = whole.split_at(whole.len() / 2);
    let content = |cause: &Cause| matches!(cause, Cause::Damaged(Damage::Content));
    for wrong in [[a, a], [b, b], [b, a]] {
        fs::write(&path, wrong.concat()).unwrap();
        check_fails(dir.path(), &lengths, content);
    }
    // A copy under the name of another bucket.
    fs::write(&path, &whole).unwrap();
    fs::copy(&path, dir.path().join(file::name(3))).unwrap();
    check_fails(dir.path(), &[(3, whole.len() as u64)], content);
    // Another run's, and one with other buckets.
    let stored = |owner| Stored::open(dir.path(), owner, &lengths, 0).and_then(|stored| load(&stored, 1));
    assert!(stored(owner()).is_ok());
    assert!(content(&stored(Owner { run: 78, ..owner() }).err().unwrap().cause));
    let other = Owner { buckets: Buckets::for_span(SPAN * 2), ..owner() };
    assert!(content(&stored(other).err().unwrap().cause));
    // An entry that belongs into another bucket.
    let mut block = Vec::new();
    block::encode(owner(), lengths[0].0, 0, &[Entry::new(1, SPAN)], &mut block);
    fs::write(&path, &block).unwrap();
    check_fails(dir.path(), &[(lengths[0].0, block.len() as u64)], content);
    // Another kind of file, and a foreign one.
    let other = super::super::codec::header(Kind::Delivery, &[]);
    fs::write(&path, [&other[..], &whole].concat()).unwrap();
    check_fails(dir.path(), &lengths, |cause| matches!(cause, Cause::Damaged(Damage::OtherKind)));
    fs::write(&path, vec![b'x'; whole.len()]).unwrap();
    check_fails(dir.path(), &lengths, |cause| matches!(cause, Cause::Damaged(Damage::Foreign)));
}

#[test]
fn files_that_are_not_ours_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, lengths) = small(dir.path());
    let not_ours = |cause: &Cause| matches!(cause, Cause::NotOurs(_));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    check_fails(dir.path(), &lengths, not_ours);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::hard_link(&path, &elsewhere).unwrap();
    check_fails(dir.path(), &lengths, not_ours);
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    check_fails(dir.path(), &lengths, not_ours);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    check_fails(dir.path(), &lengths, not_ours);
}

/// A link that somebody planted where a file will be is not followed, and after an error nothing is written.
#[test]
fn after_an_error_only_errors_follow() {
    let dir = tempfile::tempdir().unwrap();
    let mut segments = Segments::create(dir.path(), owner()).unwrap();
    let target = dir.path().join("target");
    symlink(&target, dir.path().join(file::name(owner().buckets.of(40)))).unwrap();
    let entries = [Entry::new(id(1), 40), Entry::new(id(2), 9_000)];
    assert!(matches!(append(&mut segments, &entries).unwrap_err().cause, Cause::Io(_)));
    assert!(matches!(append(&mut segments, &entries[1..]).unwrap_err().cause, Cause::Failed));
    assert!(matches!(segments.sync(i64::MIN).unwrap_err().cause, Cause::Failed));
    assert!(!target.exists());
}

#[test]
fn names_are_those_of_buckets() {
    for bucket in [i64::MIN, -1, 0, 7, i64::MAX] {
        assert_eq!(file::bucket(&file::name(bucket)), Some(bucket));
    }
    for name in ["ids-", "ids-+1", "ids-01", "ids-x", "ids-1.tmp", "ids-9223372036854775807", "other"] {
        assert_eq!(file::bucket(name), None, "{name}");
    }
}

/// Bytes written by one version must be read by all later ones.
#[test]
fn the_form_is_frozen() {
    let mut block = Vec::new();
    block::encode(Owner { run: 1, ..owner() }, 2, 3, &[Entry::new(4, -5)], &mut block);
    let payload = b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\
        \x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xfb\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(&block[36..], payload);
}
