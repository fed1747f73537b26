//! Checkpoints: what a run needs to be continued as if nothing had happened.
//!
//! # The protocol
//!
//! The bytes of the output are a function of the bytes of the input. So a run that was killed is continued from any
//! earlier instant of which three things are known: where each input stood, what was held in memory then, and how
//! much of the output had been produced by then. A *checkpoint* is these three, of one instant: a *cut*. What the
//! killed run wrote behind it is produced again, and found to be there.
//!
//! A cut lies between two records of the one sequence into which all inputs are merged. The front makes it behind a
//! step, and notes where every input stands. The mark travels with the step; each owner of keys notes what it holds
//! when it has applied the step, the writer how much it has written of it. The stream does not wait for any of that
//! to reach the disk. Then, in this order:
//!
//! 1. *Outputs are synced* (rows, late events, bad records). Otherwise a power cut could take rows that the
//!    checkpoint says are there: they would be missing for ever.
//! 2. *Files of ids are synced*, and their directory if one is new. Only what is new since the last checkpoint was
//!    appended to them. Otherwise ids could be missing, and repeats would count.
//! 3. *The checkpoint is written aside and synced*, under a name that nobody reads.
//! 4. *It is renamed* to its own name, `checkpoint-N`. Otherwise a crash could leave half of it under that name.
//! 5. *The directory is synced.* Only now does it exist for good, and only now may
//! 6. *older ones be removed*: all but the last two; and files of ids that none of the two needs.
//!
//! Any failure of these steps ends the run with an error. Nothing is tried again: what a failed sync has left on the
//! disk is unknown, and a second one may say that all is well. The checkpoint before stays the good one.
//!
//! What a crash leaves:
//!
//! | it comes | there is | a resumed run |
//! |---|---|---|
//! | before the first checkpoint | a directory without one; outputs created but empty | starts anew |
//! | before 4 | the checkpoint before; perhaps a file aside | goes on from the one before; cuts files of ids back |
//! | between 4 and 5, power lost | the one before, or this one | goes on from either: outputs and ids of both are durable |
//! | after 5 | this one | goes on from it |
//! | while outputs go on behind a cut | more output than the checkpoint says, torn perhaps, or zeros where pages were lost | compares it with what it produces again, and fills zeros in |
//!
//! The first checkpoint of a job is made before the first byte of output, so that it is on record where in a file
//! that others have written to our bytes begin. So is that of a run whose inputs have joined or are called otherwise
//! than before: what is written goes by their order and their names.
//!
//! No checkpoint stands behind a record that has ended the run: it would be passed over. Where standard input brings
//! only what is new, one is made right before that record, so that what was taken of it counts.
//!
//! A checkpoint that is damaged (a checksum covers every byte) is passed over for the one before.
//!
//! # Decisions
//!
//! The output is a function of the input only as long as no clock has a say. Where one has (`--idle-timeout`), what
//! it decides is written down with its place in the sequence, and synced, before it takes effect: see `decisions`. A
//! run that is continued decides the same there, and nothing of its own until it has come past the last of them.
//!
//! # Streams
//!
//! A pipe cannot be cut back or looked at. What it has taken is counted in a page of the state directory that is
//! mapped into memory: a write is announced there, made, and counted. A kill between the first and the last leaves
//! one write in doubt, of 4,096 bytes at most or of one row. See `output::ledger`.

pub mod codec;
pub mod decisions;
pub mod directory;
pub mod guard;
pub mod ids;
pub mod inspect;
pub mod inspect_ids;
pub mod inspect_job;
pub mod inspect_repeats;
pub mod inspect_verify;
pub mod inspect_windows;
pub mod written;
