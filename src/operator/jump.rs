//! `--max-jump`: an event far ahead of its source's largest time is believed only if the next one bears it out.

/// The rule for one source.
#[derive(Debug, Clone)]
pub struct JumpRule {
    /// How far ahead an event may be, in microseconds.
    jump_max: i64,
    /// The largest believed event time.
    largest: Option<i64>,
    /// The time of the event that is set aside, if one is.
    aside: Option<i64>,
}

/// What an event says about the one that was set aside before it, and what becomes of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether an event was set aside and is now known to be: believed (`Some(true)`), bad (`Some(false)`).
    pub earlier: Option<bool>,
    /// Whether this event is set aside in turn.
    pub aside: bool,
}

impl JumpRule {
    /// The rule with this limit in microseconds.
    pub fn new(jump_max: i64) -> JumpRule {
        JumpRule { jump_max, largest: None, aside: None }
    }

    /// The same for a source of which earlier events were read, the largest that was believed among them.
    pub fn resumed(jump_max: i64, largest: Option<i64>) -> JumpRule {
        JumpRule { jump_max, largest, aside: None }
    }

    /// Takes the source's next event.
    pub fn event(&mut self, time: i64) -> Verdict {
        let earlier = self.aside.take().map(|aside| {
            let borne_out = (time - aside).abs() <= self.jump_max;
            if borne_out {
                self.largest = self.largest.max(Some(aside));
            }
            borne_out
        });
        let aside = self.largest.is_some_and(|largest| time - largest > self.jump_max);
        if aside {
            self.aside = Some(time);
        } else {
            self.largest = self.largest.max(Some(time));
        }
        Verdict { earlier, aside }
    }

    /// Whether an event is set aside at the moment.
    pub fn is_undecided(&self) -> bool {
        self.aside.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the times are believed, with a limit of 10.
    fn believed(times: &[i64]) -> Vec<i64> {
        let mut rule = JumpRule::new(10);
        let (mut kept, mut aside) = (Vec::new(), None);
        for &time in times {
            let verdict = rule.event(time);
            if let (Some(true), Some(earlier)) = (verdict.earlier, aside.take()) {
                kept.push(earlier);
            }
            if verdict.aside { aside = Some(time) } else { kept.push(time) }
        }
        kept
    }

    #[test]
    fn a_lone_jump_is_not_believed() {
        assert_eq!(believed(&[0, 10, 20]), [0, 10, 20]);
        assert_eq!(believed(&[0, 1000, 5]), [0, 5]);
        assert_eq!(believed(&[0, 1000, 1010, 1020]), [0, 1000, 1010, 1020]);
        assert_eq!(believed(&[0, 1000, 990]), [0, 1000, 990]);
        assert_eq!(believed(&[0, 1000, 989]), [0]);
        assert_eq!(believed(&[0, 1000, 2000, 2001]), [0, 2000, 2001]);
        assert_eq!(believed(&[0, 1000]), [0]);
        assert_eq!(believed(&[1000, 0, 1]), [1000, 0, 1]);
        assert_eq!(believed(&[0, -1000, 5]), [0, -1000, 5]);
    }
}
