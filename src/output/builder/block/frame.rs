//! What rows have beside their bounds, keys and results.

use super::super::super::plan::RowPlan;
use crate::job::OutputFormat;
use crate::number::ShortText;

/// What stands between the parts of rows.
pub struct Frame {
    /// Before each of the bounds, which have nothing before them in CSV.
    pub before_bounds: Vec<ShortText>,
    /// Before a key of one short field; other keys bring it along.
    pub before_key: ShortText,
    /// Before each result.
    pub before: Vec<ShortText>,
    /// Behind the last one.
    pub end: ShortText,
}

impl Frame {
    /// That of a plan, if its rows are made of bounds, keys and numbers, and all that stands between these is short.
    pub fn new(plan: &RowPlan) -> Option<Frame> {
        let (before_bounds, before_key, before, end) = match plan.to {
            _ if !plan.is_plain() => return None,
            OutputFormat::Csv { delimiter } => {
                let mut before = vec![ShortText::of(&[delimiter])?; plan.columns.len() - plan.results];
                // Bounds have one behind them.
                if let (0, Some(first)) = (plan.key_fields(), before.first_mut()) {
                    *first = ShortText::EMPTY;
                }
                (Vec::new(), ShortText::EMPTY, before, ShortText::of(b"\n")?)
            }
            OutputFormat::Ndjson => {
                let lead_ins = plan.lead_ins.iter().map(|lead_in| ShortText::of(lead_in));
                let lead_ins = lead_ins.collect::<Option<Vec<_>>>()?;
                let (of_bounds, of_results) = (lead_ins[..plan.leading].to_vec(), &lead_ins[plan.results..]);
                (of_bounds, lead_ins[plan.leading], of_results.to_vec(), ShortText::of(b"}\n")?)
            }
            OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => return None,
        };
        Some(Frame { before_bounds, before_key, before, end })
    }

    /// No row is longer, beside its bounds, and its key if that is long.
    pub fn room(&self) -> usize {
        ShortText::ROOM * (2 * self.before.len() + 3)
    }
}
