//! Labels: texts from outside made harmless and short, and places for them where they do not overlap.

use crate::error::printable;
use crate::parse::key::{FieldText, Fields};

/// How an encoded key reads: its fields, with commas between them.
pub fn of_key(key: &[u8]) -> String {
    let mut fields = Fields(key);
    let mut label = Vec::new();
    while let Some(field) = fields.next_text() {
        if !label.is_empty() {
            label.extend_from_slice(b", ");
        }
        match field {
            FieldText::Null => label.extend_from_slice(b"null"),
            FieldText::Text(b"") => label.extend_from_slice(b"\"\""),
            FieldText::Literal(text) | FieldText::Text(text) => label.extend_from_slice(text),
        }
    }
    String::from_utf8_lossy(&label).into_owned()
}

/// A text made to fit into so many columns of a terminal, with nothing in it that drives one.
pub fn fitted(text: &str, columns: usize) -> String {
    // Nobody sees more of it, and escaping makes it longer only.
    let start: String = text.chars().take(columns + 1).collect();
    let text = if start.len() < text.len() { printable(&start) + "…" } else { printable(text) };
    if width(&text) <= columns {
        return text;
    }
    let mut fitted = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += width_of(c);
        if used > columns {
            break;
        }
        fitted.push(c);
    }
    if columns > 0 {
        fitted.push('…');
    }
    fitted
}

/// The same in characters that the terminal has: it may show ASCII alone.
pub fn shown(text: &str, columns: usize, unicode: bool) -> String {
    if unicode {
        return fitted(text, columns);
    }
    let start: String = text.chars().take(columns + 1).collect();
    let escape = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_default().to_string() };
    let plain: String = start.chars().map(escape).collect();
    fitted(&plain, columns).replace('…', "~")
}

/// How many columns of a terminal a text takes up.
pub fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// How many columns a character takes up, by the blocks of Unicode and its table of East Asian widths: wide ones and
/// pictures two, marks that combine with the one before none. Flags are pairs of letters, which some terminals show as
/// one: too wide is better than too narrow.
fn width_of(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x0483..=0x0489 | 0x0591..=0x05bd | 0x064b..=0x065f | 0x200b..=0x200f => 0,
        0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        // Pictures among older symbols.
        0x231a | 0x231b | 0x23e9..=0x23ec | 0x23f0 | 0x23f3 | 0x25fd | 0x25fe | 0x2614 | 0x2615 => 2,
        0x2648..=0x2653 | 0x267f | 0x2693 | 0x26a1 | 0x26aa | 0x26ab | 0x26bd | 0x26be | 0x26c4 | 0x26c5 => 2,
        0x26ce | 0x26d4 | 0x26ea | 0x26f2 | 0x26f3 | 0x26f5 | 0x26fa | 0x26fd | 0x2705 | 0x270a | 0x270b => 2,
        0x2728 | 0x274c | 0x274e | 0x2753..=0x2755 | 0x2757 | 0x2795..=0x2797 | 0x27b0 | 0x27bf => 2,
        0x2b1b | 0x2b1c | 0x2b50 | 0x2b55 | 0x1f004 | 0x1f0cf | 0x1f18e | 0x1f191..=0x1f19a => 2,
        0x1f1e6..=0x1f265 => 2,
        _ => 1,
    }
}

/// Places for labels that want to stand at these heights, in the order given: each at least `apart` from the next,
/// within `low..=high` as far as there is room, as near to where it wants to be as that allows.
///
/// Labels that are too near are put side by side around their mean; groups that then touch become one group.
pub fn spread(wanted: &[f64], apart: f64, low: f64, high: f64) -> Vec<f64> {
    struct Group {
        /// Where the first would stand if nothing held it, summed up.
        sum: f64,
        members: usize,
        at: f64,
    }
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]).then(a.cmp(&b)));
    let place = |group: &Group| {
        let top = high - (group.members - 1) as f64 * apart;
        (group.sum / group.members as f64).min(top).max(low)
    };
    let mut groups: Vec<Group> = Vec::new();
    for &label in &order {
        let mut group = Group { sum: wanted[label], members: 1, at: 0.0 };
        group.at = place(&group);
        while let Some(before) = groups.pop_if(|before| before.at + before.members as f64 * apart > group.at)
        {
            let sum = before.sum + group.sum - before.members as f64 * apart * group.members as f64;
            group = Group { sum, members: before.members + group.members, at: 0.0 };
            group.at = place(&group);
        }
        groups.push(group);
    }
    let mut places = vec![0.0; wanted.len()];
    let spots = groups.iter().flat_map(|group| (0..group.members).map(|n| group.at + n as f64 * apart));
    order.iter().zip(spots).for_each(|(&label, spot)| places[label] = spot);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit() {
        let check = |text: &str, columns, want: &str| {
            let found = fitted(text, columns);
            assert_eq!(found, want);
            assert!(width(&found) <= columns);
        };
        check("origin", 8, "origin");
        check("a long label", 6, "a lon…");
        check("\u{1b}[31m", 12, "\\u{1b}[31m");
        check("漢字漢字", 5, "漢字…");
        check("✅⚡🚀", 5, "✅⚡…");
        check("e\u{301}tat", 4, "e\u{301}tat");
        check("x\u{202e}y", 9, "x\\u{202e…");
        check(&"x".repeat(10_000), 4, "xxx…");
        check("x", 0, "");
    }

    #[test]
    fn labels_never_overlap() {
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..2000 {
            let wanted: Vec<f64> = (0..random.usize(0..20)).map(|_| random.f64() * 300.0).collect();
            let places = spread(&wanted, 14.0, 0.0, 300.0);
            let mut sorted = places.clone();
            sorted.sort_by(f64::total_cmp);
            assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] > 13.999), "{wanted:?} {places:?}");
            assert!(sorted.iter().all(|at| (-0.001..=300.001).contains(at)), "{wanted:?} {places:?}");
            // The order is kept: lines to the labels do not cross.
            for (a, b) in (0..wanted.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                assert!(wanted[a] >= wanted[b] || places[a] < places[b], "{wanted:?} {places:?}");
            }
        }
        assert_eq!(spread(&[100.0, 10.0], 14.0, 0.0, 300.0), [100.0, 10.0]);
        assert_eq!(spread(&[100.0, 100.0], 14.0, 0.0, 300.0), [93.0, 107.0]);
    }
}
