//! What the look-ups of people who left answer, once a run before its first push.

use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::push::problem;
use crate::script::{json_answer, text_answer};

/// MD5 of the addresses in rows 1 to 3, computed by another program.
const IDS: [&str; 3] = [
    "0865e21376cf776900ed79ec64728954",
    "2976cd413593e339c9e7b8d3b23c3185",
    "4f341de173ff2811576ef74f25eba86e",
];
/// Of somebody who is in no row.
const STRANGER: &str = "62eeb292278cc15f5817cb78f7790b08";

fn page(ids: &[&str], total: usize) -> ResponseTemplate {
    let members: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    json_answer(200, &json!({"members": members, "total_items": total}))
}

pub(crate) fn nobody() -> ResponseTemplate {
    page(&[], 0)
}

/// A full page without anybody of ours: those from this number on.
fn strangers(from: usize, total: usize) -> ResponseTemplate {
    let ids: Vec<String> = (from..from + 1000).map(|number| format!("{number:032x}")).collect();
    page(&ids.iter().map(String::as_str).collect::<Vec<_>>(), total)
}

pub(crate) fn group() -> Group {
    let done = || Expected::completed(3);
    let held = |row: u64, reason| Expected::completed(2).rejected(&[(row, reason)]);
    let refused = |says| Expected::failed(3, says).calls("push", 0);
    Group::new(
        "Look-ups of people who left",
        "Once a run, before its first push, with `people_who_left: hold_back`, which is the default. Three lists are \
         read to their end: archived, unsubscribed and cleaned contacts.",
        &["push"],
        [
            Case::new("200, nobody is in any of the lists", done()),
            Case::new("200, somebody is archived who is in no row", done())
                .on("archived", [page(&[STRANGER], 1)]),
            Case::new("200, the contact of row 1 is archived", held(1, "archived"))
                .on("archived", [page(&[IDS[0]], 1)]),
            Case::new("200, the contact of row 2 is unsubscribed", held(2, "unsubscribed"))
                .on("unsubscribed", [page(&[STRANGER, IDS[1]], 2)]),
            Case::new("200, the contact of row 3 is cleaned", held(3, "cleaned"))
                .on("cleaned", [page(&[IDS[2]], 1)]),
            Case::new(
                "200, all of them left",
                Expected::completed(0)
                    .rejected(&[(1, "archived"), (2, "unsubscribed"), (3, "cleaned")])
                    .calls("push", 0),
            )
            .on("archived", [page(&[IDS[0]], 1)])
            .on("unsubscribed", [page(&[IDS[1]], 1)])
            .on("cleaned", [page(&[IDS[2]], 1)]),
            Case::new("200 in three pages, row 1 on the last one", held(1, "archived").calls("archived", 3))
                .on("archived", [strangers(0, 2001), strangers(1000, 2001), page(&[IDS[0]], 2001)]),
            Case::new(
                "200 with fewer contacts than `total_items`, then the whole list",
                held(1, "archived").calls("archived", 2),
            )
            .on("archived", [page(&[STRANGER], 2), page(&[STRANGER, IDS[0]], 2)]),
            Case::new(
                "200 with fewer contacts than `total_items`, the same each time",
                held(1, "archived").calls("archived", 2),
            )
            .on("archived", [page(&[IDS[0]], 2)])
            .doubtful(),
            Case::new(
                "200 without `total_items`, until the run's deadline",
                refused("the run's deadline passed")
                    .calls("archived", MANY)
                    .until_deadline()
                    .remark("nobody is let through"),
            )
            .on("archived", [json_answer(200, &json!({"members": [{"id": IDS[0]}]}))])
            .doubtful()
            .deadline(),
            Case::new(
                "200, the contact of row 2 is unsubscribed, with `new_contacts: unsubscribed`",
                done()
                    .calls("unsubscribed", 0)
                    .remark("whom the last run added are among them: they are not looked up"),
            )
            .on("unsubscribed", [page(&[IDS[1]], 1)])
            .export(json!({"new_contacts": "unsubscribed"})),
            Case::new(
                "anything, with `people_who_left: may_come_back`",
                done()
                    .calls("archived", 0)
                    .calls("unsubscribed", 0)
                    .calls("cleaned", 0)
                    .remark("nothing is looked up"),
            )
            .on("archived", [page(&[IDS[0]], 1)])
            .export(json!({"people_who_left": "may_come_back"})),
            Case::new("200 with HTML, then the list", held(1, "archived").calls("archived", 2))
                .on("archived", [text_answer(200, "<html>"), page(&[IDS[0]], 1)]),
            Case::new(
                "403 without a body (throttling), then the list",
                held(1, "archived").calls("archived", 2),
            )
            .on("archived", [text_answer(403, ""), page(&[IDS[0]], 1)]),
            Case::new("403 with JSON", refused("may not write to this audience"))
                .on("archived", [problem(403, "Forbidden", "")]),
            Case::new("404", refused("check `audience_id`"))
                .on("archived", [problem(404, "Resource Not Found", "")]),
            Case::new("429 in the middle of a list, then the rest", held(1, "archived").calls("archived", 3))
                .on("archived", [strangers(0, 1001), text_answer(429, ""), page(&[IDS[0]], 1001)]),
            Case::new(
                "429 with `Retry-After: 600`, then the list",
                held(1, "archived").calls("archived", 2).pause(600),
            )
            .on("archived", [text_answer(429, "").insert_header("retry-after", "600"), page(&[IDS[0]], 1)])
            .doubtful(),
            Case::new("500, then the list", held(1, "archived").calls("archived", 2))
                .on("archived", [text_answer(500, ""), page(&[IDS[0]], 1)]),
            Case::new("the connection breaks, then the list", held(1, "archived").calls("archived", 2))
                .on("archived", [Reply::Breaks, page(&[IDS[0]], 1).into()]),
        ],
    )
}
