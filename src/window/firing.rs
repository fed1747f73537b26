//! When rows are written besides the moment at which a window closes.

/// `--emit-every` and `--allowed-lateness`. Without either there is one row for each window and key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Firing {
    /// Open windows are written when the watermark comes to or past a multiple of this, in microseconds; above 0.
    pub every: Option<i64>,
    /// For how long beyond its end a window that has fired takes in events, in microseconds; at least 0.
    pub lateness: Option<i64>,
}

impl Firing {
    /// Whether a window may be written more than once, so that rows say which time it is.
    pub fn repeats(&self) -> bool {
        self.every.is_some() || self.lateness.is_some()
    }

    /// The allowed lateness in microseconds; 0 without one.
    pub fn lateness(&self) -> i64 {
        self.lateness.unwrap_or(0)
    }

    /// The first multiple of `every` above a watermark; never without one.
    pub fn next_multiple(&self, watermark: i64) -> i64 {
        match self.every {
            // Before the first event there is nothing to write: any watermark will do.
            Some(_) if watermark == i64::MIN => i64::MIN,
            Some(every) => watermark.div_euclid(every).saturating_add(1).saturating_mul(every),
            None => i64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_multiple_lies_above() {
        let check = |watermark, want| {
            let firing = Firing { every: Some(10), lateness: None };
            assert_eq!(firing.next_multiple(watermark), want, "{watermark}");
        };
        check(0, 10);
        check(9, 10);
        check(10, 20);
        check(-1, 0);
        check(-10, 0);
        check(-11, -10);
        check(i64::MIN, i64::MIN);
        assert_eq!(Firing::default().next_multiple(5), i64::MAX);
    }
}
