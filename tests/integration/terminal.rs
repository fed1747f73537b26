//! A terminal that a test holds: a pseudo terminal for the program, and what its screen shows.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::watched::HANGS_AFTER;

/// A program on a terminal of its own.
pub struct Terminal {
    /// The process.
    pub child: Child,
    keys: File,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts windrow there, so that keys that are typed become signals. The terminal has so many columns and lines.
    pub fn start(dir: &Path, args: &[&str], size: (u16, u16)) -> Terminal {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let side = ioctl_tiocgptpeer(&screen, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let side: OwnedFd = side.unwrap();
        tcsetwinsize(&side, window(size)).unwrap();
        let end = || Stdio::from(side.try_clone().unwrap());
        // It makes the terminal that of a new session, and becomes the program. Whoever runs the tests in the background
        // ignores the signals of keys, and so would the program.
        let child = Command::new("setsid")
            .args(["--ctty", "env", "--default-signal=INT,QUIT"])
            .arg(env!("CARGO_BIN_EXE_windrow"))
            .args(args)
            .current_dir(dir)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("setsid is there, as it is with util-linux");
        let screen = File::from(screen);
        let (mut shown, written) = (screen.try_clone().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = written.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It fails when nobody has the other side any more.
            while let Ok(count @ 1..) = shown.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Terminal { child, keys: screen, written }
    }

    /// Types something.
    pub fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives it another size.
    pub fn resize(&self, size: (u16, u16)) {
        tcsetwinsize(&self.keys, window(size)).unwrap();
    }

    /// All that was written.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// The lines on the screen, and what has left it above.
    pub fn lines(&self) -> Vec<String> {
        shown(&self.written())
    }

    /// Waits until the screen shows something.
    #[track_caller]
    pub fn wait_for(&mut self, what: impl Fn(&[String]) -> bool) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let lines = self.lines();
            if what(&lines) {
                return lines;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < HANGS_AFTER, "{ended:?}:\n{}", lines.join("\n"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the program has ended, and its last words are on the screen.
    #[track_caller]
    pub fn end(&mut self) -> (ExitStatus, Vec<String>) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let hangs = begun.elapsed() > HANGS_AFTER;
            if hangs {
                let _ = self.child.kill();
            }
            assert!(!hangs, "it does not end:\n{}", self.lines().join("\n"));
            thread::sleep(Duration::from_millis(5));
        };
        let mut lines = self.lines();
        loop {
            // What it has written is on its way for a moment.
            thread::sleep(Duration::from_millis(50));
            let now = self.lines();
            if now == lines {
                return (status, lines);
            }
            lines = now;
        }
    }
}

fn window((ws_col, ws_row): (u16, u16)) -> Winsize {
    Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }
}

/// What a terminal shows of this: of its sequences those that windrow uses are known, and others are an error.
pub fn shown(text: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0, 0);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if lines.len() == row {
                    lines.push(Vec::new());
                }
            }
            '\x1b' => {
                assert_eq!(rest.next(), Some('['), "{text:?}");
                let mut number = String::new();
                let last = loop {
                    match rest.next() {
                        Some(c) if c.is_ascii_alphabetic() => break c,
                        Some(c) => number.push(c),
                        // Half of a sequence may be there.
                        None => break 'm',
                    }
                };
                match last {
                    'A' => row = row.saturating_sub(number.parse().unwrap()),
                    'K' if number.is_empty() => lines[row].truncate(column),
                    'K' => lines[row].clear(),
                    'J' => {
                        lines[row].truncate(column);
                        lines.truncate(row + 1);
                    }
                    'm' | 'h' | 'l' => {}
                    other => panic!("{other}: {text:?}"),
                }
            }
            c => {
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect()
}
