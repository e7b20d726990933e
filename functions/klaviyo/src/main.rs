//! The Klaviyo function: wiring only.

use klaviyo::Klaviyo;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use segue_delivery::{App, Config, invoked};
use segue_platform::{Aws, Deadline, Env, telemetry};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    telemetry::init(&env)?;
    let klaviyo = Klaviyo::from_env(&env)?;
    let app = App::new(Config::from_env(&env)?, Box::new(klaviyo), &Aws::load().await)?;
    let app = &app;
    run(service_fn(async |event: LambdaEvent<Value>| {
        let deadline = Deadline::at(event.context.deadline);
        invoked(app, event.payload, &event.context.invoked_function_arn, deadline).await.map_err(Error::from)
    }))
    .await
}
