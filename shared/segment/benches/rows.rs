//! What each step costs that a row goes through between a parser and a chunk: `cargo bench -p segue-segment`.
#![allow(missing_docs, clippy::unwrap_used, reason = "they are benchmarks")]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use segue_segment::destination::Form;
use segue_segment::unique::UniqueEmails;
use segue_segment::{Chunk, ChunkWriter, Email, EmailHash, RowRef, attribute};

fn main() {
    divan::main();
}

const ROWS: usize = 100_000;

/// Addresses as they stand in a file: some with capitals, and with white space around them.
fn addresses() -> Vec<String> {
    let domains = ["example.com", "mail.example.net", "Shop.Example.org"];
    (0..ROWS)
        .map(|number| {
            let pad = if number % 50 == 0 { " " } else { "" };
            format!("{pad}First.Last{:07}@{}", number * 7_368_787 % 10_000_019, domains[number % 3])
        })
        .collect()
}

/// Does something with each address once it is normal.
fn each(addresses: &[String], mut take: impl FnMut(usize, Email<'_>)) {
    let mut buffer = String::new();
    for (index, address) in addresses.iter().enumerate() {
        take(index, Email::normalise(address.as_bytes(), &mut buffer).unwrap());
    }
}

#[divan::bench]
fn normalise(bencher: Bencher<'_, '_>) {
    let addresses = addresses();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| each(&addresses, |_, email| _ = black_box(email)));
}

#[divan::bench]
fn normalise_and_hash(bencher: Bencher<'_, '_>) {
    let addresses = addresses();
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench(|| each(&addresses, |_, email| _ = black_box(EmailHash::of(email))));
}

#[divan::bench]
fn normalise_and_tell_repeated_ones(bencher: Bencher<'_, '_>) {
    let addresses = addresses();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        let mut seen = UniqueEmails::default();
        each(&addresses, |_, email| _ = black_box(seen.insert(seen.fingerprint(email))));
        seen
    });
}

#[divan::bench]
fn name(bencher: Bencher<'_, '_>) {
    let names = ["Ada", "Zoë", " Jean-Luc ", "O'Neill", ""].map(str::as_bytes);
    bencher.counter(ItemsCount::new(ROWS)).bench(|| {
        for index in 0..ROWS {
            black_box(attribute::name(names[index % names.len()]));
        }
    });
}

/// A chunk of profiles with names.
fn chunk(addresses: &[String]) -> Vec<u8> {
    let mut writer = ChunkWriter::new(Form::Profiles);
    each(addresses, |index, email| {
        writer.push_profile(RowRef { part: 0, row: index as u64 }, email, Some("Ada"), Some("Abara"));
    });
    writer.finish()
}

#[divan::bench]
fn normalise_and_write_a_chunk(bencher: Bencher<'_, '_>) {
    let addresses = addresses();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| chunk(&addresses));
}

#[divan::bench]
fn read_a_chunk(bencher: Bencher<'_, '_>) {
    let chunk = chunk(&addresses());
    bencher.counter(ItemsCount::new(ROWS)).with_inputs(|| chunk.clone()).bench_values(|bytes| {
        Chunk::decode(bytes).unwrap().profiles().filter(|profile| profile.email().is_some()).count()
    });
}
