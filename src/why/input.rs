//! An input of a job, read record by record.

use crate::error::Result;
use crate::input::{Chunk, Format, Source};
use crate::job::Job;
use crate::parse::batch::Batch;
use crate::parse::project::{ChunkToParse, Layout, Parser, Projection};
use crate::pipeline;
use crate::time::Form;

/// An open input.
pub struct Input {
    number: u32,
    source: Source,
    header: Option<(Vec<String>, u64)>,
    layout: Option<Layout>,
    /// Lines before the next record.
    lines: u64,
}

impl Input {
    /// Opens an input of a job.
    pub fn open(job: &Job, number: u32) -> Result<Input> {
        let spec = &job.sources[number as usize];
        let mut source = Source::open(spec, &job.read)?;
        let header = match spec.format {
            Format::Csv { .. } if job.read.header => source.header()?,
            _ => None,
        };
        let lines = header.as_ref().map_or(0, |(_, lines)| *lines);
        Ok(Input { number, source, header, layout: None, lines })
    }

    /// The next record, or several, and the line on which they start; `None` at the end.
    pub fn next(
        &mut self,
        job: &Job,
        projection: &Projection,
        parser: &mut Parser<'_>,
        form: Option<Form>,
    ) -> Result<Option<(Batch, u64)>> {
        let spec = &job.sources[self.number as usize];
        let chunk = self.source.next(Vec::new())?;
        if let (Chunk::Records { .. }, None) = (&chunk, &self.layout) {
            let names = pipeline::names(spec.format, &mut self.header, &chunk).unwrap_or_default();
            let layout = pipeline::layout(&spec.name, spec.format, names, None, &projection.fields)?;
            self.layout = Some(layout);
        }
        let first = self.lines + 1;
        let batch = match (chunk, &self.layout) {
            (Chunk::Records { bytes, offset }, Some(layout)) => {
                let len = bytes.len() as u64;
                let chunk = ChunkToParse { source: self.number, bytes, offset, layout, form };
                let mut batch = parser.parse(chunk);
                batch.len = len;
                batch
            }
            (Chunk::TooLong { offset, head, lines, len, .. }, _) => {
                let reason = format!("the record takes up {len} bytes, more than --max-record");
                parser.too_long(self.number, offset, head, lines, reason)
            }
            (Chunk::Records { .. } | Chunk::End, _) => return Ok(None),
        };
        self.lines += batch.lines;
        Ok(Some((batch, first)))
    }

    /// How many lines have been read.
    pub fn lines(&self) -> u64 {
        self.lines
    }
}
