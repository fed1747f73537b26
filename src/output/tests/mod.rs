//! Durable outputs: killed, damaged, cut and continued. Real files, pipes and sockets, and a reader in memory.
//!
//! Covered: a kill at every byte of a write, lost pages, foreign bytes, emptied and changed outputs, writers beside
//! us, a kill before and after every write to a stream, partial writes, readers that go away, full devices.
//! Not covered here, as they need a process of their own: a file size limit, a full file system, a failed sync.

mod files;
mod streams;

use std::path::Path;

use super::durable::Durable;
use super::mark::Mark;
use super::sink::Sink;
use super::stream::InDoubt;

/// What a job produces: rows, and where each ends.
struct Product {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Product {
    /// Rows of these lengths, line end included, the n-th told from the others.
    fn new(lengths: impl IntoIterator<Item = usize>) -> Product {
        let mut product = Product { bytes: Vec::new(), ends: Vec::new() };
        for (n, len) in lengths.into_iter().enumerate() {
            let number = format!("{n}:");
            let text = number.bytes().chain((b'a'..=b'z').cycle().skip(n % 26));
            product.bytes.extend(text.take(len.saturating_sub(1)));
            product.bytes.push(b'\n');
            product.ends.push(product.bytes.len());
        }
        product
    }

    fn rows_before(&self, at: usize) -> usize {
        self.ends.partition_point(|&end| end <= at)
    }

    /// Pushes the rows behind `start` up to the first one that ends at `end` or behind it.
    fn push(&self, sink: &mut Sink, start: usize, end: usize) -> usize {
        let mut at = start;
        for &row_end in &self.ends[self.rows_before(start)..] {
            if at >= end {
                break;
            }
            sink.push_row(&self.bytes[at..row_end]);
            at = row_end;
        }
        at
    }

    /// Pushes and delivers all behind `start`, about `step` bytes at a time, and ends the output.
    fn complete(&self, sink: &mut Sink, start: usize, step: usize) -> crate::error::Result<()> {
        let mut at = start;
        while at < self.bytes.len() {
            at = self.push(sink, at, at + step);
            sink.deliver()?;
        }
        sink.finish()
    }

    /// The mark behind the row that ends at `end`.
    fn mark(&self, base: u64, end: usize) -> Mark {
        let digest = crate::checkpoint::codec::digest(&self.bytes[..end]);
        Mark { base, len: end as u64, digest, rows: self.rows_before(end) as u64 }
    }
}

fn durable(state_dir: &Path, in_doubt: InDoubt) -> Durable {
    Durable { state_dir: state_dir.to_owned(), identity: 4711, in_doubt }
}
