//! The figures as a table or as JSON.

use std::time::Duration;

use persist_host::StoreOptions;
use serde::Serialize;

use super::codec::Volume;
use super::figures::{Figures, SessionFigures, percentile, ratio};
use crate::cli::failure::Failure;
use crate::cli::output::{Output, plain, size};

/// The columns of the table of sessions; times are medians.
const HEADS: [&str; 9] =
    ["SESSION", "SNAPSHOTS", "RAW", "STORED", "IDEAL", "× IDEAL", "SAVE", "RESTORE", "OBJECTS"];

/// Prints the figures of all sessions.
pub(super) fn print(
    sessions: &[SessionFigures],
    options: &StoreOptions,
    output: &Output,
) -> Result<(), Failure> {
    let total = Figures::total(sessions);
    if output.is_json() {
        return output.object(&JsonReport {
            figures: JsonFigures::new(&total, options),
            sessions: sessions.iter().map(|session| JsonSession::new(session, options)).collect(),
        });
    }
    if sessions.len() > 1 {
        let heads = HEADS.map(ToOwned::to_owned);
        let rows: Vec<_> = std::iter::once(heads).chain(sessions.iter().map(session_row)).collect();
        let width = rows.iter().map(|[name, ..]| name.chars().count()).max().unwrap_or_default();
        for [name, snapshots, raw, stored, ideal, ratio, save, restore, objects] in rows {
            output.line(&format!(
                "{name:<width$}  {snapshots:>9}  {raw:>10}  {stored:>10}  {ideal:>10}  {ratio:>7}  {save:>10}  \
                 {restore:>10}  {objects:>7}"
            ))?;
        }
        output.line("")?;
    }
    for (name, text) in summary(&total, options) {
        output.line(&format!("{name:<11}{}", plain(&text)))?;
    }
    Ok(())
}

/// All figures of a run, each with what it means beside it.
fn summary(total: &Figures, options: &StoreOptions) -> Vec<(&'static str, String)> {
    let codec = options.codec_name.as_deref().unwrap_or("uncompressed");
    let comparison = &total.comparison;
    let stored = total.stored;
    let mut lines = vec![
        ("store", format!("{}: {}, {codec}", options.name, options.storage_name)),
        ("snapshots", total.snapshots().to_string()),
        ("raw", size(comparison.raw)),
        (
            "stored",
            format!(
                "{}, {} × ideal, {} bytes a snapshot; {} in blocks of 4096 bytes",
                size(stored.bytes),
                decimal(total.ratio_to_ideal(), 2),
                decimal(total.bytes_per_snapshot(), 0),
                size(stored.allocated)
            ),
        ),
        ("ideal", format!("{}: what is new in each state, deflated", size(comparison.ideal))),
    ];
    if let Some(gzip) = comparison.gzip {
        let factor = decimal(ratio(gzip, stored.bytes), 1);
        lines.push(("gzip", format!("{}: each state by itself; {factor} × stored", size(gzip))));
    }
    let times = |durations: &[Duration]| {
        let percentile = |percentage| decimal(percentile(durations, percentage).map(milliseconds), 2);
        format!("p50 {} ms, p99 {} ms", percentile(50), percentile(99))
    };
    let cpu = decimal(total.save_cpu_mean().map(milliseconds), 2);
    lines.push(("save", format!("{}; CPU {cpu} ms on average", times(&total.saves))));
    lines.push((
        "restore",
        format!("{}; objects read: at most {}", times(&total.restores), total.max_objects),
    ));
    let (compressed, decompressed) = (total.codecs.compressed, total.codecs.decompressed);
    if compressed.raw > 0 {
        let speed = |volume: Volume| decimal(volume.speed(), 0);
        lines.push((
            "codec",
            format!(
                "makes what it is given {} × smaller, {} MB/s; back {} MB/s",
                decimal(compressed.ratio(), 2),
                speed(compressed),
                speed(decompressed)
            ),
        ));
    }
    lines
}

fn session_row(session: &SessionFigures) -> [String; HEADS.len()] {
    let figures = &session.figures;
    let median = |durations: &[Duration]| {
        let median = percentile(durations, 50).map(milliseconds);
        format!("{} ms", decimal(median, 2))
    };
    let name = match &session.directory {
        Some(directory) => directory.display().to_string(),
        None => session.session.to_string(),
    };
    [
        plain(&name).replace('\n', "\\n"),
        figures.snapshots().to_string(),
        size(figures.comparison.raw),
        size(figures.stored.bytes),
        size(figures.comparison.ideal),
        decimal(figures.ratio_to_ideal(), 2),
        median(&figures.saves),
        median(&figures.restores),
        figures.max_objects.to_string(),
    ]
}

/// A number with so many decimals, or a dash for none.
fn decimal(number: Option<f64>, decimals: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.decimals$}"))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The figures of the whole run, and of each session.
#[derive(Serialize)]
struct JsonReport<'a> {
    #[serde(flatten)]
    figures: JsonFigures<'a>,
    sessions: Vec<JsonSession<'a>>,
}

#[derive(Serialize)]
struct JsonSession<'a> {
    session: String,
    directory: Option<String>,
    #[serde(flatten)]
    figures: JsonFigures<'a>,
}

#[derive(Serialize)]
struct JsonFigures<'a> {
    storage: &'a str,
    codec: Option<&'a str>,
    snapshots: usize,
    raw_bytes: u64,
    stored_bytes: u64,
    allocated_bytes: u64,
    ideal_bytes: u64,
    gzip_bytes: Option<u64>,
    ratio_to_ideal: Option<f64>,
    bytes_per_snapshot: Option<f64>,
    save_ms_p50: Option<f64>,
    save_ms_p99: Option<f64>,
    save_cpu_ms_mean: Option<f64>,
    restore_ms_p50: Option<f64>,
    restore_ms_p99: Option<f64>,
    max_objects_per_restore: u64,
    codec_ratio: Option<f64>,
    compress_mb_s: Option<f64>,
    decompress_mb_s: Option<f64>,
}

impl<'a> JsonSession<'a> {
    fn new(session: &SessionFigures, options: &'a StoreOptions) -> Self {
        Self {
            session: session.session.to_string(),
            directory: session.directory.as_ref().map(|path| path.to_string_lossy().into_owned()),
            figures: JsonFigures::new(&session.figures, options),
        }
    }
}

impl<'a> JsonFigures<'a> {
    fn new(figures: &Figures, options: &'a StoreOptions) -> Self {
        let rounded = |number: f64| (number * 1e3).round() / 1e3;
        let time = |duration: Option<Duration>| duration.map(milliseconds).map(rounded);
        Self {
            storage: &options.storage_name,
            codec: options.codec_name.as_deref(),
            snapshots: figures.snapshots(),
            raw_bytes: figures.comparison.raw,
            stored_bytes: figures.stored.bytes,
            allocated_bytes: figures.stored.allocated,
            ideal_bytes: figures.comparison.ideal,
            gzip_bytes: figures.comparison.gzip,
            ratio_to_ideal: figures.ratio_to_ideal().map(rounded),
            bytes_per_snapshot: figures.bytes_per_snapshot().map(rounded),
            save_ms_p50: time(percentile(&figures.saves, 50)),
            save_ms_p99: time(percentile(&figures.saves, 99)),
            save_cpu_ms_mean: time(figures.save_cpu_mean()),
            restore_ms_p50: time(percentile(&figures.restores, 50)),
            restore_ms_p99: time(percentile(&figures.restores, 99)),
            max_objects_per_restore: figures.max_objects,
            codec_ratio: figures.codecs.compressed.ratio().map(rounded),
            compress_mb_s: figures.codecs.compressed.speed().map(rounded),
            decompress_mb_s: figures.codecs.decompressed.speed().map(rounded),
        }
    }
}
