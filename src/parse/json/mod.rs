//! JSON records: which fields are wanted of them (`Shape`), and how their values are found.
//!
//! `block` goes over a chunk, line by line. A line laid out like one before it is checked against that one's
//! `template`; every other goes through the general scanner, `scan`. Both accept exactly the objects of RFC 8259
//! that stand on one line, hold no lone surrogate and nest at most 128 deep, and find the same values: of a
//! repeated member the first counts, at every level. The caller has checked the UTF-8.

pub mod block;
mod piece;
mod scan;
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

use crate::expr::{FieldPath, Step};
use crate::number::word_of;

/// The deepest nesting of a usable record.
pub const DEPTH_MAX: usize = 128;

/// Stands for no node or no field.
const NONE: u32 = u32::MAX;

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
    /// The first eight bytes of the name: with its length, all of a short one.
    head: u64,
    name: Box<[u8]>,
    node: u32,
}

impl Node {
    fn new() -> Node {
        Node { members: Vec::new(), elements: Vec::new(), field: NONE }
    }

    /// The node of the member with this name, or [`NONE`]; `head` is the first eight bytes of the name. Takes no
    /// branches for what is not wanted: which member comes next is anybody's guess where their order varies.
    #[inline(always)]
    fn member(&self, head: u64, name: &[u8]) -> u32 {
        let mut node = NONE;
        for member in &self.members {
            let is_like = (member.head == head) & (member.name.len() == name.len());
            node = select_unpredictable(is_like, member.node, node);
        }
        if node != NONE && name.len() > 8 { self.long_member(name) } else { node }
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
            Step::Member(name) => node.member(word_of(name.as_bytes()), name.as_bytes()),
            Step::Index(index) => node.element(*index),
        };
        if known != NONE {
            return known as usize;
        }
        match step {
            Step::Member(name) => {
                let name = name.as_bytes();
                node.members.push(Member { head: word_of(name), name: name.into(), node: next });
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
