//! JSON records: which fields are wanted of them (`Shape`), and how their values are found.
//!
//! `block` goes over a chunk, line by line. A line laid out like one before it is checked against that one's
//! `template`. Where lines have too many layouts, `flat` reads those that hold no objects or arrays by an `index` of
//! their members, whatever the order. Every other line goes through the general scanner, `scan`, which reads most members
//! as `short` ones. It accepts exactly the objects of RFC 8259 that stand on one line, hold no lone surrogate and nest at
//! most 128 deep; the others accept nothing else, and all find the same values: of a repeated member the first counts, at
//! every level. The caller has checked the UTF-8.

pub mod block;
mod flat;
mod index;
mod pause;
mod piece;
mod scan;
mod short;
mod template;
mod templates;
mod text;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

pub use scan::Scanner;
pub use text::unescape;

use std::hint::select_unpredictable;
use std::ops::Range;

use super::key::BELOW;
use crate::expr::{FieldPath, Step};

/// The deepest nesting of a usable record.
pub const DEPTH_MAX: usize = 128;

/// Stands for no node or no field.
const NONE: u32 = u32::MAX;

/// The first bytes of a name, the first lowest, zeros where there are none, and above them its length, or
/// [`Head::LONG`]: all of a short name, so that names are compared at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head(u128);

impl Head {
    /// How many bytes it holds.
    const BYTES: usize = 15;
    /// The length of all names that it cannot hold.
    const LONG: usize = Head::BYTES + 1;

    /// The head of a name.
    fn of(name: &[u8]) -> Head {
        let mut bytes = [0; 16];
        let len = name.len().min(Head::BYTES);
        bytes[..len].copy_from_slice(&name[..len]);
        Head::new(&bytes, name.len())
    }

    /// The head of the name of this length that these bytes begin with.
    #[inline(always)]
    fn new(bytes: &[u8; 16], len: usize) -> Head {
        let text = u128::from_le_bytes(*bytes) & BELOW[len.min(Head::BYTES)];
        Head(text | (len.min(Head::LONG) as u128) << (8 * Head::BYTES))
    }

    /// Whether it is all of the name.
    #[inline(always)]
    fn is_whole(self) -> bool {
        self.0 >> (8 * Head::BYTES) <= Head::BYTES as u128
    }
}

/// The wanted fields as a tree of members and elements.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Node 0 is the record itself.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    members: Vec<Member>,
    elements: Vec<(usize, u32)>,
    /// The number of the field that ends here, or [`NONE`].
    field: u32,
}

#[derive(Debug, Clone)]
struct Member {
    head: Head,
    name: Box<[u8]>,
    node: u32,
}

impl Node {
    fn new() -> Node {
        Node { members: Vec::new(), elements: Vec::new(), field: NONE }
    }

    /// The node of the member whose name stands there and has this head, or [`NONE`]. Takes no
    /// branches for what is not wanted: which member comes next is anybody's guess where their order varies.
    #[inline(always)]
    fn member(&self, head: Head, bytes: &[u8], name: Range<usize>) -> u32 {
        let mut node = NONE;
        for member in &self.members {
            node = select_unpredictable(member.head == head, member.node, node);
        }
        if (node != NONE) & !head.is_whole() { self.long_member(&bytes[name]) } else { node }
    }

    /// [`Node::member`] for a name whose head is that of one that is wanted.
    #[inline(never)]
    fn long_member(&self, name: &[u8]) -> u32 {
        self.members.iter().find(|member| *member.name == *name).map_or(NONE, |member| member.node)
    }

    /// The node of the element at this index, or [`NONE`].
    #[inline(always)]
    fn element(&self, index: usize) -> u32 {
        self.elements.iter().find(|(wanted, _)| *wanted == index).map_or(NONE, |element| element.1)
    }
}

impl Shape {
    /// The tree of these fields; field i is reported as cell i.
    pub fn new(fields: &[FieldPath]) -> Shape {
        let mut shape = Shape { nodes: vec![Node::new()] };
        for (number, path) in (0u32..).zip(fields) {
            let mut at = 0;
            for step in &path.steps {
                at = shape.child(at, step);
            }
            shape.nodes[at].field = number;
        }
        shape
    }

    fn child(&mut self, at: usize, step: &Step) -> usize {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[at];
        let known = match step {
            Step::Member(name) => node.member(Head::of(name.as_bytes()), name.as_bytes(), 0..name.len()),
            Step::Index(index) => node.element(*index),
        };
        if known != NONE {
            return known as usize;
        }
        match step {
            Step::Member(name) => {
                let name = name.as_bytes();
                node.members.push(Member { head: Head::of(name), name: name.into(), node: next });
            }
            Step::Index(index) => node.elements.push((*index, next)),
        }
        self.nodes.push(Node::new());
        next as usize
    }
}

/// What is wrong with a record. Everything that serde_json also refuses is worded by serde_json.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The text is no JSON, or no object, or more than one.
    Malformed,
    /// Nesting beyond [`DEPTH_MAX`].
    TooDeep,
}
