//! The Klaviyo function: wiring only.

use aws_lambda_events::sqs::SqsEvent;
use klaviyo::Klaviyo;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use segue_delivery::{App, Config, handle};
use segue_platform::{Aws, Deadline, Env, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    telemetry::init(&env)?;
    let klaviyo = Klaviyo::from_env(&env)?;
    let app = App::new(Config::from_env(&env)?, Box::new(klaviyo), &Aws::load().await)?;
    let app = &app;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(handle(app, event.payload, Deadline::at(event.context.deadline)).await)
    }))
    .await
}
