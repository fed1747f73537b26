//! Columns go round: those of a batch that is done with are filled again by the parser that made it, so that
//! neither the allocator nor the kernel has to find new pages for every chunk.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::{ArgColumn, Batch, Fate, KeyColumn};

/// How many sets of columns a parser keeps at most.
const SETS_MAX: usize = 8;
/// Columns over a chunk longer than this are given up: one long record must not make all of them large for good.
const CHUNK_BYTES_MAX: usize = 4 << 20;

/// The columns of a batch, emptied.
#[derive(Debug, Default)]
pub struct Spare {
    arena: Vec<u8>,
    computed: Vec<u8>,
    spans: Vec<(u32, u32)>,
    time: Vec<i64>,
    fates: Vec<Fate>,
    ids: Vec<u128>,
    keys: KeyColumn,
    args: Vec<ArgColumn>,
}

/// Where batches leave their columns.
pub type Return = Sender<Spare>;

/// The spare columns of one parser.
#[derive(Debug)]
pub struct Shelf {
    back: Return,
    spares: Receiver<Spare>,
}

impl Default for Shelf {
    fn default() -> Shelf {
        let (back, spares) = bounded(SETS_MAX);
        Shelf { back, spares }
    }
}

impl Shelf {
    /// An empty batch; `args` makes its argument columns if no old ones are there.
    pub fn take(&self, args: impl FnOnce() -> Vec<ArgColumn>) -> Batch {
        let mut batch = Batch::default();
        match self.spares.try_recv() {
            Ok(spare) => {
                (batch.texts.arena, batch.texts.computed) = (spare.arena, spare.computed);
                (batch.spans, batch.time, batch.fates) = (spare.spans, spare.time, spare.fates);
                (batch.ids, batch.keys, batch.args) = (spare.ids, spare.keys, spare.args);
            }
            Err(_) => batch.args = args(),
        }
        batch.columns_back = Some(self.back.clone());
        batch
    }
}

/// Leaves a batch's columns with the parser that made it.
pub(super) fn give_back(batch: &mut Batch) {
    let Some(back) = batch.columns_back.take() else { return };
    if batch.texts.bytes.len() > CHUNK_BYTES_MAX || back.is_full() {
        return;
    }
    let mut spare = Spare {
        arena: std::mem::take(&mut batch.texts.arena),
        computed: std::mem::take(&mut batch.texts.computed),
        spans: std::mem::take(&mut batch.spans),
        time: std::mem::take(&mut batch.time),
        fates: std::mem::take(&mut batch.fates),
        ids: std::mem::take(&mut batch.ids),
        keys: std::mem::take(&mut batch.keys),
        args: std::mem::take(&mut batch.args),
    };
    spare.clear();
    // A parser that has enough, or has ended, needs no more.
    let _ = back.try_send(spare);
}

impl Spare {
    fn clear(&mut self) {
        self.arena.clear();
        self.computed.clear();
        self.spans.clear();
        self.time.clear();
        self.fates.clear();
        self.ids.clear();
        self.keys.clear();
        for column in &mut self.args {
            match column {
                ArgColumn::Every => {}
                ArgColumn::Present(present) => present.clear(),
                ArgColumn::Numbers(numbers) => {
                    numbers.packed.clear();
                    numbers.wide.clear();
                }
                ArgColumn::Values(cells) => cells.clear(),
                ArgColumn::Pairs(cells, by) => {
                    cells.clear();
                    by.clear();
                }
            }
        }
    }
}
