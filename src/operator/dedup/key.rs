//! An id taken apart: who remembers it, where a search looks for it, and what tells it from others there.
//!
//! ```text
//! bits  125-127  the shard
//!       118-124  the shard's table
//!        86-117  the home in the table's index
//!         0-31   some of these are the tag in the index
//!         0-119  stand in the log
//! ```

/// The shards of a set.
pub const SHARDS: usize = 1 << 3;

/// The tables of all shards.
pub const TABLES: usize = 1 << 10;

/// The tables of a shard.
pub const TABLES_OF_SHARD: usize = TABLES / SHARDS;

/// The shard that an id belongs to.
#[inline]
pub fn shard(id: u128) -> usize {
    (id >> 125) as usize
}

/// The number of an id's table among those of all shards.
#[inline]
pub fn table(id: u128) -> usize {
    (id >> 118) as usize
}

/// The number of an id's table in its shard.
#[inline]
pub fn table_of_shard(id: u128) -> usize {
    table(id) % TABLES_OF_SHARD
}

/// The bits that choose the home. They are in the log.
#[inline]
pub fn order(id: u128) -> u32 {
    (id >> 86) as u32
}

/// The bits that an index tells ids of one home apart by. They are in the log, and others than those of the home.
#[inline]
pub fn tag(id: u128) -> u32 {
    id as u32
}

/// What the log does not say of an id.
#[inline]
pub fn top(id: u128) -> u8 {
    (id >> 120) as u8
}
