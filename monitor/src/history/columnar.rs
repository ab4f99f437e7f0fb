//! A table as a Parquet file: every column may be null, times are timestamps of nanoseconds in UTC. Uncompressed, so that
//! no C library comes in for it.

use super::table::{Cell, Kind, Table};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// The whole file.
pub fn parquet(table: &Table) -> Result<Vec<u8>, ParquetError> {
    let field = |(name, kind): &(&str, Kind)| match kind {
        Kind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
        Kind::Int => format!("OPTIONAL INT64 {name};"),
        Kind::Ratio => format!("OPTIONAL DOUBLE {name};"),
        Kind::Time => format!("OPTIONAL INT64 {name} (TIMESTAMP(NANOS,true));"),
    };
    let fields: String = table.columns.iter().map(field).collect();
    let schema = Arc::new(parse_message_type(&format!("message history {{ {fields} }}"))?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::default()))?;
    let mut group = writer.next_row_group()?;
    for (at, (_, kind)) in table.columns.iter().enumerate() {
        let Some(mut column) = group.next_column()? else { break };
        let cells = || table.rows.iter().filter_map(|row| row.get(at));
        let known: Vec<i16> = cells().map(|cell| i16::from(*cell != Cell::Unknown)).collect();
        match kind {
            Kind::Text => {
                let values: Vec<ByteArray> = cells()
                    .filter_map(|cell| match cell {
                        Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                        _ => None,
                    })
                    .collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&known), None)?;
            }
            Kind::Int | Kind::Time => {
                let int = |cell: &Cell| if let Cell::Int(n) = cell { Some(*n) } else { None };
                let values: Vec<i64> = cells().filter_map(int).collect();
                column.typed::<Int64Type>().write_batch(&values, Some(&known), None)?;
            }
            Kind::Ratio => {
                let ratio = |cell: &Cell| if let Cell::Ratio(r) = cell { Some(*r) } else { None };
                let values: Vec<f64> = cells().filter_map(ratio).collect();
                column.typed::<DoubleType>().write_batch(&values, Some(&known), None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}
