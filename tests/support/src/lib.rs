//! What tests need from outside their own process: the built command and plugins, and real servers.
//!
//! `cargo xtask test` builds everything, installs the servers, starts one of each for the whole run and tells
//! the tests through environment variables. A test that is run by itself, with plain `cargo test`, finds
//! the same things beside its own executable and starts a server of its own.
//!
//! | variable | meaning | without it |
//! |---|---|---|
//! | `PERSIST_E2E_BIN` | the `persist` executable | beside the test executable's directory |
//! | `PERSIST_PLUGIN_DIR` | directory of the built plugins | the same directory |
//! | `PERSIST_SEAWEEDFS` | the `weed` executable | below `<target>/servers` |
//! | `PERSIST_PROMETHEUS`, `PERSIST_ROTEL` | the `prometheus` and `rotel-agent` executables | the same |
//! | `PERSIST_TEST_S3_ENDPOINT`, `…_FILER`, `…_ACCESS_KEY`, `…_SECRET_KEY` | a running SeaweedFS | one is started |

mod artifacts;
mod error;
mod http;
mod place;
mod ports;
mod process;
mod prometheus;
mod recording;
mod rotel;
mod seaweedfs;
mod state;

pub use artifacts::{
    PERSIST_BIN_VARIABLE, PLUGIN_DIR_VARIABLE, PROMETHEUS_VARIABLE, PYTHON_CODECS, ROTEL_VARIABLE,
    ROTEL_VERSION, SEAWEEDFS_VARIABLE, SEAWEEDFS_VERSION, persist_bin, plugin_dir, profile_dir,
    prometheus_bin, python_codecs_dir, rotel_bin, seaweedfs_bin, servers_dir,
};
pub use error::{ServerError, with_causes};
pub use place::Place;
pub use prometheus::{Prometheus, promtool};
pub use recording::Recording;
pub use rotel::{Rotel, Span};
pub use seaweedfs::SeaweedFs;
pub use state::agent_state;
