//! How fast a file is read when nothing is done with its rows:
//! `cargo run --release -p segue-source --example rate -- FILE NAME…`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "it is for a person who measures")]

use std::time::{Duration, Instant};

use segue_source::{ColumnError, Fields, Reader, Rows};

/// Times that the file is read; the shortest counts.
const TIMES: usize = 15;
/// Bytes that are fed at once.
const PIECE: usize = 256 << 10;

struct Count {
    wanted: Vec<String>,
    rows: u64,
    bytes: usize,
}

impl Rows for Count {
    fn wanted(&mut self) -> Vec<String> {
        self.wanted.clone()
    }

    fn missing(&mut self, _: usize, error: ColumnError) {
        println!("{error}");
    }

    fn row(&mut self, _: u64, fields: &Fields<'_>) {
        self.rows += 1;
        self.bytes += (0..self.wanted.len()).map(|index| fields.get(index).len()).sum::<usize>();
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("a file and the names of the wanted fields are needed");
    let wanted: Vec<String> = arguments.collect();
    let file = std::fs::read(file).expect("the file can be read");
    let mut shortest = Duration::MAX;
    let mut last = None;
    for _ in 0..TIMES {
        let mut count = Count { wanted: wanted.clone(), rows: 0, bytes: 0 };
        let mut reader = Reader::default();
        let started = Instant::now();
        for piece in file.chunks(PIECE) {
            reader.feed(piece, &mut count).expect("the file is understood");
        }
        reader.finish(&mut count).expect("the file is understood");
        shortest = shortest.min(started.elapsed());
        last = reader.found().map(|found| (found, count.rows, count.bytes));
    }
    let Some((found, rows, bytes)) = last else { return };
    let seconds = shortest.as_secs_f64();
    // Files are smaller than 2^52 bytes.
    #[expect(clippy::cast_precision_loss)]
    let (megabytes, millions) = (file.len() as f64 / 1e6, rows as f64 / 1e6);
    println!(
        "{} {} {}: {rows} rows, {bytes} bytes wanted, {seconds:.3} s, {:.0} MB/s, {:.1} million rows/s",
        found.format,
        found.compression,
        found.encoding,
        megabytes / seconds,
        millions / seconds,
    );
}
