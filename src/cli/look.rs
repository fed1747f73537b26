//! What a drawing on standard output may use: its width, its characters, its colours.

use std::ffi::OsString;
use std::io::IsTerminal;

use super::color::{self, Surroundings};
use crate::chart::terminal::Look;
use crate::job::When;

/// What standard output can show, or a file (`to_stdout` is false), of which nothing is known.
pub fn of_output(color: When, to_stdout: bool) -> Look {
    let terminal = to_stdout && std::io::stdout().is_terminal();
    let size = terminal.then(|| rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()).flatten();
    // A terminal that does not know its size says 0.
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    let unknown = Look::default();
    Look {
        columns: size.map_or(unknown.columns, |size| usize::from(size.ws_col)),
        lines: size.map_or(unknown.lines, |size| usize::from(size.ws_row)),
        unicode: is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(std::env::var_os)),
        colour: color::wanted(color, terminal, &Surroundings::of_process()),
    }
}

/// Whether the locale is one of UTF-8: the first of these variables that is set decides.
fn is_utf8(variables: [Option<OsString>; 3]) -> bool {
    let locale = variables.into_iter().flatten().find(|value| !value.is_empty());
    let locale = locale.map(|locale| locale.to_string_lossy().to_ascii_lowercase());
    locale.is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales() {
        let check = |variables: [&str; 3], want| {
            assert_eq!(is_utf8(variables.map(|text| Some(text.into()))), want, "{variables:?}");
        };
        check(["", "", "en_US.UTF-8"], true);
        check(["C", "", "en_US.UTF-8"], false);
        check(["", "C.utf8", "C"], true);
        check(["", "", ""], false);
        check(["POSIX", "C.UTF-8", "C.UTF-8"], false);
    }
}
