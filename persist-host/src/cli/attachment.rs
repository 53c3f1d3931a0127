//! `persist attachment`.

use persist_host::{AttachMode, AttachRequest, AttachmentInfo, SnapshotRef};

use super::args::{AttachmentCommand, GetArgs, PutArgs};
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::input::Input;
use super::output::{Output, plain, size};
use super::output_file::{OutputFile, off_thread};
use super::progress::Progress;
use super::restore::JsonReport;

pub(crate) async fn run(command: AttachmentCommand, context: &Context) -> Outcome {
    match command {
        AttachmentCommand::Put(args) => put(args, context).await,
        AttachmentCommand::Get(args) => get(args, context).await,
        AttachmentCommand::List { reference } => list(&reference, context).await,
    }
}

async fn put(args: PutArgs, context: &Context) -> Outcome {
    let store = context.store().await?;
    let content = Input::new(args.file).read(context.output()).await?;
    let mut request = AttachRequest::new(args.reference, args.name, content);
    request.media_type = args.media_type;
    request.mode = match (args.once, args.keep) {
        (true, _) => AttachMode::Once,
        (false, true) => AttachMode::Keep,
        (false, false) => AttachMode::Upsert,
    };
    let progress = Progress::start(context.output(), "attaching");
    let info = store.attach(request).await?;
    drop(progress);
    row(&info, context.output())?;
    Ok(Exit::Done)
}

async fn get(args: GetArgs, context: &Context) -> Outcome {
    let path = args.output.filter(|path| path.as_os_str() != "-");
    // A file that may not be overwritten is reported before anything is fetched.
    let target =
        path.map(|path| OutputFile::new(path.clone(), args.force).map(|file| (path, file))).transpose()?;
    let store = context.store().await?;
    let progress = Progress::start(context.output(), "reading");
    let (info, content) = store.read_attachment(&args.reference, &args.name).await?;
    let output = context.output();
    let Some((path, file)) = target else {
        drop(progress);
        output.raw(&content)?;
        return Ok(Exit::Done);
    };
    off_thread(move || file.write(&content)).await?;
    drop(progress);
    if output.is_json() {
        output.object(&JsonReport { info: &info, output: &path.to_string_lossy() })?;
    } else {
        output.note(&format!("wrote {} to {} ({})", title(&info), path.display(), size(info.content_length)));
    }
    Ok(Exit::Done)
}

async fn list(reference: &SnapshotRef, context: &Context) -> Outcome {
    let output = context.output();
    let attachments = context.store().await?.attachments(reference).await?;
    for info in &attachments {
        row(info, output)?;
    }
    if attachments.is_empty() && !output.is_json() {
        output.note("there are no attachments");
    }
    Ok(Exit::Done)
}

fn row(info: &AttachmentInfo, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(info);
    }
    let (length, stored) = (size(info.content_length), size(info.stored_bytes));
    let text =
        format!("{}  version {}  {length} ({stored} stored)  {}", title(info), info.version, info.media_type);
    output.line(&plain(&text).replace('\n', "\\n"))
}

fn title(info: &AttachmentInfo) -> String {
    format!("{}@{} {:?}", info.session(), info.snapshot_index, info.name.as_str())
}
