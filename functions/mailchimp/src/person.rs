//! How Mailchimp names a contact of an audience: by the MD5 of the lower-case address.

use md5::{Digest, Md5};
use segue_delivery::Fingerprint;
use segue_segment::Profile;

/// The fingerprint of a profile: addresses are lower case by the time that they are staged.
pub(crate) fn fingerprint(profile: &Profile<'_>) -> Option<Fingerprint> {
    profile.email().map(of)
}

/// The fingerprint of a lower-case address.
pub(crate) fn of(email: &str) -> Fingerprint {
    Md5::digest(email.as_bytes()).into()
}

/// The fingerprint as it stands in paths.
pub(crate) fn hex(fingerprint: Fingerprint) -> String {
    format!("{:032x}", u128::from_be_bytes(fingerprint))
}

/// The fingerprint that a contact's `id` spells.
pub(crate) fn from_hex(id: &str) -> Option<Fingerprint> {
    let mut fingerprint = Fingerprint::default();
    let digits = id.as_bytes();
    if digits.len() != 2 * fingerprint.len() {
        return None;
    }
    for (byte, pair) in fingerprint.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(fingerprint)
}

#[cfg(test)]
mod tests {
    use segue_segment::{Chunk, ChunkWriter, Email, RowRef, destination::Form};

    use super::*;

    #[test]
    fn is_the_vendors_own_example() {
        let mut writer = ChunkWriter::new(Form::Profiles);
        let mut buffer = String::new();
        let email = Email::normalise(b"Urist.McVankab@freddiesjokes.com", &mut buffer).unwrap();
        writer.push_profile(RowRef { part: 0, row: 1 }, email, None, None);
        let chunk = Chunk::decode(writer.finish()).unwrap();
        let fingerprint = fingerprint(&chunk.profiles().next().unwrap()).unwrap();
        assert_eq!(hex(fingerprint), "62eeb292278cc15f5817cb78f7790b08");
        assert_eq!(from_hex("62eeb292278cc15f5817cb78f7790b08"), Some(fingerprint));
        assert_eq!(from_hex("62eeb292278cc15f5817cb78f7790b0"), None);
        assert_eq!(from_hex("zzeeb292278cc15f5817cb78f7790b08"), None);
    }
}
