//! What the readers of records are compared with. Shared by the fuzz targets and `mutate`.

pub mod csv;
pub mod json;
