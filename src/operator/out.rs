//! Where the rows go that an owner of keys makes.

use super::table::Group;
use crate::output::builder::RowBuilder;
use crate::output::fired::HandOn;

/// Where rows go.
pub struct Out<'o, 'h> {
    /// What makes them.
    pub builder: &'o mut RowBuilder,
    /// The groups of a window; reused.
    pub groups: &'o mut Vec<Group>,
    /// What takes full slices.
    pub hand_on: &'o mut HandOn<'h>,
}

impl<'o, 'h> Out<'o, 'h> {
    /// On their way from a builder.
    pub fn new(
        builder: &'o mut RowBuilder,
        groups: &'o mut Vec<Group>,
        hand_on: &'o mut HandOn<'h>,
    ) -> Out<'o, 'h> {
        Out { builder, groups, hand_on }
    }
}
