//! What `POST /sandbox/seed` takes: additions to the seeded world and switches. Unknown fields are refused, so
//! that a misspelt seed is not a silent one.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::destination::Destination;
use crate::sign_in::SignInSeed;

/// A seed: everything is optional; what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// Whether the documented rate limits hold.
    pub limits: Option<bool>,
    /// Milliseconds that each answer takes, by destination; the others keep theirs.
    pub latency_ms: Option<std::collections::BTreeMap<Destination, u64>>,
    /// Snapchat's part.
    pub snapchat: SnapchatSeed,
    /// Mailchimp's part.
    pub mailchimp: MailchimpSeed,
    /// Klaviyo's part.
    pub klaviyo: KlaviyoSeed,
}

/// Snapchat's part of a seed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapchatSeed {
    /// Accounts to add; one with a known ad account replaces it.
    pub accounts: Vec<SnapchatAccount>,
    /// Segments to add or replace.
    pub segments: Vec<SnapchatSegment>,
    /// That many of the last identifiers of each upload are not taken: `number_uploaded_users` is short by it.
    pub undercount: Option<usize>,
    /// Lifetime of the access tokens issued from now on, in seconds.
    pub expires_in: Option<u64>,
    /// Each refresh answers with a new refresh token and the old one is dead.
    pub rotation: Option<bool>,
    /// Refresh answers carry no refresh token at all (never while `rotation` is on).
    pub omit_refresh_token: Option<bool>,
    /// All access tokens issued so far expire now.
    pub expire_tokens: bool,
    /// How its sign-in page behaves.
    pub sign_in: SignInSeed,
}

/// A Snapchat account: the credentials and the ad account that they can see.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapchatAccount {
    /// The OAuth app's id.
    pub client_id: String,
    /// The OAuth app's secret.
    pub client_secret: String,
    /// The refresh token that is valid at first.
    pub refresh_token: String,
    /// The organization, a UUID.
    #[serde(default = "crate::ids::uuid")]
    pub organization_id: String,
    /// The ad account, a UUID.
    #[serde(default = "crate::ids::uuid")]
    pub ad_account_id: String,
    /// Display name of organization and ad account.
    #[serde(default = "sandbox_name")]
    pub name: String,
}

/// A Snapchat segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapchatSegment {
    /// Its id, decimal.
    pub id: String,
    /// Whose it is; the first account's where it is left out.
    pub ad_account_id: Option<String>,
    /// Display name.
    #[serde(default = "sandbox_name")]
    pub name: String,
    /// `FIRST_PARTY` for customer lists.
    #[serde(default = "first_party")]
    pub source_type: String,
    /// Who is in it already: 64 hex digits each.
    #[serde(default)]
    pub hashes: Vec<String>,
}

/// Mailchimp's part of a seed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailchimpSeed {
    /// Accounts to add; one with a known `account_id` replaces its credentials.
    pub accounts: Vec<MailchimpAccount>,
    /// Audiences to add or to change.
    pub lists: Vec<MailchimpList>,
    /// Contacts to put in, whatever the rules.
    pub contacts: Vec<MailchimpContact>,
    /// Which addresses are refused, and with what text; replaces the rule for `fake…`.
    pub refuse: Option<Vec<Rule>>,
    /// How long an asynchronous batch takes, in milliseconds.
    pub batch_ms: Option<u64>,
    /// That many of the next operations of batches fail on the server's side, with 500, and change nothing.
    pub fail_operations: Option<u32>,
    /// How its sign-in page behaves.
    pub sign_in: SignInSeed,
}

/// A Mailchimp account and its credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailchimpAccount {
    /// An API key with its data centre, such as `sandboxkey-us19`.
    pub api_key: Option<String>,
    /// An OAuth token.
    pub oauth_token: Option<String>,
    /// The id of the OAuth app whose sign-in leads to this account.
    pub client_id: Option<String>,
    /// The OAuth app's secret.
    pub client_secret: Option<String>,
    /// The account's id.
    pub account_id: String,
    /// Display name.
    #[serde(default = "sandbox_name")]
    pub account_name: String,
}

/// A Mailchimp audience.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailchimpList {
    /// Its id.
    pub id: String,
    /// Whose it is; the first account's where it is left out.
    pub account_id: Option<String>,
    /// Display name.
    #[serde(default = "sandbox_name")]
    pub name: String,
    /// Replaces FNAME, LNAME, ADDRESS and PHONE.
    pub merge_fields: Option<Vec<MergeField>>,
}

/// A merge field of an audience.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeField {
    /// At most ten upper-case characters.
    pub tag: String,
    /// Display name.
    #[serde(default)]
    pub name: String,
    /// `text`, `number`, `address`, `phone`, …
    #[serde(default = "text_type", rename = "type")]
    pub kind: String,
    /// Whether a contact must have it.
    #[serde(default)]
    pub required: bool,
}

/// A contact that is in an audience already.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailchimpContact {
    /// The audience; the first account's first where it is left out.
    pub list: Option<String>,
    /// The address.
    pub email_address: String,
    /// `subscribed`, `unsubscribed`, `cleaned`, `pending`, `transactional`, `archived`, or `deleted` for one that
    /// was permanently deleted.
    pub status: String,
    /// Who unsubscribed an unsubscribed or archived one: `self` or `admin` (the default).
    pub by: Option<String>,
    /// Merge fields that it has.
    #[serde(default)]
    pub merge_fields: Map<String, Value>,
    /// Tags that it has.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Klaviyo's part of a seed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KlaviyoSeed {
    /// Accounts to add; one with a known `account_id` replaces its key.
    pub accounts: Vec<KlaviyoAccount>,
    /// Lists to add.
    pub lists: Vec<KlaviyoList>,
    /// Profiles to put in.
    pub profiles: Vec<KlaviyoProfile>,
    /// How long an import job takes, in milliseconds.
    pub job_ms: Option<u64>,
    /// Which addresses fail at import, and with what text; replaces the rule for `importfail…`.
    pub fail_imports: Option<Vec<Rule>>,
    /// Which addresses make the whole request a 400 that does not say whose they are; nobody's at the start.
    pub refuse_silently: Option<Vec<Rule>>,
    /// That many of the next import jobs end as `cancelled` and import nothing.
    pub cancel_jobs: Option<u32>,
    /// That many of the next import jobs never end: they are `processing` for as long as they are looked at.
    pub stall_jobs: Option<u32>,
    /// The records of all jobs that run to their end are gone now, and what they were to import is not imported.
    pub forget_jobs: bool,
    /// What `original_payload` holds: `resource` (the default), `attributes` or `none`.
    pub original_payload: Option<String>,
}

/// A Klaviyo account and its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlaviyoAccount {
    /// The private key.
    pub private_key: String,
    /// The account's id, which is its public key too.
    pub account_id: String,
    /// Display name.
    #[serde(default = "sandbox_name")]
    pub name: String,
    /// Scopes of the key, such as `lists:read`; all where it is left out.
    pub scopes: Option<Vec<String>>,
}

/// A Klaviyo list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlaviyoList {
    /// Its id.
    pub id: String,
    /// Whose it is; the first account's where it is left out.
    pub account_id: Option<String>,
    /// Display name.
    #[serde(default = "sandbox_name")]
    pub name: String,
}

/// A Klaviyo profile that is there already.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlaviyoProfile {
    /// Whose it is; the first account's where it is left out.
    pub account_id: Option<String>,
    /// The address.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Lists that it is on.
    #[serde(default)]
    pub lists: Vec<String>,
}

/// Singles addresses out: all given parts must fit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Start of the local part, lower case.
    pub local_prefix: Option<String>,
    /// The whole domain, lower case.
    pub domain: Option<String>,
    /// What is said of the address; the usual text where it is left out. Mailchimp also knows the words `fake`,
    /// `throttled`, `compliance` and `forgotten`.
    pub text: Option<String>,
}

fn sandbox_name() -> String {
    "Sandbox".into()
}

fn first_party() -> String {
    "FIRST_PARTY".into()
}

fn text_type() -> String {
    "text".into()
}
