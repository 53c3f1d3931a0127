//! What a config says of logs and traces.

use std::path::PathBuf;

/// How the `persist` command logs: the table `log`. A program that embeds Persist has a log of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// The file to log to; standard error if there is none.
    pub file: Option<PathBuf>,
    /// What is logged, in the form of `PERSIST_LOG`.
    pub filter: Option<String>,
    /// How it is written.
    pub format: LogFormat,
    /// How often a new file begins.
    pub rotation: Rotation,
    /// How many files are kept where new ones begin; all if there is no number.
    pub keep: Option<u64>,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How often a new log file begins, by the clock in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Never: one file, with the configured name.
    #[default]
    Never,
    /// Every hour, with the hour at the end of its name.
    Hourly,
    /// Every day, with the date at the end of its name.
    Daily,
}

/// Where traces are sent: the table `traces`. What it leaves open, the standard `OTEL_` variables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracesConfig {
    /// The URL of an OTLP receiver, without a path.
    pub endpoint: Option<String>,
    /// How to speak to it.
    pub protocol: Option<OtlpProtocol>,
}

/// A protocol of OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// gRPC, usually on port 4317.
    Grpc,
    /// Protocol buffers over HTTP, usually on port 4318.
    #[default]
    HttpProtobuf,
}

impl LogFormat {
    /// The format's name in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Rotation {
    /// Its name in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
        }
    }
}

impl OtlpProtocol {
    /// The protocol's name in the config and in variables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }

    /// The protocol with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Grpc, Self::HttpProtobuf].into_iter().find(|protocol| protocol.name() == name)
    }
}
