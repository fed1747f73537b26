//! Conditions that the text of one field decides, without building its value: `status >= 500`, `host = 'web'`.

use super::program::Condition;
use super::small::Small;
use super::syntax::Comparison;
use crate::number::short;

/// A field against a constant.
#[derive(Debug, Clone, Copy)]
pub struct Simple<'e> {
    field: usize,
    op: Comparison,
    than: Than<'e>,
}

#[derive(Debug, Clone, Copy)]
enum Than<'e> {
    Number(Small),
    Text(&'e str),
}

impl<'e> Simple<'e> {
    pub(super) fn of(condition: &'e Condition) -> Option<Simple<'e>> {
        match condition {
            Condition::FieldNumber(field, op, constant, _) => {
                Some(Simple { field: *field, op: *op, than: Than::Number(constant.small()?) })
            }
            Condition::FieldText(field, op, text, _) => {
                Some(Simple { field: *field, op: *op, than: Than::Text(text) })
            }
            _ => None,
        }
    }

    /// The field's number.
    pub fn field(self) -> usize {
        self.field
    }

    /// Whether it compares with a number.
    #[inline(always)]
    pub fn is_of_numbers(self) -> bool {
        matches!(self.than, Than::Number(_))
    }

    /// Whether the condition holds for this number, a mantissa and a scale, if it is one for numbers.
    #[inline(always)]
    pub fn truth_of(self, (mantissa, scale): (i64, u8)) -> Option<bool> {
        match self.than {
            Than::Number(than) => Some(self.op.holds(Small::of_parts(mantissa, scale).compare(than))),
            Than::Text(_) => None,
        }
    }

    /// Whether the condition holds for a field with this text, which is a number (or CSV), or text (or CSV).
    /// `None` says nothing: [`super::Expr::is_true`] tells.
    #[inline(always)]
    pub fn truth(self, text: &[u8], is_number: bool, is_text: bool) -> Option<bool> {
        match self.than {
            Than::Number(_) if is_number => self.truth_of(short(text)?),
            Than::Text(than) if is_text => Some(self.op.holds(text.cmp(than.as_bytes()))),
            _ => None,
        }
    }
}
