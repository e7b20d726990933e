//! The results of a batch as Mailchimp hands them out: a gzipped tar of JSON files. Written byte by byte, so that no
//! library that the product uses writes it.

use serde_json::Value;
use wiremock::ResponseTemplate;

/// The link's answer: these files in one archive.
pub(crate) fn archive(files: &[&str]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(gzip(&tar(files)))
}

/// The same, cut off before its end.
pub(crate) fn cut_off(files: &[&str]) -> ResponseTemplate {
    let whole = gzip(&tar(files));
    ResponseTemplate::new(200).set_body_bytes(&whole[..whole.len() / 2])
}

/// What is no archive, in gzip.
pub(crate) fn no_archive(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(gzip(text.as_bytes()))
}

/// One operation's result: its answer is JSON in a text.
pub(crate) fn result(operation: &str, status: u16, response: &Value) -> Value {
    serde_json::json!({"status_code": status, "operation_id": operation, "response": response.to_string()})
}

/// A folder and files in it, as `tar` writes them.
fn tar(files: &[&str]) -> Vec<u8> {
    let mut bytes = header("./", 0, b'5').to_vec();
    for (number, text) in files.iter().enumerate() {
        bytes.extend(header(&format!("./{number}.json"), text.len(), b'0'));
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn header(name: &str, size: usize, kind: u8) -> [u8; 512] {
    let mut header = [0; 512];
    let fields = [
        (0, name.to_owned()),
        (100, "0000644\0".into()),
        (124, format!("{size:011o}\0")),
        (257, "ustar\x0000".into()),
    ];
    for (at, text) in fields {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    header[136..148].copy_from_slice(b"15000000000\0");
    header[148..156].fill(b' ');
    header[156] = kind;
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// In blocks that are stored as they are (RFC 1951, 3.2.4; RFC 1952).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks: Vec<&[u8]> = bytes.chunks(0xffff).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        out.push(u8::from(number + 1 == blocks.len()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(*block);
    }
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    };
    !bytes.iter().fold(!0, step)
}
