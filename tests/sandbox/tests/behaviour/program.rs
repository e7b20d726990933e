//! The program: its one line, its environment, its end.
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

fn started(arguments: &[&str], environment: &[(&str, &str)]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(arguments)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

fn ended_by(signal: &str, mut child: Child) -> bool {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().success()
}

#[tokio::test]
async fn the_program_says_where_it_listens_records_and_ends_on_signals() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["-TERM", "-INT"] {
        let record = folder.path().to_str().unwrap();
        let (child, line) =
            started(&["--port", "0"], &[("SANDBOX_RECORD", record), ("SANDBOX_LIMITS", "off")]);
        let url = line.strip_prefix("sandbox listening on ").unwrap().trim();
        assert!(url.starts_with("http://127.0.0.1:"));
        let answer = reqwest::get(format!("{url}/mailchimp/3.0/ping")).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(ended_by(signal, child));
    }
    let recorded = std::fs::read_to_string(folder.path().join("requests.ndjson")).unwrap();
    assert_eq!(recorded.lines().count(), 2);
}

#[test]
fn a_wrong_option_is_a_usage_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    let status = command.arg("--latency-ms").arg("soon").stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}
