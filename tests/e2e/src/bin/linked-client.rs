//! A program that does one thing to a store on local disk, with all its storage calls made by one thread.
//!
//! ```text
//! linked-client ROOT SESSION save STEP     saves the state of a step
//! linked-client ROOT SESSION collect       frees the space of deleted snapshots
//! linked-client ROOT SESSION compact       erases deleted snapshots
//! ```

use std::{
    env,
    error::Error,
    io::{IoSlice, stderr},
    path::Path,
    process::ExitCode,
};

use persist_e2e::linked::{Action, runtime, store};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = persist_test_support::with_causes(&*error);
            // Not `write`, which a test may have made to fail.
            let _ = rustix::io::writev(stderr(), &[IoSlice::new(text.as_bytes())]);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [root, session, action @ ..] = arguments else { return Err("expected ROOT SESSION ACTION".into()) };
    let action = match action {
        [action, step] if action == "save" => Action::Save(step.parse()?),
        [action] if action == "collect" => Action::Collect,
        [action] if action == "compact" => Action::Compact,
        other => return Err(format!("there is no action {other:?}").into()),
    };
    let session = session.parse()?;
    runtime().block_on(async { action.run(&store(Path::new(root)).await, &session).await })?;
    Ok(())
}
