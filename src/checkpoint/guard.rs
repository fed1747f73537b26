//! Whether a file or directory of the state is ours, and ours alone.
//!
//! The state says which events have counted and which bytes have gone out. Whoever could plant, change or exchange a
//! part of it could make events vanish, or make a run write where it should not. So every file of a state directory
//! that may be there already is opened here, and its directory is looked at before: who owns it, who may write to it,
//! and who could put another one in its place. Nothing that is there is changed here.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::{Error, Escaped, words};
use crate::paths;

/// Why a file or directory is not used.
#[derive(Debug)]
pub enum Denied {
    /// The system refused something.
    Io(io::Error),
    /// It is not ours, or not ours alone: why, and what to do, in words that follow its name.
    NotOurs(&'static str),
}

const LINK: &str = "is a symbolic link, which windrow never makes; remove it";
const FOREIGN: &str =
    "is not a file that windrow made (another owner, or another name for a file elsewhere); remove it";
const WRITABLE: &str = "can be written by other users; chmod 600 it if that was not intended, else remove it";

impl Denied {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Denied::Io(cause) if cause.kind() == io::ErrorKind::NotFound)
    }

    /// The error, said of this file or directory. What is not ours is wrong usage: no run has failed yet.
    pub fn at(self, path: &Path) -> Error {
        let name = path.display().to_string();
        match self {
            Denied::Io(cause) => Error::Output { target: name, cause },
            Denied::NotOurs(why) => Error::usage(format!("{} {why}", Escaped(&name))),
        }
    }
}

impl From<io::Error> for Denied {
    fn from(cause: io::Error) -> Denied {
        Denied::Io(cause)
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Io(cause) => f.write_str(&words(cause)),
            Denied::NotOurs(why) => f.write_str(why),
        }
    }
}

/// Opens, or with such options makes, a file of a state directory: a regular one with one name, that belongs to this
/// user and that nobody else may write. No symbolic link is followed, nothing waits for the other end of a FIFO, no
/// child process gets it (the standard library sees to that), and nobody else gets to read it.
pub fn open(options: &mut OpenOptions, path: &Path) -> Result<File, Denied> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match options.mode(0o600).custom_flags(flags.bits() as i32).open(path) {
        Err(cause) if cause.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(Denied::NotOurs(LINK));
        }
        opened => opened?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() > 1 || found.uid() != user() {
        return Err(Denied::NotOurs(FOREIGN));
    }
    if found.mode() & 0o022 != 0 {
        return Err(Denied::NotOurs(WRITABLE));
    }
    Ok(file)
}

/// Opens a state directory, to be synced: one that belongs to this user and that nobody else may write.
pub fn open_directory(path: &Path) -> Result<File, Denied> {
    // With a slash at its end a link would be followed.
    let path: PathBuf = path.components().collect();
    check_directory(&fs::symlink_metadata(&path)?)?;
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let handle = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&path)?;
    // It may have been exchanged since it was looked at.
    check_directory(&handle.metadata()?)?;
    Ok(handle)
}

fn check_directory(found: &Metadata) -> Result<(), Denied> {
    let why = match found {
        found if found.is_symlink() => "is a symbolic link; name the directory itself",
        found if !found.is_dir() => "is not a directory",
        found if found.uid() != user() => "belongs to another user",
        found if found.mode() & 0o022 != 0 => {
            "can be written by other users; chmod 700 it if that was not intended"
        }
        _ => return Ok(()),
    };
    Err(Denied::NotOurs(why))
}

/// Whether a state directory, which need not be there yet, stands where nobody else could put another in its place.
pub fn check_place(path: &Path) -> Result<(), Denied> {
    // `.` and `..` stand in a directory that their text does not name.
    let found = match path.canonicalize() {
        Ok(path) => fs::metadata(paths::parent(&path)),
        Err(_) => fs::metadata(paths::parent(path)),
    }?;
    let place = Place { mode: found.mode(), owner: found.uid(), group: found.gid() };
    place.check(user(), rustix::process::getegid().as_raw())
}

/// What decides who may rename what stands in a directory.
struct Place {
    mode: u32,
    owner: u32,
    group: u32,
}

impl Place {
    /// Checks it for a user, and the group that the user's files have.
    ///
    /// The owner must be this user or root. For root it may be anybody: whoever runs windrow as root in a container
    /// or by sudo, in the directory of another user, has it write its outputs there just as well. Others may write to
    /// it if it has the sticky bit, as `/tmp` has: there everybody can rename only what is theirs. Members of the
    /// user's own group may write to it in any case: where a umask of 002 makes directories so, that group has no
    /// other member.
    fn check(&self, user: u32, group: u32) -> Result<(), Denied> {
        const ROOT: u32 = 0;
        let Place { mode, owner, group: its_group } = *self;
        if owner != user && owner != ROOT && user != ROOT {
            return Err(Denied::NotOurs(
                "stands in a directory of another user, who can replace it; name one in a directory of yours",
            ));
        }
        let by_all = mode & 0o002 != 0;
        let by_group = mode & 0o020 != 0 && its_group != group;
        let why = match (mode & 0o1000 != 0, by_all, by_group) {
            (false, true, _) => {
                "stands in a directory in which anybody can replace it; name one elsewhere, or set the sticky bit \
                 there (chmod +t)"
            }
            (false, false, true) => {
                "stands in a directory in which members of its group can replace it; name one elsewhere, or take \
                 them the right to write there (chmod g-w) or set the sticky bit (chmod +t)"
            }
            _ => return Ok(()),
        };
        Err(Denied::NotOurs(why))
    }
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[track_caller]
    fn refused<T>(found: Result<T, Denied>, why: &str) {
        match found {
            Err(Denied::NotOurs(found)) => assert!(found.contains(why), "{found}"),
            Err(Denied::Io(cause)) => panic!("{cause}"),
            Ok(_) => panic!("it is taken for ours"),
        }
    }

    /// Every kind of file of a state directory is opened in one of these ways.
    #[test]
    fn files() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("file"), dir.path().join("other"));
        let ways: [fn() -> OpenOptions; 3] = [
            || OpenOptions::new().read(true).clone(),
            || OpenOptions::new().append(true).clone(),
            || OpenOptions::new().read(true).write(true).create(true).clone(),
        ];
        drop(open(OpenOptions::new().write(true).create_new(true), &path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        for way in ways {
            let open = || open(&mut way(), &path);
            assert!(open().is_ok());
            for (mode, ours) in [(0o644, true), (0o620, false), (0o602, false), (0o600, true)] {
                fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
                match ours {
                    true => assert!(open().is_ok(), "{mode:o}"),
                    false => refused(open(), "by other users"),
                }
            }
            fs::hard_link(&path, &other).unwrap();
            refused(open(), "not a file that windrow made");
            fs::remove_file(&path).unwrap();
            symlink(&other, &path).unwrap();
            refused(open(), "symbolic link");
            fs::remove_file(&path).unwrap();
            fs::rename(&other, &path).unwrap();
        }
        assert!(matches!(open(OpenOptions::new().read(true), &other), Err(Denied::Io(_))));
        refused(open(OpenOptions::new().read(true), dir.path()), "not a file that windrow made");
    }

    #[test]
    fn directories() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("state"), dir.path().join("link"));
        fs::create_dir(&path).unwrap();
        for (mode, ours) in [(0o700, true), (0o755, true), (0o770, false), (0o702, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match ours {
                true => assert!(open_directory(&path).is_ok(), "{mode:o}"),
                false => refused(open_directory(&path), "by other users"),
            }
        }
        symlink(&path, &link).unwrap();
        for name in ["link", "link/", "link/."] {
            refused(open_directory(&dir.path().join(name)), "symbolic link");
        }
        fs::write(dir.path().join("file"), "").unwrap();
        refused(open_directory(&dir.path().join("file")), "not a directory");
    }

    /// Whether a user of the group 1000 takes a directory for safe that has this mode, owner and group.
    #[test]
    fn places() {
        const MINE: u32 = 1000;
        let check = |mode, owner, group, user, why: &str| {
            let found = Place { mode, owner, group }.check(user, MINE);
            match why {
                "" => assert!(found.is_ok(), "{mode:o} {owner} {group}: {found:?}"),
                why => refused(found, why),
            }
        };
        // A home directory; a checkout under umask 002; /tmp; /var/lib.
        check(0o755, MINE, MINE, MINE, "");
        check(0o775, MINE, MINE, MINE, "");
        check(0o1777, 0, 0, MINE, "");
        check(0o755, 0, 0, MINE, "");
        // A container whose user is any user of the group root.
        check(0o775, 0, MINE, 1234, "");
        // What a team shares.
        check(0o2775, MINE, 50, MINE, "members of its group");
        check(0o775, 0, 50, MINE, "members of its group");
        check(0o3775, 0, 50, MINE, "");
        check(0o777, MINE, MINE, MINE, "anybody");
        check(0o777, 0, 0, 0, "anybody");
        check(0o755, 1001, MINE, MINE, "another user");
        check(0o1777, 1001, MINE, MINE, "another user");
        // Root in a directory that a container or sudo has from a user.
        check(0o755, 1001, 1001, 0, "");
        check(0o775, 1001, 1001, 0, "members of its group");
    }

    #[test]
    fn a_place_is_looked_at_before_there_is_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("place");
        fs::create_dir(&place).unwrap();
        fs::create_dir(place.join("there")).unwrap();
        for (mode, why) in [(0o700, ""), (0o777, "anybody"), (0o1777, "")] {
            fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
            for name in ["new", "there", "there/."] {
                match why {
                    "" => assert!(check_place(&place.join(name)).is_ok(), "{mode:o} {name}"),
                    why => refused(check_place(&place.join(name)), why),
                }
            }
        }
    }
}
