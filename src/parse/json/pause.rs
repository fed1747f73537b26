//! When a way to read lines is not tried for some time, since it did not help: the longer, the oftener that was so.

/// For how many blocks at least, and at most.
const MIN: u32 = 8;
const MAX: u32 = 256;

/// Whether a way is tried.
#[derive(Debug)]
pub(super) struct Pause {
    /// For how many more blocks it is not.
    left: u32,
    /// For how many it will not be the next time.
    next: u32,
}

impl Default for Pause {
    fn default() -> Pause {
        Pause { left: 0, next: MIN }
    }
}

impl Pause {
    /// A pause without an end.
    pub fn for_ever() -> Pause {
        Pause { left: u32::MAX, next: MAX }
    }

    /// Whether it is not tried.
    #[inline(always)]
    pub fn is_on(&self) -> bool {
        self.left > 0
    }

    /// Ends it, unless it has no end.
    pub fn end(&mut self) {
        if self.left != u32::MAX {
            self.left = 0;
        }
    }

    /// At the end of a block, with what has been learnt if it was tried.
    pub fn end_block(&mut self, has_helped: bool) {
        if self.left > 0 {
            self.left -= u32::from(self.left != u32::MAX);
        } else if has_helped {
            self.next = MIN;
        } else {
            self.left = self.next;
            self.next = (self.next * 2).min(MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_it_helps() {
        let mut pause = Pause::default();
        let mut lengths = Vec::new();
        for has_helped in [false, false, false, true, false] {
            assert!(!pause.is_on());
            pause.end_block(has_helped);
            let mut length = 0;
            while pause.is_on() {
                pause.end_block(true);
                length += 1;
            }
            lengths.push(length);
        }
        assert_eq!(lengths, [8, 16, 32, 0, 8]);
        (0..9_999).for_each(|_| pause.end_block(false));
        assert_eq!(pause.next, MAX);
    }
}
