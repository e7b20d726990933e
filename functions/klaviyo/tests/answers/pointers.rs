//! What an import answers about rows: a 400 by which nothing at all was imported.

use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::answers::{Case, Expected, Group, MANY, Reply};
use crate::import::{accepted, error, failed, imported, no_job};
use crate::lane::email;
use crate::script::{json_answer, text_answer};

/// A 400 with errors at these pointers.
fn pointing(pointers: &[&str]) -> ResponseTemplate {
    let error = |pointer: &&str| {
        json!({"id": "u", "status": 400, "code": "invalid", "title": "Invalid input.",
               "detail": "person-1@example.com is not valid", "source": {"pointer": pointer}, "links": {}, "meta": {}})
    };
    json_answer(400, &json!({"errors": pointers.iter().map(error).collect::<Vec<_>>()}))
}

/// A 400 that names rows by their places in the call.
fn rows(places: &[usize]) -> ResponseTemplate {
    let pointers: Vec<String> = places
        .iter()
        .map(|place| format!("/data/attributes/profiles/data/{place}/attributes/email"))
        .collect();
    pointing(&pointers.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A useless 400 to whatever has row 2.
fn row_2_is_odd(request: &Request) -> ResponseTemplate {
    if imported(request).contains(&email(2)) { pointing(&["/data/attributes/profiles"]) } else { accepted() }
}

/// The same of rows 2 and 3.
fn rows_2_and_3_are_odd(request: &Request) -> ResponseTemplate {
    let sent = imported(request);
    let odd = sent.contains(&email(2)) || sent.contains(&email(3));
    if odd { text_answer(400, "<html>") } else { accepted() }
}

/// Names one row at a time, the first of those that are odd: all but row 9.
fn one_at_a_time(request: &Request) -> ResponseTemplate {
    let odd = imported(request).iter().position(|address| *address != email(9));
    odd.map_or_else(accepted, |place| rows(&[place]))
}

pub(crate) fn group() -> Group {
    let refused = "address_refused";
    let then = |first: ResponseTemplate| [first, accepted()];
    let twice =
        |accepted, rejected: &[_]| Expected::completed(accepted).rejected(rejected).calls("import", 2);
    let body: Value = json!({"errors": [{"code": "invalid"}]});
    Group::new(
        "Import: a 400 about rows",
        "Nothing was imported. Named rows are left out and the others sent again; where no row is named the call is \
         halved until the bad rows are alone.",
        &["import"],
        [
            Case::new("400, a pointer names row 2's e-mail, then a job", twice(2, &[(2, refused)])).on("import", then(rows(&[1]))),
            Case::new("400, pointers name rows 1 and 3, then a job", twice(1, &[(1, refused), (3, refused)]))
                .on("import", then(rows(&[0, 2]))),
            Case::new("400, a pointer names row 2's first name, then a job", twice(2, &[(2, "attribute_refused")]))
                .on("import", then(pointing(&["/data/attributes/profiles/data/1/attributes/first_name"]))),
            Case::new("400, a pointer names row 2 and no field, then a job", twice(2, &[(2, "attribute_refused")]))
                .on("import", then(pointing(&["/data/attributes/profiles/data/1"])))
                .doubtful(),
            Case::new("400, row 2 is named twice, then a job", twice(2, &[(2, refused)])).on("import", then(rows(&[1, 1]))),
            Case::new("400 with `status` as a text, `meta` and `links` of another kind, then a job", twice(2, &[(2, refused)])).on(
                "import",
                then(json_answer(
                    400,
                    &json!({"errors": [{"id": "u", "status": "400", "code": "invalid", "title": "T", "detail": "d", "meta": [], "links": [],
                                        "source": {"pointer": "/data/attributes/profiles/data/1/attributes/email"}}]}),
                )),
            ),
            Case::new(
                "400 names row 1, then row 2, which was the first of the rest, then a job",
                Expected::completed(1).rejected(&[(1, refused), (2, refused)]).calls("import", 3),
            )
            .on("import", [rows(&[0]), rows(&[0]), accepted()]),
            Case::new(
                "400 names row after row, eight times",
                Expected::completed(1)
                    .rejected(&[1, 2, 3, 4, 5, 6, 7, 8].map(|row| (row, refused)))
                    .calls("import", MANY),
            )
            .rows(9)
            .on("import", [Reply::Reads(one_at_a_time)]),
            Case::new(
                "400, pointers name all rows",
                no_job(Expected::completed(0).rejected(&[(1, refused), (2, refused), (3, refused)])),
            )
            .on("import", [rows(&[0, 1, 2])]),
            Case::new(
                "400, a pointer names a row that was not sent, as long as row 2 is in it",
                Expected::completed(2).rejected(&[(2, "refused")]).calls("import", 5).calls("job", 2),
            )
            .on("import", [Reply::Reads(|request| {
                if imported(request).contains(&email(2)) { rows(&[999]) } else { accepted() }
            })]),
            Case::new(
                "400, a pointer names no row, as long as row 2 of 4 is in it",
                Expected::completed(3).rejected(&[(2, "refused")]).calls("import", 5).calls("job", 2),
            )
            .rows(4)
            .on("import", [Reply::Reads(row_2_is_odd)]),
            Case::new(
                "400 with HTML, as long as rows 2 or 3 of 4 are in it",
                Expected::completed(2)
                    .rejected(&[(2, "refused"), (3, "refused")])
                    .calls("import", 7)
                    .calls("job", 2),
            )
            .rows(4)
            .on("import", [Reply::Reads(rows_2_and_3_are_odd)])
            .doubtful(),
            Case::new("400 without a pointer, to every call", failed("(HTTP 400)").calls("import", 5))
            .on("import", [json_answer(400, &body)])
            .doubtful(),
            Case::new("400, a row is named, then that the list does not exist", failed("check `audience_id`").calls("import", 2))
                .on("import", [rows(&[1]), error(400, "invalid", "List ID AUD1 does not exist.", "/data")]),
        ],
    )
}
