//! Files as the `parquet` crate writes them.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// How a file is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    pub(crate) compression: Compression,
    pub(crate) version: WriterVersion,
    pub(crate) dictionary: bool,
    /// Bytes of a dictionary above which the rest of a chunk is written plainly.
    pub(crate) dictionary_limit: usize,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) rows: usize,
    pub(crate) groups: usize,
    pub(crate) rows_per_page: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            compression: Compression::SNAPPY,
            version: WriterVersion::PARQUET_1_0,
            dictionary: true,
            dictionary_limit: 1 << 20,
            encoding: None,
            rows: 200,
            groups: 3,
            rows_per_page: 40,
        }
    }
}

const SCHEMA: &str = "message segment {
    required binary unread (UTF8);
    optional group traits { optional binary email (UTF8); }
    required int64 id;
    optional fixed_len_byte_array(4) code;
}";

/// The columns of [`write`]'s files in the order of [`row`].
pub(crate) const COLUMNS: [&str; 3] = ["traits.email", "id", "code"];

/// What stands in row `number` of a file.
pub(crate) fn row(number: usize) -> [String; 3] {
    let email =
        if number.is_multiple_of(5) { String::new() } else { format!("p{}@example.com", number % 61) };
    let code = if number.is_multiple_of(2) { String::new() } else { format!("{:04}", number % 9999) };
    [email, (number * 7).to_string(), code]
}

/// Writes `rows` rows in `groups` row groups.
pub(crate) fn write(recipe: Recipe) -> Vec<u8> {
    let mut properties = WriterProperties::builder()
        .set_compression(recipe.compression)
        .set_writer_version(recipe.version)
        .set_dictionary_enabled(recipe.dictionary)
        .set_dictionary_page_size_limit(recipe.dictionary_limit)
        .set_data_page_size_limit(usize::MAX)
        .set_data_page_row_count_limit(recipe.rows_per_page)
        .set_write_batch_size(8);
    if let Some(encoding) = recipe.encoding {
        properties = properties.set_column_encoding("traits.email".into(), encoding);
    }
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties.build())).unwrap();
    let numbers: Vec<usize> = (1..=recipe.rows).collect();
    for numbers in numbers.chunks(recipe.rows.div_ceil(recipe.groups).max(1)) {
        let mut group = writer.next_row_group().unwrap();
        let column = |place: usize| numbers.iter().map(move |&number| row(number)[place].clone());
        let texts = |place| column(place).filter(|text| !text.is_empty());

        let unread: Vec<ByteArray> =
            numbers.iter().map(|_| "not to be fetched ".repeat(9).as_str().into()).collect();
        let mut next = group.next_column().unwrap().unwrap();
        next.typed::<ByteArrayType>().write_batch(&unread, None, None).unwrap();
        next.close().unwrap();

        let emails: Vec<ByteArray> = texts(0).map(|text| text.as_str().into()).collect();
        // A missing group and a missing field are told apart by their levels, and both are empty.
        let levels: Vec<i16> = numbers
            .iter()
            .map(|number| match number {
                number if number.is_multiple_of(10) => 0,
                number if number.is_multiple_of(5) => 1,
                _ => 2,
            })
            .collect();
        let mut next = group.next_column().unwrap().unwrap();
        next.typed::<ByteArrayType>().write_batch(&emails, Some(&levels), None).unwrap();
        next.close().unwrap();

        let ids: Vec<i64> = column(1).map(|id| id.parse().unwrap()).collect();
        let mut next = group.next_column().unwrap().unwrap();
        next.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        next.close().unwrap();

        let codes: Vec<FixedLenByteArray> =
            texts(2).map(|text| ByteArray::from(text.into_bytes()).into()).collect();
        let levels: Vec<i16> = numbers.iter().map(|number| i16::from(number % 2 == 1)).collect();
        let mut next = group.next_column().unwrap().unwrap();
        next.typed::<FixedLenByteArrayType>().write_batch(&codes, Some(&levels), None).unwrap();
        next.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}
