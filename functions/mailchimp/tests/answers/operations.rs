//! What a batch's results say of each row.

use serde_json::{Value, json};

use crate::answers::{Case, Expected, Group};
use crate::archive::{archive, result};
use crate::batches::{all_well, followed, three, well};

fn problem(row: &str, status: u16, title: &str, detail: &str) -> Value {
    let body = json!({"title": title, "status": status, "detail": format!("{detail} person-2@example.com"), "instance": "i"});
    result(row, status, &body)
}

/// Row 2 of 3 has this answer.
fn second(answer: &'static str, status: u16, title: &str, detail: &str, reason: &'static str) -> Case {
    Case::new(answer, followed(Expected::completed(2).rejected(&[(2, reason)])))
        .on("results", [archive(&[&three(&[(1, problem("1", status, title, detail))])])])
}

/// Row 2 of 3 has this answer at first, and is taken when it is sent again.
fn once(answer: &'static str, status: u16) -> Case {
    let expected =
        followed(Expected::completed(3)).calls("batch", 2).calls("status", 2).calls("results", 2).back(2);
    Case::new(answer, expected)
        .on("results", [archive(&[&three(&[(1, problem("1", status, "T", ""))])]), all_well()])
}

pub(crate) fn group() -> Group {
    let cases = answers().into_iter().chain(shapes());
    Group::new("`existing_contacts: update`: what the results say of each row", "", &["batch"], cases)
        .choosing(&json!({"existing_contacts": "update"}))
}

fn answers() -> Vec<Case> {
    vec![
        Case::new("all rows: 200", followed(Expected::completed(3))),
        second(
            "row 2: 400 Invalid Resource, “looks fake or invalid, please enter a real email address.”",
            400,
            "Invalid Resource",
            "looks fake or invalid, please enter a real email address.",
            "address_refused",
        ),
        second(
            "row 2: 400 Invalid Resource, “Please provide a valid email address.”",
            400,
            "Invalid Resource",
            "Please provide a valid email address.",
            "address_refused",
        ),
        second(
            "row 2: 400 Member In Compliance State",
            400,
            "Member In Compliance State",
            "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.",
            "compliance_state",
        ),
        second(
            "row 2: 400 Forgotten Email Not Subscribed, “was permanently deleted and cannot be re-imported.”",
            400,
            "Forgotten Email Not Subscribed",
            "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list.",
            "permanently_deleted",
        ),
        second(
            "row 2: 400, “has signed up to a lot of lists very recently”",
            400,
            "Invalid Resource",
            "has signed up to a lot of lists very recently; we're not allowing more signups for now",
            "signups_throttled",
        ),
        second(
            "row 2: 400, “Your merge fields were invalid.”",
            400,
            "Invalid Resource",
            "Your merge fields were invalid.",
            "attribute_refused",
        ),
        second("row 2: 400 of a kind that nobody knows", 400, "New", "new", "refused"),
        second("row 2: 403", 403, "Forbidden", "", "refused").doubtful(),
        second("row 2: 404", 404, "Resource Not Found", "", "refused").doubtful(),
        second("row 2: 405", 405, "Method Not Allowed", "", "refused").doubtful(),
        once("row 2: 429, then in a second batch 200", 429),
        once("row 2: 500, then in a second batch 200", 500),
        Case::new("row 2: 500 in each batch", {
            let mut expected = Expected::run(segue_state::Status::Partial);
            (expected.accepted, expected.failed) = (2, 1);
            followed(expected).calls("batch", 3).calls("status", 3).calls("results", 3).back(3)
        })
        .on("results", [archive(&[&three(&[(1, problem("1", 500, "InternalServerError", ""))])])]),
    ]
}

fn shapes() -> Vec<Case> {
    let text = |results: &[Value]| serde_json::to_string(results).unwrap();
    let html = json!({"status_code": 400, "operation_id": "1", "response": "<html>"});
    vec![
        Case::new("row 2: 400 with HTML", followed(Expected::completed(2).rejected(&[(2, "refused")])))
            .on("results", [archive(&[&three(&[(1, html)])])])
            .doubtful(),
        Case::new("row 2 is not in the results", followed(Expected::completed(2).unknown(1)))
            .on("results", [archive(&[&text(&[well(0), well(2)])])]),
        Case::new("a result of a row that was not sent", followed(Expected::completed(3)))
            .on("results", [archive(&[&text(&[well(0), well(1), well(2), well(999)])])]),
        Case::new(
            "row 2 is not in the results, and a 400 without an `operation_id` is",
            followed(Expected::completed(2).rejected(&[(0, "refused")])),
        )
        .on(
            "results",
            [archive(&[&text(&[well(0), well(2), json!({"status_code": 400, "response": "{}"})])])],
        )
        .doubtful(),
        Case::new("row 2 is in the results twice", followed(Expected::completed(3)))
            .on("results", [archive(&[&text(&[well(0), well(1), well(1), well(2)])])])
            .doubtful(),
        Case::new("an empty archive", followed(Expected::completed(0).unknown(3)))
            .on("results", [archive(&[])])
            .doubtful(),
    ]
}
