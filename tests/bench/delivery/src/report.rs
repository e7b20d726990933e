//! The figures as tables for people.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::million::Measured;
use crate::neighbours::Neighbours;
use crate::prices::{FIXED, PRICE_LIST};
use crate::setting::as_float;

/// All tables, and what has to be known to read them.
pub(crate) fn text(measured: &[Measured], neighbours: Option<&Neighbours>) -> String {
    let mut text = String::new();
    if !measured.is_empty() {
        let _ = writeln!(text, "From the first message taken to the last receipt:\n\n{}\n", times(measured));
        let _ = writeln!(text, "What the functions used:\n\n{}\n", functions(measured));
        let _ = writeln!(text, "What a run costs, in cents:\n\n{}\n", costs(measured));
        let _ =
            writeln!(text, "Requests to AWS for each chunk, while delivering:\n\n{}\n", requests(measured));
        let _ = writeln!(text, "{}", notes(measured));
    }
    if let Some(found) = neighbours {
        let _ = writeln!(
            text,
            "Two accounts of {}, one of them answered 429 throughout ({} times): the other one's {} profiles took \
             {:.2} s beside it, {:.2} s alone, ratio {:.3} (medians of {}); exact: {}",
            found.destination,
            found.throttled,
            found.profiles,
            found.beside_seconds,
            found.alone_seconds,
            found.ratio,
            found.all_alone_seconds.len(),
            yes(found.exact),
        );
    }
    text
}

fn notes(measured: &[Measured]) -> String {
    let mut notes = vec![
        format!("prices: {PRICE_LIST}"),
        FIXED.to_owned(),
        "calls are all requests that the sandbox got: sign-ins, look-ups and looks at jobs too".to_owned(),
        "processor and peak are this whole process's while it delivered, the model of AWS included; before is what \
         it had at the first message"
            .to_owned(),
    ];
    notes.extend(measured.iter().filter(|row| row.profiles < 1_000_000).map(|row| {
        format!(
            "{}: {} profiles instead of a million; the cost of a million is scaled",
            row.destination, row.profiles
        )
    }));
    let wrong = measured.iter().filter(|row| !row.exact);
    notes.extend(wrong.map(|row| {
        format!(
            "{}: NOT EXACT: {} profiles, run {}, {} accepted, {} in the audience, {} dead letters",
            row.destination,
            row.profiles,
            row.status.name(),
            row.accepted,
            row.in_audience,
            row.dead_letters,
        )
    }));
    notes.into_iter().fold(String::new(), |text, note| text + "- " + &note + "\n")
}

fn times(measured: &[Measured]) -> Table {
    let mut table = table(&[
        "destination",
        "profiles",
        "exact",
        "time, s",
        "ideal, s",
        "ratio",
        "calls",
        "429s",
        "profiles a minute",
    ]);
    for row in measured {
        table.add_row([
            row.destination.to_string(),
            row.profiles.to_string(),
            yes(row.exact).to_owned(),
            format!("{:.2}", row.seconds),
            format!("{:.2}", row.ideal_seconds),
            format!("{:.3}", row.ratio),
            row.calls.to_string(),
            row.throttled.to_string(),
            format!("{:.0}", row.profiles_a_minute),
        ]);
    }
    table
}

fn functions(measured: &[Measured]) -> Table {
    let mut table = table(&[
        "destination",
        "chunks",
        "invocations",
        "cold",
        "function, s",
        "memory, MB",
        "GB-s",
        "processor, s",
        "peak, MiB",
        "before, MiB",
        "fan-out, s",
        "memory, MB",
    ]);
    for row in measured {
        table.add_row([
            row.destination.to_string(),
            row.chunks.to_string(),
            row.invocations.to_string(),
            row.cold_starts.to_string(),
            format!("{:.2}", row.function_seconds),
            row.memory_mb.to_string(),
            format!("{:.2}", row.gb_seconds),
            format!("{:.2}", row.processor_seconds),
            row.peak_mib.to_string(),
            row.before_mib.to_string(),
            format!("{:.2}", row.fan_out_seconds),
            row.fan_out_memory_mb.to_string(),
        ]);
    }
    table
}

fn costs(measured: &[Measured]) -> Table {
    let mut table = table(&[
        "destination",
        "profiles",
        "function",
        "fan-out",
        "SQS",
        "S3",
        "Secrets Manager",
        "whole",
        "a million",
    ]);
    for row in measured {
        let cost = row.cost_usd;
        let whole = [
            cost.function,
            cost.fan_out,
            cost.sqs,
            cost.s3,
            cost.secrets,
            row.cost_usd_total,
            row.cost_usd_a_million,
        ];
        let cells = [row.destination.to_string(), row.profiles.to_string()].into_iter();
        let cells = cells.chain(whole.map(|dollars| format!("{:.4}", dollars * 100.0)));
        table.add_row(cells);
    }
    table
}

fn requests(measured: &[Measured]) -> Table {
    let names: Vec<String> = measured.iter().map(|row| row.destination.to_string()).collect();
    let mut header = vec!["request"];
    header.extend(names.iter().map(String::as_str));
    let mut table = table(&header);
    let mut what: Vec<&String> = measured.iter().flat_map(|row| row.delivering.keys()).collect();
    what.sort_unstable();
    what.dedup();
    for request in what {
        let of = |row: &Measured| {
            let count = row.delivering.get(request).copied().unwrap_or(0);
            format!("{:.1}", as_float(count) / as_float(row.chunks.max(1)))
        };
        table.add_row(std::iter::once(request.clone()).chain(measured.iter().map(of)));
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "NO" }
}
