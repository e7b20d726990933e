//! The fan-out function: wiring only.

use fan_out::{App, Config, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use segue_platform::invoke::alias;
use segue_platform::{Aws, Deadline, Env, telemetry};
use segue_state::Role;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Env::process();
    telemetry::init(&env)?;
    let app = App::new(Config::from_env(&env)?, &Aws::load().await);
    let app = &app;
    run(service_fn(async |event: LambdaEvent<Value>| {
        let role = Role::by_alias(alias(&event.context.invoked_function_arn));
        handle(app, &event.payload, role, Deadline::at(event.context.deadline)).await.map_err(Error::from)
    }))
    .await
}
