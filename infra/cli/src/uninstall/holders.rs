//! Who has the stack's policies. IAM deletes no policy that somebody has, and so CloudFormation no stack.

use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata;

use crate::{App, Failure};

/// The stack's outputs that are policies for people and other systems.
const POLICIES: [&str; 4] =
    ["AdministratorsPolicyArn", "AdministratorsRunsPolicyArn", "ContributorsPolicyArn", "UpstreamPolicyArn"];

/// Somebody who has one of the stack's policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// `user`, `group` or `role`.
    pub(super) kind: &'static str,
    /// Its name.
    pub(super) name: String,
    /// The policy's ARN.
    pub(super) policy: String,
}

impl Holder {
    fn problem(&self) -> String {
        let Self { kind, name, policy } = self;
        format!("the {kind} `{name}` has the stack's policy {policy}, so the stack can't be deleted")
    }

    fn detach(&self) -> String {
        let Self { kind, name, policy } = self;
        format!("aws iam detach-{kind}-policy --{kind}-name {name} --policy-arn {policy}")
    }
}

/// That nobody has one of them.
///
/// # Errors
/// [`Failure`] that names those who have.
pub(super) fn none(holders: &[Holder]) -> Result<(), Failure> {
    let Some(first) = holders.first() else { return Ok(()) };
    let hint = format!("nothing was changed; detach what they have, as with: {}", first.detach());
    Err(Failure::all(holders.iter().map(Holder::problem).collect()).hint(hint))
}

/// Asks IAM.
///
/// # Errors
/// [`Failure`] if IAM does not say.
pub(super) async fn of(app: &App) -> Result<Vec<Holder>, Failure> {
    let client = Client::new(app.aws.config());
    let mut holders = Vec::new();
    for policy in POLICIES.iter().filter_map(|output| app.stack.offered(output)) {
        holders.extend(of_policy(&client, policy).await?);
    }
    Ok(holders)
}

async fn of_policy(client: &Client, policy: &str) -> Result<Vec<Holder>, Failure> {
    let holder =
        |kind, name: Option<&str>| Some(Holder { kind, name: name?.to_owned(), policy: policy.to_owned() });
    let mut found = Vec::new();
    let mut pages = client.list_entities_for_policy().policy_arn(policy).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            // Taking the stack away has got so far before.
            Err(error) if error.code() == Some("NoSuchEntity") => return Ok(found),
            Err(error) => {
                return Err(Failure::aws(&format!("asking who has {policy}"), error.code(), &error));
            }
        };
        found.extend(page.policy_users().iter().filter_map(|user| holder("user", user.user_name())));
        found.extend(page.policy_groups().iter().filter_map(|group| holder("group", group.group_name())));
        found.extend(page.policy_roles().iter().filter_map(|role| holder("role", role.role_name())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::config::{BehaviorVersion, Credentials, Region};
    use wiremock::matchers::body_string_contains;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const POLICY: &str = "arn:aws:iam::111122223333:policy/segue-ContributorsPolicy-1";

    async fn answering(status: u16, body: &str) -> (MockServer, Client) {
        let server = MockServer::start().await;
        Mock::given(body_string_contains("Action=ListEntitiesForPolicy"))
            .respond_with(ResponseTemplate::new(status).set_body_raw(body, "text/xml"))
            .mount(&server)
            .await;
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "tests"))
            .endpoint_url(server.uri());
        (server, Client::from_conf(config.build()))
    }

    #[tokio::test]
    async fn everybody_who_has_a_policy_is_named_with_how_to_detach_it() {
        let (_server, client) = answering(
            200,
            "<ListEntitiesForPolicyResponse><ListEntitiesForPolicyResult>\
             <PolicyGroups><member><GroupName>team</GroupName><GroupId>G</GroupId></member></PolicyGroups>\
             <PolicyRoles><member><RoleName>ci</RoleName><RoleId>R</RoleId></member></PolicyRoles>\
             <PolicyUsers><member><UserName>ann</UserName><UserId>U</UserId></member></PolicyUsers>\
             <IsTruncated>false</IsTruncated>\
             </ListEntitiesForPolicyResult></ListEntitiesForPolicyResponse>",
        )
        .await;
        let holders = of_policy(&client, POLICY).await.unwrap();
        insta::assert_snapshot!(none(&holders).unwrap_err().to_string(), @r"
        error: the user `ann` has the stack's policy arn:aws:iam::111122223333:policy/segue-ContributorsPolicy-1, so the stack can't be deleted
        error: the group `team` has the stack's policy arn:aws:iam::111122223333:policy/segue-ContributorsPolicy-1, so the stack can't be deleted
        error: the role `ci` has the stack's policy arn:aws:iam::111122223333:policy/segue-ContributorsPolicy-1, so the stack can't be deleted
        hint: nothing was changed; detach what they have, as with: aws iam detach-user-policy --user-name ann --policy-arn arn:aws:iam::111122223333:policy/segue-ContributorsPolicy-1
        ");
        assert_eq!(none(&[]), Ok(()));
    }

    #[tokio::test]
    async fn a_policy_that_is_gone_nobody_has_and_a_denial_is_told() {
        let error = |code: &str| {
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
            )
        };
        let (_server, client) = answering(404, &error("NoSuchEntity")).await;
        assert_eq!(of_policy(&client, POLICY).await, Ok(Vec::new()));
        let (_server, client) = answering(403, &error("AccessDenied")).await;
        assert!(of_policy(&client, POLICY).await.unwrap_err().to_string().contains("AccessDenied"));
    }
}
