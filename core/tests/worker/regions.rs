//! What would go to a region, or a partition, that knows nothing of the activity.

use std::sync::Arc;

use activity_worker::Worker;
use activity_worker::aws::{ActivityArn, ActivityClient, Credentials, HttpsTransport, StaticCredentials};
use activity_worker::worker::{Activity, StartError};

#[test]
fn field_14_a_worker_whose_client_signs_for_another_region_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let client = |region: &str| {
        let transport = HttpsTransport::builder().build().unwrap();
        let keys = Credentials::new("AKID", "sEcReT", None, None);
        let keys = Arc::new(StaticCredentials::new(keys));
        ActivityClient::builder(region).credentials(keys).transport(Arc::new(transport)).build().unwrap()
    };
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    let origin = "aws/eu-west-1/123456789012".parse().unwrap();
    let worker =
        |region| Worker::builder().client(client(region)).state_dir(dir.path()).allow_unsafe_storage(true);
    let by_activity = worker("us-east-1").activity(Activity::deferred(arn));
    let by_region = worker("us-east-1").origin(origin);
    for (worker, said) in [
        (by_activity, "signs for aws/us-east-1, and aws/eu-west-1/123456789012 is elsewhere"),
        (by_region, "signs for aws/us-east-1, and aws/eu-west-1/123456789012 is elsewhere"),
    ] {
        match worker.start() {
            Err(StartError::Config(told)) => assert!(told.contains(said), "{told}"),
            other => panic!("{:?}", other.map(drop)),
        }
    }
}
