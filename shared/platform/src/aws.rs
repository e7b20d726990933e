//! The AWS clients of a process, built once a cold start.

use aws_config::{BehaviorVersion, SdkConfig};

use crate::Env;

/// Clients share one configuration and one pool of connections.
#[derive(Clone)]
pub struct Aws {
    config: SdkConfig,
    path_style: bool,
}

impl Aws {
    /// Reads region, credentials and endpoint the way every AWS tool does.
    pub async fn load() -> Self {
        let env = Env::process();
        let local =
            env.optional("AWS_ENDPOINT_URL").or_else(|| env.optional("AWS_ENDPOINT_URL_S3")).is_some();
        Self { config: aws_config::load_defaults(BehaviorVersion::latest()).await, path_style: local }
    }

    /// The shared configuration, for a client that only one program needs.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// S3. An endpoint of one's own has no host name for each bucket, so the bucket goes into the path.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config =
            aws_sdk_s3::config::Builder::from(&self.config).force_path_style(self.path_style).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// Secrets Manager.
    #[must_use]
    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    /// Lambda.
    #[must_use]
    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }
}
